"""The dialogue over one connection: envelopes ahead, one message on the wire, answers in order.

With PIPELINING (RFC 2920) the next message's envelope travels with the end of this one, so that a
message costs one round trip. With CHUNKING (RFC 3030) its content needs no dots doubled. Without
either, or with a server that breaks the rules, every command waits for its answer.

At most one message a connection is in doubt at any moment: the next content leaves only when the
last one was answered for.
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable

from typing_extensions import override

from alerts.delivery.outcome import Fate, Outcome, refusal
from alerts.delivery.strangers import Stranger, stranger
from alerts.delivery.transports.smtp.envelope import Capabilities, dot_stuffed, seal
from alerts.delivery.transports.smtp.handover import Desk, Handover, refuses_us
from alerts.delivery.transports.smtp.replies import BadReply, Reply, ReplyReader
from alerts.delivery.transports.smtp.server import SmtpServer

_GO_AHEAD, _CLOSING, _BAD_SEQUENCE, _TOO_BIG = 354, 421, 503, 552
_TEMPORARY, _PERMANENT = 400, 500
# What servers say to those whose commands came before they had answered.
_OUT_OF_STEP = frozenset({500, 502, 503})
_OUT_OF_STEP_WORDS = ("pipelin", "synchroni")
# "421 too many messages in this connection" asks for a new connection, not for less of us.
_WORN_OUT = re.compile(r"messages?\b.*\b(?:connection|session)", re.IGNORECASE)
# Fewer than the connections in vain that make a server count as down: a message whose envelope
# breaks every connection is told from a server that breaks them all.
_MOST_LOSSES = 2
_QUIT_SECONDS = 5.0
_RESET, _DATA = b"RSET\r\n", b"DATA\r\n"


_Heard = Callable[[Reply, Handover], None]


class Dialogue(asyncio.Protocol):
    """Hands over one message after the other, as long as the desk has any."""

    def __init__(
        self,
        transport: asyncio.Transport,
        server: SmtpServer,
        offers: Capabilities,
        desk: Desk,
        *,
        in_step: bool,
    ) -> None:
        self._transport = transport
        self._server = server
        self._offers = offers
        self._desk = desk
        self._loop = asyncio.get_running_loop()
        self._ahead_allowed = offers.pipelining and not in_step
        self._replies = ReplyReader()
        self._awaited: deque[tuple[_Heard, Handover]] = deque()
        self._unsent: deque[tuple[bytes, _Heard, Handover]] = deque()
        self._wire: Handover | None = None
        self._ahead: Handover | None = None
        # A transaction was begun and not ended: the server has to be told to forget it.
        self._open_transaction = False
        self._chunk_failed = False
        # How the envelope ahead went out, to tell a slow server from one that dropped commands.
        self._ahead_went_early = False
        self._ahead_heard = 0
        self._reason = "the server closed the connection"
        self._gone = False
        self.handed = 0
        self.deadline = float("inf")
        self._idle_since = self._loop.time()
        self.leaving = False

    @property
    def busy(self) -> bool:
        """Whether a message is being handed over."""
        return self._wire is not None or self._ahead is not None

    @property
    def holds(self) -> bool:
        """Whether a message's content is out and not answered for."""
        return self._wire is not None

    def idle_for(self, now: float) -> float:
        """Return for how many seconds it has had nothing to do."""
        return 0.0 if self.busy else now - self._idle_since

    def wake(self) -> None:
        """Look for work, if there is room for any."""
        if self._ahead is None and (self._ahead_allowed or self._wire is None):
            self._write(self._next_envelope())
        if self.leaving:
            self.leave()

    def leave(self) -> None:
        """Say good-bye once nothing is under way."""
        self.leaving = True
        under_way = self.busy or self._awaited or self._transport.is_closing()
        if self._reason and not under_way:
            self._transport.write(b"QUIT\r\n")
            self._reason = ""
            self.deadline = self._loop.time() + _QUIT_SECONDS

    def abort(self, reason: str) -> None:
        """Break the connection off."""
        self._reason = reason
        self.leaving = True
        self._transport.abort()

    def expire(self) -> None:
        """Give up waiting: the deadline is over."""
        dropped = self._ahead_went_early or self._ahead_heard > 0
        ahead = self._ahead
        if self._ahead_allowed and self._wire is None and ahead is not None and dropped:
            self._desk.out_of_step("it left commands without an answer")
            self._ahead = None
            ahead.group.returned(ahead)
        elif self.busy:
            self._desk.pushed_back("no answer in time")
        self.abort("no answer in time")

    @override
    def data_received(self, data: bytes) -> None:
        # What is said from here on cannot have been answered yet.
        asked = len(self._awaited)
        try:
            for reply in self._replies.feed(data):
                if self._transport.is_closing():
                    return
                if asked:
                    asked -= 1
                    self._hear(reply)
                else:
                    self._hear_unasked(reply)
        except BadReply as error:
            self.abort(str(error))

    @override
    def eof_received(self) -> bool:
        return False

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self._gone:
            return
        self._gone = self.leaving = True
        reason = f"connection lost: {exc or self._reason}"
        wire, ahead = self._wire, self._ahead
        self._wire = self._ahead = None
        if wire is not None:
            self._end(wire, Outcome(Fate.UNKNOWN, 0, reason))
        if ahead is not None:
            # Where others were taken before, or the server broke off before it knew the message,
            # it is not the message's doing.
            blamed = self._open_transaction and not self.handed
            self._lose(ahead, Outcome(Fate.TEMPORARY, 0, reason), blamed=blamed)
        self._desk.closed(self, self._reason and reason)

    def _hear_unasked(self, reply: Reply) -> None:
        if not self._reason:
            # The answer to QUIT.
            self._transport.close()
            return
        if reply.code != _CLOSING and self._ahead_allowed:
            self._desk.out_of_step(f"it answered what was not asked: {reply.code}")
        self.abort(f"{reply.code} {reply.text}")

    def _hear(self, reply: Reply) -> None:
        self.deadline = self._loop.time() + self._server.command_seconds
        heard, handover = self._awaited.popleft()
        if handover is self._ahead:
            self._ahead_heard += 1
        heard(reply, handover)
        if reply.code == _CLOSING and not self._transport.is_closing():
            self.abort(f"{reply.code} {reply.text}")
        elif self._unsent and not self._awaited:
            self._write(self._step())
        elif not self._awaited:
            self.wake()

    # What is said.

    def _next_envelope(self) -> bytes:
        """Return the commands for the next message, or nothing when there is none."""
        while not self.leaving and (handover := self._desk.take(self)) is not None:
            if self._seal(handover):
                self._ahead = handover
                self._ahead_went_early = self._wire is not None
                self._ahead_heard = 0
                return self._commands(handover)
        if not self.busy:
            self._idle_since = self._loop.time()
            self.deadline = float("inf")
        return b""

    def _seal(self, handover: Handover) -> bool:
        """Make content and envelope; False when the message cannot go over this connection."""
        try:
            handover.content = handover.message.content(self._offers.eight_bit)
        except Exception as error:  # noqa: BLE001 - it is the group's, and goes there
            handover.group.failed(handover, error)
            return False
        sealed = seal(handover.message, handover.content, self._offers)
        if isinstance(sealed, Outcome):
            handover.content = b""
            self._desk.answered(self, handover, sealed)
            return False
        handover.envelope = sealed
        handover.refused_at = ""
        return True

    def _commands(self, handover: Handover) -> bytes:
        if handover.envelope is None:
            raise AssertionError("a message is sealed before its envelope is sent")
        reset = self._open_transaction
        self._open_transaction = False
        mail, rcpt, _ = handover.envelope
        if self._ahead_allowed:
            if reset:
                self._await(_ignored, handover)
            self._await(self._heard_mail, handover)
            self._await(self._heard_rcpt, handover)
            commands = (_RESET if reset else b"") + mail + rcpt
            if self._offers.chunking:
                return commands
            self._await(self._heard_data, handover)
            return commands + _DATA
        if reset:
            self._unsent.append((_RESET, _ignored, handover))
        self._unsent.append((mail, self._heard_mail, handover))
        self._unsent.append((rcpt, self._heard_rcpt, handover))
        if not self._offers.chunking:
            self._unsent.append((_DATA, self._heard_data, handover))
        return self._step()

    def _step(self) -> bytes:
        command, heard, handover = self._unsent.popleft()
        self._await(heard, handover)
        return command

    def _write(self, data: bytes) -> None:
        if data:
            if self._wire is None:
                self.deadline = self._loop.time() + self._server.command_seconds
            self._transport.write(data)

    def _await(self, heard: _Heard, handover: Handover) -> None:
        self._awaited.append((heard, handover))

    def _send_content(self, handover: Handover) -> None:
        try:
            handover.group.started(handover)
        except Exception as error:  # noqa: BLE001 - what cannot be noted is not sent
            self._ahead = None
            handover.group.failed(handover, error)
            self.abort("kept back")
            return
        self._ahead, self._wire = None, handover
        # Its content ends the transaction, before the next envelope is heard.
        self._open_transaction = False
        content, handover.content = handover.content, b""
        self._await(self._heard_end, handover)
        if self._offers.chunking:
            pieces = [b"BDAT %d LAST\r\n" % len(content), content]
        else:
            dotless = handover.message.dotless and content.endswith(b"\r\n")
            pieces = [content if dotless else dot_stuffed(content), b".\r\n"]
        if self._ahead_allowed:
            pieces.append(self._next_envelope())
        self._transport.write(b"".join(pieces))
        self.deadline = self._loop.time() + self._server.end_seconds

    # What is heard.

    def _heard_mail(self, reply: Reply, handover: Handover) -> None:
        if reply.positive:
            self._open_transaction = True
            self._chunk_failed = False
        else:
            self._refuse(handover, "mail", reply)
            if not self._ahead_allowed:
                self._settle(handover)

    def _heard_rcpt(self, reply: Reply, handover: Handover) -> None:
        if not reply.positive:
            self._refuse(handover, "rcpt", reply)
        if handover.refused_at:
            if self._offers.chunking or not self._ahead_allowed:
                self._settle(handover)
        elif self._offers.chunking:
            self._send_content(handover)

    def _heard_data(self, reply: Reply, handover: Handover) -> None:
        if reply.code == _GO_AHEAD:
            if not handover.refused_at:
                self._send_content(handover)
                return
            # RFC 2920 section 3.1: nobody is left to get it, and the server waits for its end.
            self._await(self._heard_lone_dot, handover)
            self._transport.write(b".\r\n")
            return
        self._refuse(handover, "data", reply)
        self._settle(handover)

    def _heard_lone_dot(self, _reply: Reply, handover: Handover) -> None:
        self._open_transaction = False
        self._settle(handover)

    def _heard_end(self, reply: Reply, handover: Handover) -> None:
        self._wire = None
        self.handed += 1
        self._open_transaction = False
        if reply.positive:
            self._end(handover, Outcome(Fate.ACCEPTED, reply.code, reply.text))
            return
        if reply.code < _TEMPORARY:
            # No answer to a message: who says this does not know where in the dialogue we are.
            self._end(handover, Outcome(Fate.UNKNOWN, reply.code, reply.text))
            self.abort(f"{reply.code} {reply.text}")
            return
        # RFC 3030 section 2: after a BDAT that failed nothing is taken before RSET.
        self._chunk_failed = self._open_transaction = self._offers.chunking
        self._end(handover, refusal(reply.code, reply.text))
        if reply.code == _CLOSING:
            self._told_to_go(reply)

    def _refuse(self, handover: Handover, stage: str, reply: Reply) -> None:
        if not handover.refused_at:
            handover.refused_at, handover.reply = stage, reply

    def _settle(self, handover: Handover) -> None:
        """Decide about a message whose envelope was refused; nothing of it is out."""
        self._ahead = None
        self._unsent.clear()
        reply, after_failure = handover.reply, self._chunk_failed
        self._chunk_failed = False
        outcome = refusal(reply.code, reply.text)
        at_mail = handover.refused_at == "mail"
        if reply.code == _CLOSING:
            self._told_to_go(reply)
            self._lose(handover, outcome, blamed=not (at_mail and self.handed))
        elif reply.code < _TEMPORARY:
            # It answers something else than was asked.
            if self._ahead_allowed:
                self._desk.out_of_step(f"{reply.code} {reply.text}")
            self._lose(handover, outcome, blamed=True)
            self.abort(f"{reply.code} {reply.text}")
        elif at_mail and reply.code >= _PERMANENT and after_failure:
            # It wants RSET, which goes first the next time.
            handover.group.returned(handover)
        elif self._ahead_allowed and self._out_of_step(handover, reply):
            self._desk.out_of_step(f"{reply.code} {reply.text}")
            handover.group.returned(handover)
            self.abort(f"{reply.code} {reply.text}")
        elif self._about_us(handover, outcome):
            handover.group.failed(handover, refuses_us(self._server, outcome, what="sender"))
        else:
            self._end(handover, outcome)

    def _about_us(self, handover: Handover, outcome: Outcome) -> bool:
        """Whether a refused envelope is meant for us; not so a message's size, or its address."""
        international = handover.envelope is not None and handover.envelope.international
        about_it = outcome.code == _TOO_BIG or (international and outcome.code >= _PERMANENT)
        at_mail = handover.refused_at == "mail"
        return stranger(outcome) is Stranger.SURELY or (at_mail and not about_it)

    def _out_of_step(self, handover: Handover, reply: Reply) -> bool:
        """Whether a refusal is of commands that came too early, not of the message."""
        text = reply.text.lower()
        if any(word in text for word in _OUT_OF_STEP_WORDS):
            return True
        if handover.refused_at == "mail":
            return reply.code == _BAD_SEQUENCE and self._ahead_went_early
        return reply.code in _OUT_OF_STEP

    def _told_to_go(self, reply: Reply) -> None:
        reason = f"{reply.code} {reply.text}"
        if not (self.handed and _WORN_OUT.search(reply.text)):
            self._desk.pushed_back(reason)

    def _lose(self, handover: Handover, outcome: Outcome, *, blamed: bool) -> None:
        """Give a message back whose envelope came to nothing; not for ever, if it is to blame."""
        handover.losses += blamed
        # Who hears of a reader that way would hear it again, and end the next connection as well.
        if handover.reader_refused or handover.losses >= _MOST_LOSSES:
            self._end(handover, handover.reader_refused or outcome)
        else:
            handover.group.returned(handover)

    def _end(self, handover: Handover, outcome: Outcome) -> None:
        handover.content = b""
        self._desk.answered(self, handover, outcome)


def _ignored(_reply: Reply, _handover: Handover) -> None:
    """Hear an answer that changes nothing."""
