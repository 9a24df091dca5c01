"""Fetching mail over IMAP (RFC 9051): read without a trace, stored, and only then marked."""

import contextlib
import re
from collections.abc import Iterator
from contextlib import contextmanager

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientError, LoginError

from alerts.inbound.fetching.tls import is_tls_trouble, tls_context
from alerts.inbound.fetching.visits import (
    MOST_AT_ONCE,
    MOST_IN_A_VISIT,
    MOST_OCTETS_AT_ONCE,
    Unreachable,
    Visit,
    taken_of,
)
from alerts.mailbox_urls import MailboxUrl, Protocol, Then

# How taken mails are marked, where the server keeps marks of others' making.
KEYWORD = "GPAlertsTaken"
_TIMEOUT = SocketTimeout(10, 60)
_SEEN = rb"\Seen"
_ANY_KEYWORD = rb"\*"
_OCTETS_AS_WORDS = re.compile(r"""b(['"])(.*)\1""", re.DOTALL)


def visit_imap(url: MailboxUrl, visit: Visit) -> int:
    """Store what is new in the folder and mark it there; returns how many mails there were.

    Raises Unreachable, and what `visit` raises.
    """
    try:
        with _selected(url) as (client, mark):
            return _fetch_all(client, url, visit, mark)
    except LoginError as error:
        raise Unreachable(f"the log-in was refused: {_line(error)}") from error
    except IMAPClientError as error:
        raise Unreachable(f"the IMAP server said: {_line(error)}") from error
    except OSError as error:
        raise Unreachable(is_tls_trouble(error) or f"no connection: {_line(error)}") from error


@contextmanager
def _selected(url: MailboxUrl) -> Iterator[tuple[IMAPClient, bytes]]:
    """Yield a client with the folder selected, and the flag for mails that were taken."""
    context = tls_context(url)
    secure = url.protocol is Protocol.IMAPS
    client = IMAPClient(
        url.host,
        port=url.port,
        ssl=secure,
        ssl_context=context if secure else None,
        use_uid=True,
        timeout=_TIMEOUT,
    )
    try:
        if not secure and not url.plain:
            client.starttls(context)
        client.login(url.user, url.password)
        selected = client.select_folder(url.place)
        marks = selected.get(b"PERMANENTFLAGS", ())
        own = _ANY_KEYWORD in marks or KEYWORD.encode() in marks
        yield client, KEYWORD.encode() if own else _SEEN
    finally:
        _leave(client)


def _leave(client: IMAPClient) -> None:
    """Say good-bye, if the connection stands; what went wrong before is what is told."""
    with contextlib.suppress(IMAPClientError, OSError):
        client.logout()
    with contextlib.suppress(IMAPClientError, OSError):
        client.shutdown()


def _fetch_all(client: IMAPClient, url: MailboxUrl, visit: Visit, mark: bytes) -> int:
    criteria: list[str] = ["UNDELETED"]
    if url.then is Then.FLAG:
        criteria += ["UNSEEN"] if mark == _SEEN else ["UNKEYWORD", KEYWORD]
    waiting = sorted(client.search(criteria))[:MOST_IN_A_VISIT]
    for uids in _portions(client, waiting):
        raws = [_fetched(client, uid, size) for uid, size in uids.items()]
        visit.take([raw for raw in raws if raw])
        _mark(client, url, list(uids), mark)
    return len(waiting)


def _portions(client: IMAPClient, waiting: list[int]) -> Iterator[dict[int, int]]:
    """Yield mails with their sizes, as many at a time as are stored at once."""
    for at in range(0, len(waiting), MOST_AT_ONCE):
        found = client.fetch(waiting[at : at + MOST_AT_ONCE], ["RFC822.SIZE"])
        portion: dict[int, int] = {}
        for uid in sorted(found):
            size = int(found[uid].get(b"RFC822.SIZE", 0))
            portion[uid] = size
            if sum(map(taken_of, portion.values())) >= MOST_OCTETS_AT_ONCE:
                yield portion
                portion = {}
        if portion:
            yield portion


def _fetched(client: IMAPClient, uid: int, size: int) -> bytes:
    """Return a mail, of one that is far too large the beginning; empty when it has gone."""
    section = "BODY.PEEK[]" if taken_of(size) >= size else f"BODY.PEEK[]<0.{taken_of(size)}>"
    found = client.fetch([uid], [section]).get(uid, {})
    return next((value for key, value in found.items() if key.startswith(b"BODY[]") and value), b"")


def _mark(client: IMAPClient, url: MailboxUrl, uids: list[int], mark: bytes) -> None:
    if url.then is Then.FLAG:
        client.add_flags(uids, [mark], silent=True)
    elif url.then is Then.MOVE:
        _move(client, uids, url.move_to)
    else:
        client.delete_messages(uids, silent=True)
        _expunge(client, uids)


def _move(client: IMAPClient, uids: list[int], folder: str) -> None:
    if not client.folder_exists(folder):
        client.create_folder(folder)
    if client.has_capability("MOVE"):
        client.move(uids, folder)
        return
    client.copy(uids, folder)
    client.delete_messages(uids, silent=True)
    _expunge(client, uids)


def _expunge(client: IMAPClient, uids: list[int]) -> None:
    # By number where the server can (RFC 4315): what others marked is theirs to remove.
    if client.has_capability("UIDPLUS"):
        client.uid_expunge(uids)
    else:
        client.expunge()


def _line(error: Exception) -> str:
    told = error.args[0] if error.args else ""
    words = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(error)
    # imapclient makes words of the server's octets by `str`.
    words = _OCTETS_AS_WORDS.sub(r"\2", words)
    return " ".join(words.split())[:200] or type(error).__name__
