"""What a domain asks of receivers (DMARC, RFC 7489), and whether our mail meets it."""

from dataclasses import dataclass

from alerts.operations.doctor.domains import is_aligned, organisational_domain
from alerts.operations.doctor.findings import Check, Finding, shown
from alerts.operations.doctor.names import CouldNotAsk, Names, asked
from alerts.operations.doctor.tags import BadTags, read_tags

_DMARC, _ALIGNMENT = Check.DMARC, Check.ALIGNMENT
_VERSION = "DMARC1"
_MOST_REPORTS = 5
_POLICIES = ("none", "quarantine", "reject")


class BadDmarc(Exception):
    """Receivers take this record for none; the text says why."""


@dataclass(frozen=True, slots=True)
class Dmarc:
    """A policy: `none`, `quarantine` or `reject`, and how strictly domains have to agree."""

    policy: str
    strict_dkim: bool = False
    strict_spf: bool = False
    reports: str = ""
    share: str = "100"


@dataclass(frozen=True, slots=True)
class Sending:
    """One kind of mail: the domain of its From, of its envelope, and of its signature.

    `envelope_domain` is None where a provider chooses it, `signed_by` where it signs; `signed_by`
    is empty where nobody is known to sign.
    """

    from_domain: str
    envelope_domain: str | None
    signed_by: str | None


def dmarc_texts(names: Names, domain: str) -> tuple[str, list[str]]:
    """Return where the policy for a domain stands and its records (section 6.6.3).

    That is the domain itself, else its organisational one. Raises CouldNotAsk.
    """
    places = dict.fromkeys((domain, organisational_domain(domain)))
    for place in places:
        texts = asked(names.texts, f"_dmarc.{place}")
        found = [text for text in texts if text.partition(";")[0].replace(" ", "") == "v=DMARC1"]
        if found:
            return place, found
    return domain, []


def read_dmarc(text: str, *, for_subdomain: bool = False) -> Dmarc:
    """Read a record (section 6.3); raises BadDmarc."""
    try:
        tags = read_tags(text)
    except BadTags as error:
        raise BadDmarc(str(error)) from error
    policy = tags.get("p", "").lower()
    if policy not in _POLICIES:
        raise BadDmarc(f"p={policy or '(missing)'} is none of {', '.join(_POLICIES)}")
    if for_subdomain:
        policy = tags.get("sp", policy).lower()
    return Dmarc(
        policy=policy if policy in _POLICIES else tags["p"].lower(),
        strict_dkim=tags.get("adkim", "r").lower() == "s",
        strict_spf=tags.get("aspf", "r").lower() == "s",
        reports=tags.get("rua", ""),
        share=tags.get("pct", "100"),
    )


def check_dmarc(names: Names, domain: str) -> tuple[list[Finding], Dmarc | None]:
    """Judge the policy for a From domain; return it too, where there is one."""
    try:
        place, found = dmarc_texts(names, domain)
    except CouldNotAsk as error:
        what = f"{domain}: could not ask for the DMARC record: {error}"
        return [Finding.unknown(_DMARC, what)], None
    name = f"_dmarc.{place}"
    if not found:
        what = f"{domain} has no DMARC record"
        mend = f"Add a TXT record at {name}: v=DMARC1; p=none; rua=mailto:postmaster@{domain}"
        return [Finding.error(_DMARC, what, mend)], None
    if len(found) > 1:
        what = f"{name} has {len(found)} DMARC records; receivers then take none"
        return [Finding.error(_DMARC, what, "Keep one TXT record there.")], None
    try:
        policy = read_dmarc(found[0], for_subdomain=place != domain)
    except BadDmarc as error:
        mend = "Write v=DMARC1; p=none; and what else it says, each once."
        return [Finding.error(_DMARC, f"{name}: {shown(error)}", mend)], None
    return [*_judged(domain, name, policy), *_reports_elsewhere(names, place, policy)], policy


def _reports_elsewhere(names: Names, domain: str, policy: Dmarc) -> list[Finding]:
    """Tell which other organisation's domain has not agreed to get reports (section 7.1)."""
    findings = []
    for address in policy.reports.split(",")[:_MOST_REPORTS]:
        other = address.partition("!")[0].strip().rpartition("@")[2].lower()
        if not other or organisational_domain(other) == organisational_domain(domain):
            continue
        place = f"{domain}._report._dmarc.{other}"
        try:
            agreed = any(text.startswith("v=DMARC1") for text in asked(names.texts, place))
        except CouldNotAsk:
            continue
        if not agreed:
            what = f"reports on {domain} are to go to {shown(other)}, which has not agreed"
            mend = f"Have a TXT record v=DMARC1 put at {shown(place)}, or name an address of yours."
            findings.append(Finding.note(_DMARC, what, mend))
    return findings


def _judged(domain: str, name: str, policy: Dmarc) -> list[Finding]:
    findings = [Finding.ok(_DMARC, f"{domain}: p={policy.policy} at {name}")]
    if policy.policy == "none":
        what = f"{name}: p=none watches and keeps no forger away"
        mend = "Once the reports show that all mail passes, write p=quarantine, then p=reject."
        findings.append(Finding.note(_DMARC, what, mend))
    if not policy.reports:
        what = f"{name} has no rua=, so that nobody learns who fails"
        findings.append(Finding.note(_DMARC, what, f"Add rua=mailto:postmaster@{domain}."))
    elif not any(one.strip().lower().startswith("mailto:") for one in policy.reports.split(",")):
        what = f"{name}: rua={shown(policy.reports)} is no mailto: address, so that no report comes"
        findings.append(Finding.note(_DMARC, what, f"Write rua=mailto:postmaster@{domain}."))
    if policy.share != "100":
        what = f"{name}: pct={shown(policy.share)} lets a part of what fails through"
        findings.append(Finding.note(_DMARC, what, "Remove pct= when you are sure."))
    return findings


def check_alignment(sending: Sending, policy: Dmarc | None) -> Finding:
    """Tell whether SPF or DKIM speaks for the From domain; one of them is enough.

    The organisational domain follows from a small rule, see `domains`.
    """
    policy = policy or Dmarc("none")
    aligned = []
    if sending.signed_by and is_aligned(
        sending.signed_by, sending.from_domain, strict=policy.strict_dkim
    ):
        aligned.append(f"DKIM by d={sending.signed_by}")
    if sending.envelope_domain and is_aligned(
        sending.envelope_domain, sending.from_domain, strict=policy.strict_spf
    ):
        aligned.append(f"SPF by the envelope's {sending.envelope_domain}")
    domain = sending.from_domain
    if len(aligned) > 1:
        return Finding.ok(_ALIGNMENT, f"{domain}: aligned are {' and '.join(aligned)}")
    if sending.signed_by is None or sending.envelope_domain is None:
        what = f"{domain}: the provider signs or chooses the envelope; its alignment is set there"
        return Finding.unknown(
            _ALIGNMENT, what, f"Verify {domain} there, with its DKIM records and return path."
        )
    if aligned:
        other = "DKIM" if aligned[0].startswith("SPF") else "SPF"
        what = f"{domain}: aligned is {aligned[0]} alone; where that breaks, DMARC fails"
        return Finding.warning(_ALIGNMENT, what, f"Align {other} too: see the documentation.")
    what = f"{domain}: neither DKIM nor SPF is aligned with From, so that DMARC fails"
    mend = f"Sign for {domain} (ALERTS_DKIM_DOMAIN), or use an envelope sender under it."
    return Finding.error(_ALIGNMENT, what, mend)
