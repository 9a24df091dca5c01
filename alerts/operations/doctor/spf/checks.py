"""What a domain's SPF record says of the mail that is sent in its name."""

from dataclasses import dataclass

from alerts.operations.doctor.findings import Check, Finding, shown
from alerts.operations.doctor.names import CouldNotAsk, Names
from alerts.operations.doctor.spf.evaluation import (
    MOST_LOOKUPS,
    MOST_VOID_LOOKUPS,
    Cost,
    Evaluation,
    Result,
    cost_of,
    spf_records,
)
from alerts.operations.doctor.spf.record import BadSpf, Spf, read_spf

_SPF = Check.SPF


@dataclass(frozen=True, slots=True)
class Outlets:
    """The public IP addresses from which mail goes out; `certain` when the settings name them.

    Else they are the relay's own, from which it most probably sends.
    """

    addresses: tuple[str, ...] = ()
    certain: bool = False


def check_spf(
    names: Names, domain: str, outlets: Outlets, *, in_envelope: bool = True
) -> list[Finding]:
    """Judge a domain's SPF record: there once, well written, cheap, closed, with our addresses.

    A domain that stands in no envelope is asked for its record by few; without one it gets a note.
    """
    try:
        return _judged(names, domain, outlets, in_envelope=in_envelope)
    except CouldNotAsk as error:
        return [Finding.unknown(_SPF, f"{domain}: could not ask for the SPF record: {error}")]


def _judged(names: Names, domain: str, outlets: Outlets, *, in_envelope: bool) -> list[Finding]:
    found = spf_records(names, domain)
    if not found:
        return [_missing(domain, outlets, in_envelope=in_envelope)]
    if len(found) > 1:
        what = f"{domain} has {len(found)} SPF records; receivers then take none of them"
        return [Finding.error(_SPF, what, "Put all into one TXT record and remove the others.")]
    try:
        record = read_spf(found[0])
    except BadSpf as error:
        what = f"{domain}: the SPF record is not well written: {shown(error)}"
        return [Finding.error(_SPF, what, "Correct the TXT record that begins with v=spf1.")]
    findings = [*_end(names, domain, record), *_cost(domain, cost_of(names, domain, record))]
    findings += [_passes(names, domain, one, outlets) for one in outlets.addresses]
    return findings or [Finding.ok(_SPF, f"{domain}: one SPF record, closed and within its limits")]


def _missing(domain: str, outlets: Outlets, *, in_envelope: bool) -> Finding:
    if not in_envelope:
        return Finding.note(
            _SPF,
            f"{domain} stands in From and has no SPF record; receivers ask for the envelope's one",
            "A TXT record `v=spf1 -all`, or the one of the envelope's domain, says whose it is.",
        )
    words = [f"ip{6 if ':' in one else 4}:{one}" for one in outlets.addresses]
    advised = " ".join(["v=spf1", *(words or ["(your relay's include: or ip4:)"]), "~all"])
    return Finding.error(
        _SPF, f"{domain} has no SPF record", f"Add a TXT record at {domain}: {advised}"
    )


def _end(names: Names, domain: str, record: Spf, *, hops: int = MOST_LOOKUPS) -> list[Finding]:
    last = record.last
    if last is not None and last.qualifier == "+":
        what = f"{domain}: the SPF record ends in +all: the whole world may send in its name"
        return [Finding.error(_SPF, what, "Write ~all or -all instead.")]
    if last is not None and last.qualifier in "-~":
        return []
    if last is None and record.redirect and "%" not in record.redirect:
        behind = spf_records(names, record.redirect)
        try:
            followed = read_spf(behind[0]) if len(behind) == 1 and hops else None
        except BadSpf:
            followed = None
        # What is broken behind it is told where the questions are counted.
        return _end(names, domain, followed, hops=hops - 1) if followed else []
    what = f"{domain}: the SPF record ends in neither -all nor ~all, so that it refuses nobody"
    return [Finding.warning(_SPF, what, "Write ~all, later -all, at its end.")]


def _cost(domain: str, cost: Cost) -> list[Finding]:
    findings = []
    if cost.lookups > MOST_LOOKUPS:
        some = f"{cost.lookups} or more" if cost.more_than_followed else cost.lookups
        findings.append(
            Finding.error(
                _SPF,
                f"{domain}: the SPF record asks DNS {some} times, {MOST_LOOKUPS} are allowed;"
                " receivers then take it for broken",
                "Remove includes no longer used; write ip4: and ip6: for hosts of your own.",
            )
        )
    findings += [
        Finding.error(
            _SPF,
            f"{domain}: the SPF record includes what is of no use: {shown(what)}",
            "Remove that include, or ask whoever runs that domain.",
        )
        for what in cost.broken[:3]
    ]
    if cost.void > MOST_VOID_LOOKUPS:
        what = f"{domain}: {cost.void} names in the SPF record have no address"
        mend = f"Remove them: receivers may stop after {MOST_VOID_LOOKUPS}."
        findings.append(Finding.warning(_SPF, what, mend))
    if cost.pointers:
        what = f"{domain}: the SPF record uses ptr, which RFC 7208 section 5.5 advises against"
        findings.append(Finding.warning(_SPF, what, "Write ip4: and ip6: instead."))
    return findings


def _passes(names: Names, domain: str, address: str, outlets: Outlets) -> Finding:
    result = Evaluation(names, address, sender=f"postmaster@{domain}").result(domain)
    if result is Result.PASS:
        return Finding.ok(_SPF, f"{domain}: mail from {address} passes SPF")
    what = f"{domain}: SPF gives {result} for {address}"
    word = f"ip{6 if ':' in address else 4}:{address}"
    mend = f"Add {word} (or your relay's include:) to the SPF record, before its all."
    if outlets.certain:
        return Finding.error(_SPF, f"{what}, from which mail goes out", mend)
    what += ", the relay's address; it may send from others"
    return Finding.warning(_SPF, what, f"{mend} ALERTS_SENDING_ADDRESSES names them for certain.")
