"""Bounces and notices of delay: from the report for machines, or from the text for people. Pure."""

import re
from collections.abc import Iterable
from dataclasses import replace

from alerts.delivery.bounces import Bounce
from alerts.inbound.reading.addresses import (
    Others,
    addresses_of,
    cleaned,
    is_machine,
    key_of,
    unique,
)
from alerts.inbound.reading.classes import Judged, is_unknown_after_content, judged
from alerts.inbound.reading.freetext import Named, named_in
from alerts.inbound.reading.notice import Notice
from alerts.inbound.reading.parts import Mail
from alerts.inbound.reading.record import Failure, Kind
from alerts.inbound.reading.report import Entry, entries_in_text, entries_of
from alerts.inbound.reading.second_opinion import second_opinion
from alerts.inbound.reading.signs import is_bounce, is_delay

_SEVEREST_FIRST = (Bounce.HARD, Bounce.POLICY, Bounce.SOFT)
_WRITERS = ("from", "sender", "reply-to", "return-path", "errors-to", "x-envelope-from")
_READERS = ("to", "cc", "delivered-to", "x-original-to", "envelope-to", "x-rcpt-to")
_FAILED = ("x-failed-recipients", "x-failed-recipient")
_HERE = ("to", "cc", "delivered-to", "envelope-to")
# RFC 5321 section 4.4: a server may note whom it took the message for.
_TAKEN_FOR = re.compile(r"\bfor\s+<?([^\s<>;]{1,64}@[^\s<>;]{1,255})>?")
_LONGEST_DIAGNOSTIC = 500


def failures_of(
    mail: Mail, notice: Notice, raw: bytes, ours: frozenset[str]
) -> tuple[Kind, tuple[Failure, ...]] | None:
    """Return what a bounce or a notice of delay says of each recipient; None if it is neither.

    A report that tells of success only is neither (RFC 3464 section 2.3.3). `ours` are addresses
    of this house, in small letters.
    """
    entries = entries_of(mail.reports) or entries_in_text(notice.text)
    others = others_of(mail, notice, ours)
    if any(entry.action or entry.status for entry in entries):
        return _by_report(mail, entries, notice, others, ours)
    if not mail.reports and not is_bounce(mail.headers, notice.text):
        return None
    return _by_text(mail, notice, raw, others, ours)


def severest(failures: Iterable[Failure]) -> Failure | None:
    """Return the failure that a mail is counted by: the hardest of them."""
    ordered = sorted(
        failures,
        key=lambda failure: (
            _SEVEREST_FIRST.index(failure.bounce) if failure.bounce else len(_SEVEREST_FIRST)
        ),
    )
    return ordered[0] if ordered else None


def others_of(mail: Mail, notice: Notice, ours: frozenset[str]) -> Others:
    """Collect who cannot be meant: who wrote this, whom it reached, who sent the message."""
    written_to = {key_of(a) for a in addresses_of(notice.original, *_READERS)}
    senders = addresses_of(notice.original, *_WRITERS)
    failed = {key_of(a) for a in addresses_of(mail.headers, *_FAILED)}
    # Exim has the answers go to whom it could not reach.
    here = [a for a in addresses_of(mail.headers, *_WRITERS) if key_of(a) not in failed]
    reached = {
        key_of(address)
        for address in (
            *addresses_of(mail.headers, *_HERE),
            *addresses_of(notice.original, "list-post"),
        )
    }
    return Others(ours | reached | ({key_of(a) for a in (*senders, *here)} - written_to))


def without_reached(others: Others, mail: Mail, ours: frozenset[str]) -> Others:
    """Return who cannot be meant, but for whom the mail reached; we are never meant."""
    reached = {key_of(address) for address in addresses_of(mail.headers, *_HERE)}
    return Others((others.keys - reached) | ours)


def _by_report(
    mail: Mail, entries: tuple[Entry, ...], notice: Notice, others: Others, ours: frozenset[str]
) -> tuple[Kind, tuple[Failure, ...]] | None:
    told = [entry for entry in entries if _action(entry, mail, notice) != "delivered"]
    if not told:
        return None
    failed = [entry for entry in told if _action(entry, mail, notice) == "failed"]
    kind = Kind.BOUNCE if failed else Kind.DELAY
    named = named_in(notice.text, others)
    alone = len(told) == 1
    failures = (_of_entry(entry, kind, notice, named, alone=alone) for entry in (failed or told))
    kept = _each_once(f for f in failures if f.address and key_of(f.address) not in ours)
    if kept or any(entry.address for entry in told):
        return kind, kept
    # The report names nobody in a way that mail could be sent to.
    spoken = _from_text(mail, notice, named, others)
    first = _of_entry(told[0], kind, notice, named, alone=alone)
    return kind, tuple(replace(first, address=address, final=None) for address in spoken)


def _action(entry: Entry, mail: Mail, notice: Notice) -> str:
    if entry.action:
        return entry.action
    if entry.status.startswith("2"):
        return "delivered"
    late = entry.status.startswith("4") and is_delay(mail.headers, notice.text)
    return "delayed" if late else "failed"


