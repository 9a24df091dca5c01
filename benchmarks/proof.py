"""A look at a few whole messages before a measurement: that they are what is to be measured."""

from email import message_from_bytes
from email.message import Message

from benchmarks.newsroom import Newsroom
from benchmarks.processes import BadRun
from benchmarks.sink import open_sink
from benchmarks.workshop import Workshop, check_size

PROOF = "proof"
_READERS = 3


def prove(workshop: Workshop, room: Newsroom, articles: list[int], *, signed: bool = False) -> None:
    """Send an issue to a few readers and look at what arrives; raises BadRun.

    The newsletter PROOF must be there, and no worker may run: the command starts its own, under
    a setting that leads to a sink that keeps the mails.
    """
    room.add_readers(_READERS, newsletter=PROOF)
    issue = room.approved(articles, newsletter=PROOF)
    kept = room.folder / "kept"
    kept.mkdir()
    with open_sink(room.folder, keep=kept) as sink:
        url = workshop.mail_url(1, port=sink.port)
        room.command("issue", "send", str(issue), "--wait", mail_url=url)
    mails = [path.read_bytes() for path in kept.iterdir()]
    if len(mails) != _READERS:
        raise BadRun(f"{_READERS} readers were sent, {len(mails)} messages arrived")
    for mail in mails:
        check_size(len(mail), what="a message")
    _check_headers([message_from_bytes(mail) for mail in mails], signed=signed)


def _check_headers(mails: list[Message], *, signed: bool) -> None:
    if len({mail["List-Unsubscribe"] for mail in mails}) != len(mails):
        raise BadRun("the readers' links to unsubscribe do not differ")
    found = sum(mail["DKIM-Signature"] is not None for mail in mails)
    if found != (len(mails) if signed else 0):
        wanted = "all" if signed else "none"
        raise BadRun(f"{found} of {len(mails)} messages carry a DKIM signature, not {wanted}")
