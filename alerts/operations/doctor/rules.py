"""What Gmail, Yahoo and Microsoft ask of bulk senders, held against the findings. Pure.

The rules are those published by late 2026: Gmail's from about 5,000 messages a day to personal
accounts, Microsoft's over 5,000 a day to its consumer domains, Yahoo's for all bulk mail.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from alerts.operations.doctor.findings import PAGE, Check, Finding, Level


class Provider(enum.StrEnum):
    """Whose rule it is."""

    GMAIL = "Gmail"
    YAHOO = "Yahoo"
    MICROSOFT = "Microsoft"


class Verdict(enum.StrEnum):
    """Whether a rule is kept, as far as it can be seen from here."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of one provider, and the checks that it follows from.

    A rule without checks cannot be seen from here: `watch` says where it can.
    """

    provider: Provider
    rule: str
    checks: tuple[Check, ...] = ()
    watch: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """A rule with what became of it, and why."""

    rule: Rule
    verdict: Verdict
    why: str

    def as_json(self) -> dict[str, Any]:
        """Return the rule as it stands in `--json`."""
        return {
            "provider": self.rule.provider.value,
            "rule": self.rule.rule,
            "result": self.verdict.value,
            "checks": [check.value for check in self.rule.checks],
            "why": self.why,
            "link": f"{PAGE}#{self.rule.provider.lower()}",
        }


_LINKS = (Check.BASE_URL, Check.HEALTH, Check.UNSUBSCRIBE_LINK)
_POSTMASTER = "postmaster.google.com shows the rate by day"
_YAHOO_LOOP = "senders.yahooinc.com has the complaint feedback loop"
_SNDS = "sendersupport.olc.protection.outlook.com/snds shows complaints by sending address"

RULES = (
    Rule(Provider.GMAIL, "SPF for the envelope's domain", (Check.SPF,)),
    Rule(Provider.GMAIL, "DKIM with the sender's own domain", (Check.DKIM,)),
    Rule(Provider.GMAIL, "DMARC, at least p=none", (Check.DMARC,)),
    Rule(Provider.GMAIL, "From aligned with SPF or DKIM", (Check.SENDER, Check.ALIGNMENT)),
    Rule(Provider.GMAIL, "sending addresses have names that lead back (PTR)", (Check.PTR,)),
    Rule(
        Provider.GMAIL,
        "TLS on the way to Gmail",
        watch="the relay's log shows it; most relays use TLS wherever it is offered",
    ),
    Rule(Provider.GMAIL, "one-click unsubscribing over https, within 48 hours", _LINKS),
    Rule(Provider.GMAIL, "complaints under 0.1 %, never 0.3 %", watch=_POSTMASTER),
    Rule(Provider.YAHOO, "SPF for the envelope's domain", (Check.SPF,)),
    Rule(Provider.YAHOO, "DKIM with a key of 1024 bits or more", (Check.DKIM,)),
    Rule(Provider.YAHOO, "DMARC, at least p=none", (Check.DMARC,)),
    Rule(Provider.YAHOO, "From aligned with SPF or DKIM", (Check.SENDER, Check.ALIGNMENT)),
    Rule(Provider.YAHOO, "sending addresses have names that lead back (PTR)", (Check.PTR,)),
    Rule(Provider.YAHOO, "one-click unsubscribing, within 2 days", _LINKS),
    Rule(Provider.YAHOO, "few complaints, under 0.3 %", watch=_YAHOO_LOOP),
    Rule(Provider.MICROSOFT, "SPF for the envelope's domain", (Check.SPF,)),
    Rule(Provider.MICROSOFT, "DKIM with the sender's own domain", (Check.DKIM,)),
    Rule(Provider.MICROSOFT, "DMARC, at least p=none (else 550 5.7.515)", (Check.DMARC,)),
    Rule(Provider.MICROSOFT, "From aligned with SPF or DKIM", (Check.SENDER, Check.ALIGNMENT)),
    Rule(Provider.MICROSOFT, "a sender's address that takes mail", (Check.SENDER, Check.MX)),
    Rule(Provider.MICROSOFT, "a working unsubscribe link", _LINKS),
    Rule(Provider.MICROSOFT, "few complaints", watch=_SNDS),
)


def judge(findings: Sequence[Finding]) -> list[Judged]:
    """Return every rule with its verdict."""
    return [_judged(rule, findings) for rule in RULES]


def _judged(rule: Rule, findings: Sequence[Finding]) -> Judged:
    if not rule.checks:
        return Judged(rule, Verdict.UNKNOWN, f"cannot be seen from here: {rule.watch}")
    concerned = [finding for finding in findings if finding.check in rule.checks]
    wrong = [finding for finding in concerned if finding.level is Level.ERROR]
    if wrong:
        return Judged(rule, Verdict.FAILED, wrong[0].what)
    unknown = [finding for finding in concerned if not finding.known]
    if unknown:
        return Judged(rule, Verdict.UNKNOWN, unknown[0].what)
    missing = sorted({*rule.checks} - {finding.check for finding in concerned})
    if missing:
        return Judged(rule, Verdict.UNKNOWN, f"not looked at: {', '.join(missing)}")
    return Judged(rule, Verdict.PASSED, concerned[0].what)