def _of_entry(
    entry: Entry, kind: Kind, notice: Notice, named: tuple[Named, ...], *, alone: bool
) -> Failure:
    keys = {key_of(entry.address), key_of(entry.final)}
    spoken = " ".join(one.reason for one in named if key_of(one.address) in keys)
    found = judged(entry.status, entry.diagnostic)
    if found.bounce is not Bounce.HARD and (not entry.diagnostic or _vague(found.code)):
        # The text for people often says what the fields leave open.
        for more in (spoken, notice.text if alone else ""):
            said = judged(entry.status, f"{entry.diagnostic} {more}")
            if more and said.bounce is not None and judged("", more).bounce is not None:
                found = said
                break
    found = _doubted(found, f"{entry.diagnostic} {spoken} {notice.text if alone else ''}")
    bounce = None if kind is Kind.DELAY else found.bounce or Bounce.SOFT
    final = entry.final if key_of(entry.final) != key_of(entry.address) else ""
    told = " ".join((entry.diagnostic or spoken).split())[:_LONGEST_DIAGNOSTIC]
    return Failure(entry.address, bounce, found.code, told, final or None)


def _doubted(found: Judged, told: str) -> Judged:
    """Take as for now what a server says of a reader whom it had taken, with no code to it."""
    doubtful = found.bounce is Bounce.HARD and (_vague(found.code) or "." not in str(found.code))
    return (
        found._replace(bounce=Bounce.SOFT) if doubtful and is_unknown_after_content(told) else found
    )


def _vague(code: str | None) -> bool:
    return (
        code is None
        or re.fullmatch(r"[45]\.(?:0\.0|[35]\.0|1\.0|2\.0|4\.0|7\.0|7\.1)", code) is not None
    )


def _by_text(
    mail: Mail, notice: Notice, raw: bytes, others: Others, ours: frozenset[str]
) -> tuple[Kind, tuple[Failure, ...]] | None:
    kind = Kind.DELAY if is_delay(mail.headers, notice.text) else Kind.BOUNCE
    named = named_in(notice.text, others)
    spoken = _from_text(mail, notice, named, others)
    if not spoken:
        spoken = tuple(
            address
            for address in second_opinion(raw)
            if address not in others and not is_machine(address)
        )
    if not spoken:
        # Somebody's mailbox may be called postmaster, as the returned message tells.
        written_to = addresses_of(notice.original, *_READERS)
        low = notice.text.lower()
        spoken = tuple(a for a in written_to if a not in others and key_of(a) in low)
    if not spoken:
        # A reader may be told of their own address, where somebody wrote to himself.
        named = named_in(notice.text, without_reached(others, mail, ours))
        spoken = unique(one.address for one in named if one.sureness > 1)
    failures = tuple(_of_text(address, kind, mail, notice, named) for address in spoken)
    return kind, failures


def _from_text(
    mail: Mail, notice: Notice, named: tuple[Named, ...], others: Others
) -> tuple[str, ...]:
    """Choose the recipients of a bounce without a report: named for sure, else by the original."""
    listed = tuple(
        address for address in addresses_of(mail.headers, *_FAILED) if address not in others
    )
    surest = max((one.sureness for one in named), default=0)
    sure = tuple(one.address for one in named if one.sureness == surest > 0)
    if listed or sure:
        return unique((*listed, *(a for a in sure if not listed or a in listed)))
    original = [
        address
        for address in addresses_of(notice.original, *_READERS)
        if address not in others and not is_machine(address)
    ]
    written_to = {key_of(address) for address in original}
    taken_for = {
        key_of(found[1])
        for value in notice.original.all("received")
        for found in _TAKEN_FOR.finditer(value)
        if found[1] not in others and not is_machine(found[1])
    }
    both = tuple(one.address for one in named if key_of(one.address) in written_to | taken_for)
    if both:
        return both
    if len(written_to) == 1:
        return (original[0],)
    in_subject = named_in(mail.headers.get("subject"), others)
    alone = named or in_subject
    return (alone[0].address,) if len(alone) == 1 else ()


def _of_text(
    address: str, kind: Kind, mail: Mail, notice: Notice, named: tuple[Named, ...]
) -> Failure:
    reason = " ".join(one.reason for one in named if key_of(one.address) == key_of(address))
    found = judged("", reason)
    if found.bounce is None or found.code is None:
        whole = judged("", notice.text)
        if found.bounce is None and whole.bounce is None:
            whole = judged("", mail.headers.get("subject"))
        found = whole if found.bounce is None else found._replace(code=found.code or whole.code)
    found = _doubted(found, f"{reason} {notice.text if len(named) == 1 else ''}")
    bounce = None if kind is Kind.DELAY else found.bounce or Bounce.SOFT
    told = " ".join(reason.split())[:_LONGEST_DIAGNOSTIC]
    return Failure(cleaned(address), bounce, found.code, told)


def _each_once(failures: Iterable[Failure]) -> tuple[Failure, ...]:
    """Keep one entry for each address, the hardest."""
    kept: dict[str, Failure] = {}
    for failure in failures:
        key = key_of(failure.address)
        known = kept.get(key)
        kept[key] = (severest((known, failure)) or failure) if known else failure
    return tuple(kept.values())
