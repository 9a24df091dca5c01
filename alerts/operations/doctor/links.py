"""The links in mails: where they point, whether they answer, and that looking harms nobody."""

import ipaddress
import json
from datetime import datetime
from http import HTTPStatus
from urllib.parse import urlsplit

from alerts.operations.doctor.certificates import check_certificate
from alerts.operations.doctor.domains import is_public
from alerts.operations.doctor.findings import Check, Finding, shown
from alerts.operations.doctor.web import Answer, Unreachable, Web
from alerts.subscribers.links import SubscriberLinks
from alerts.tokens import Tokens

# As no reader's id is: a link for it can end nobody's subscription, whoever answers it.
_NOBODY = "nobody-at-all"
_SETTING = "ALERTS_BASE_URL"
_LONGEST_HEALTH = 200


def check_links(
    web: Web, base_url: str, tokens: Tokens, *, leaves: bool, now: datetime
) -> tuple[list[Finding], Answer | None]:
    """Judge the base URL, its certificate, `/healthz` and an unsubscribe link.

    `leaves` says whether mail leaves this machine; else nobody elsewhere follows its links. Returns
    the answer of `/healthz` too, for the clock in it.
    """
    findings = [_address(base_url, leaves=leaves)]
    if urlsplit(base_url).scheme == "https":
        findings.append(_certificate(web, base_url, now=now))
    try:
        health = web.ask(f"{base_url}/healthz")
    except Unreachable as error:
        what = f"{base_url} does not answer from here: {shown(error)}"
        mend = (
            "Start `alerts web`, and see that the proxy in front of it passes on to it; if only"
            " this machine cannot reach it, look from outside."
        )
        make = Finding.error if leaves else Finding.note
        return [*findings, make(Check.HEALTH, what, mend)], None
    findings.append(_health(base_url, health))
    findings.append(_unsubscribe(web, SubscriberLinks(tokens, base_url)))
    return findings, health


def _address(base_url: str, *, leaves: bool) -> Finding:
    check = Check.BASE_URL
    parts = urlsplit(base_url)
    far, secure = _is_far(parts.hostname or ""), parts.scheme == "https"
    mend = f"Set {_SETTING} to the https address under which readers reach the pages."
    if secure and far:
        return Finding.ok(check, f"links point to {base_url}")
    reason = "is not https, which one-click unsubscribing asks for (RFC 8058)"
    if not far:
        reason = "is an address that only this machine or this network can reach"
    if leaves:
        return Finding.error(check, f"{base_url}, to which links point, {reason}", mend)
    return Finding.note(check, f"{base_url} {reason}; that will do while mail stays here", mend)


def _is_far(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return is_public(host)


def _certificate(web: Web, base_url: str, *, now: datetime) -> Finding:
    check, host = Check.BASE_URL_CERTIFICATE, urlsplit(base_url).hostname or ""
    found = web.certificate(base_url)
    if found is None:
        return Finding.unknown(check, f"{host}: its certificate could not be looked at")
    return check_certificate(check, host, found, now=now, needed=True)


def _health(base_url: str, answer: Answer) -> Finding:
    check = Check.HEALTH
    if answer.status == HTTPStatus.OK and _is_up(answer.body):
        return Finding.ok(check, f"{base_url}/healthz answers")
    what = f"{base_url}/healthz answers {_told(answer)}, not as this program does"
    mend = f"See that {_SETTING} leads to `alerts web`, without a login, and with its whole path."
    return Finding.error(check, what, mend)


def _is_up(body: bytes) -> bool:
    if len(body) > _LONGEST_HEALTH:
        return False
    try:
        return bool(json.loads(body) == {"status": "up"})
    except ValueError:
        return False


def _unsubscribe(web: Web, links: SubscriberLinks) -> Finding:
    """Look at the link of nobody as scanners do, by GET and by HEAD; POST is never used."""
    check = Check.UNSUBSCRIBE_LINK
    url = links.unsubscribe_url(_NOBODY)
    mend = "See that the proxy passes /unsubscribe/ on as it is: no redirect, no login, no cache."
    try:
        got, head = web.ask(url), web.ask(url, method="HEAD")
    except Unreachable as error:
        return Finding.error(check, f"an unsubscribe link does not answer: {shown(error)}", mend)
    if not _is_ours(got):
        return Finding.error(
            check, f"an unsubscribe link answers {_told(got)}, not as this program does", mend
        )
    if head.status != got.status:
        what = f"HEAD on an unsubscribe link answers {_told(head)}, where GET gets {got.status}"
        return Finding.warning(check, what, "Let the proxy pass on HEAD as well.")
    return Finding.ok(check, "an unsubscribe link answers GET and HEAD, and neither ends anything")


def _is_ours(answer: Answer) -> bool:
    """Tell this program's page for a link of nobody from any other program's."""
    robots = answer.headers.get("x-robots-tag", "")
    return answer.status == HTTPStatus.NOT_FOUND and "noindex" in robots


def _told(answer: Answer) -> str:
    to = answer.headers.get("location", "")
    return f"{answer.status}{f' to {shown(to)}' if to else ''}"
