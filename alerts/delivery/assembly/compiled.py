"""An edition compiled to bytes with slots: done once is what is the same for every reader."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime, parseaddr, quote
from functools import cached_property
from itertools import takewhile
from typing import NamedTuple

from alerts.delivery.assembly.bodies import (
    LONGEST_VALUE,
    CutBody,
    Form,
    Values,
    eight_bit_form,
    escaped,
    seven_bit_form,
    tidy,
)
from alerts.delivery.assembly.fields import (
    Field,
    bracketed,
    encoded_text,
    field_bytes,
    mailbox,
    one_line,
    phrase,
)
from alerts.delivery.assembly.signing import MessageSigner, Signer
from alerts.rendering.slots import Slot

_EMAIL = Slot.EMAIL.value
_UNSUBSCRIBE_URL = Slot.UNSUBSCRIBE_URL.value
_PREFERENCES_URL = Slot.PREFERENCES_URL.value
_ONE_CLICK: Field = ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is the same in every message of an issue.

    `sender` and `reply_to` are RFC 5322 mailboxes, `list_id` the identifier of RFC 2919 without
    its brackets, `date` the Date field's moment. `feedback_id` tells Gmail's feedback loop which
    mail is complained about, in its form `a:b:c:sender`. `answers` is the Message-ID, without
    brackets, of the mail that this one answers by itself; empty where that had none.
    """

    sender: str
    reply_to: str
    list_id: str
    list_title: str
    date: datetime
    feedback_id: str = ""
    answers: str | None = None


class Reader(NamedTuple):
    """What differs from reader to reader; `email` is the address as the reader writes it."""

    name: str | None
    email: str
    message_id: str
    unsubscribe_url: str
    preferences_url: str


class CompiledMessage:
    """An edition as bytes: everything before the slots' values is already encoded.

    Without HTML it is a single text, as readers get who asked for that.

    With a signer every message is signed, and goes in seven bits: a relay may convert others, and
    break the signature with it (RFC 6376 section 5.3).
    """

    def __init__(
        self,
        envelope: Envelope,
        subject: str,
        html_body: str,
        text_body: str,
        *,
        signer: Signer | None = None,
    ) -> None:
        self._bodies = CutBody.of(text_body), CutBody.of(html_body) if html_body else None
        self._constant = _constant_fields(envelope, subject)
        self._boundary = _boundary(text_body, html_body)
        self._signer = signer
        self._eight: _Layout | None = None
        if signer is None:
            forms = self._forms(eight_bit_form)
            if any(form and form.encoding == "8bit" for form in forms):
                self._eight = _Layout.of(self._constant, self._boundary, *forms, None)
        if self._eight is None:
            self._seven  # noqa: B018 - made now, not when the first message is on its way

    @cached_property
    def _seven(self) -> "_Layout":
        """The message in seven bits; where eight will do, no server may ever ask for it."""
        forms = self._forms(seven_bit_form)
        return _Layout.of(self._constant, self._boundary, *forms, self._signer)

    def _forms(self, form: Callable[[CutBody], Form]) -> tuple[Form, Form | None]:
        text, markup = self._bodies
        return form(text), form(markup) if markup else None

    def fill(self, reader: Reader, *, eight_bit: bool = False) -> bytes:
        """Return the whole message for a reader, with CRLF line ends.

        `eight_bit` tells that the way takes 8 bits (8BITMIME, RFC 6152); the message makes use of
        it where it is unsigned and shorter so.
        """
        plain, markup = _values(reader)
        if eight_bit and self._eight and max(map(len, markup.values())) <= LONGEST_VALUE:
            return self._eight.fill(reader, plain, markup)
        return self._seven.fill(reader, plain, markup)


@dataclass(frozen=True, slots=True)
class _Layout:
    """A whole message: constant fields, and a body whose places are filled by its parts."""

    constant: bytes
    pieces: tuple[bytes, ...]
    text: Form
    text_at: int
    markup: Form | None
    markup_at: int
    leading: int
    signer: MessageSigner | None

    @classmethod
    def of(
        cls,
        constant: tuple[Field, ...],
        boundary: str,
        text: Form,
        markup: Form | None,
        signer: Signer | None,
    ) -> "_Layout":
        if markup is None:
            constant = (*constant, *_text_fields(text))
            pieces: tuple[bytes, ...] = (*text.pieces, b"\r\n")
        else:
            constant = (*constant, *_multipart_fields(boundary, text, markup))
            heads = _part_head(boundary, "plain", text), _part_head(boundary, "html", markup)
            end = f"\r\n--{boundary}--\r\n".encode()
            pieces = (heads[0], *text.pieces, b"\r\n" + heads[1], *markup.pieces, end)
        # Places are empty until they are filled; all before the first is the same for everybody.
        leading = sum(1 for _ in takewhile(bool, pieces))
        return cls(
            constant=field_bytes(constant),
            pieces=pieces,
            text=text,
            text_at=0 if markup is None else 1,
            markup=markup,
            markup_at=2 + len(text.pieces),
            leading=leading,
            signer=signer.begin(constant, b"".join(pieces[:leading])) if signer else None,
        )

    def fill(self, reader: Reader, plain: Values, markup: Values) -> bytes:
        pieces = list(self.pieces)
        self.text.put(plain, pieces, self.text_at)
        if self.markup is not None:
            self.markup.put(markup, pieces, self.markup_at)
        fields = _personal_fields(reader)
        signature = self.signer.sign(fields, pieces[self.leading :]) if self.signer else b""
        return b"".join([signature, self.constant, field_bytes(fields), b"\r\n", *pieces])


def _values(reader: Reader) -> tuple[Values, Values]:
    """Return the slots' values, for plain text and for HTML."""
    plain = {
        _EMAIL: tidy(reader.email),
        _UNSUBSCRIBE_URL: tidy(reader.unsubscribe_url),
        _PREFERENCES_URL: tidy(reader.preferences_url),
    }
    whole = b" ".join(plain.values())
    # Nearly always; and five looks for one octet cost a tenth of escaping what needs it not.
    if not (b"&" in whole or b"<" in whole or b">" in whole or b"'" in whole or b'"' in whole):
        return plain, plain
    return plain, {slot: escaped(value) for slot, value in plain.items()}


def _boundary(*bodies: str) -> str:
    """Return a boundary that no body holds.

    No line of quoted-printable starts with "--=_", since "=" is always followed by a hexadecimal
    digit or a line end there; base64 has no "-"; and a text that goes as it is cannot hold its own
    checksum, nor can a reader's address that was known before the text.
    """
    digest = hashlib.sha256()
    for body in bodies:
        digest.update(tidy(body) + b"\0")
    return f"=_{digest.hexdigest()[:24]}"


def _constant_fields(envelope: Envelope, subject: str) -> tuple[Field, ...]:
    fields = {"From": mailbox(*parseaddr(envelope.sender))}
    if envelope.reply_to:
        fields["Reply-To"] = mailbox(*parseaddr(envelope.reply_to))
    fields["Subject"] = encoded_text(subject, field="Subject")
    fields["Date"] = format_datetime(envelope.date)
    if envelope.list_id:
        fields["List-Id"] = _list_id(envelope.list_title, envelope.list_id)
    else:
        # RFC 3834: nobody's absence is to answer a single mail that a machine wrote. Mail with a
        # List-Id is not answered anyway (RFC 5230 section 4.6).
        fields["Auto-Submitted"] = "auto-generated" if envelope.answers is None else "auto-replied"
    if envelope.answers:
        fields["In-Reply-To"] = fields["References"] = bracketed(envelope.answers)
    if envelope.feedback_id:
        fields["Feedback-ID"] = one_line(envelope.feedback_id)
    fields["MIME-Version"] = "1.0"
    return tuple(fields.items())


def _multipart_fields(boundary: str, *parts: Form) -> Iterator[Field]:
    yield "Content-Type", f'multipart/alternative;\r\n boundary="{boundary}"'
    if any(part.encoding == "8bit" for part in parts):
        # RFC 2045 section 6.4: a multipart is at least what its parts are.
        yield "Content-Transfer-Encoding", "8bit"


def _text_fields(text: Form) -> Iterator[Field]:
    yield "Content-Type", "text/plain; charset=utf-8"
    yield "Content-Transfer-Encoding", text.encoding


def _list_id(title: str, identifier: str) -> str:
    shown, identifier = phrase(title), "".join(one_line(identifier).split())
    if shown.isascii() and shown and not shown.startswith(('"', "=?")):
        # RFC 2919 shows its descriptions quoted, and some programs know no other.
        shown = f'"{quote(shown)}"'
    return f"{shown}\r\n <{identifier}>" if shown else f"<{identifier}>"


def _personal_fields(reader: Reader) -> tuple[Field, ...]:
    to = "To", mailbox(reader.name, reader.email)
    message_id = "Message-ID", bracketed(reader.message_id)
    if not reader.unsubscribe_url:
        return to, message_id
    # RFC 8058: a POST to that one address is enough. Mail programs follow https alone; the field
    # stands beside http too, where it can be tried on one's own machine.
    return to, message_id, ("List-Unsubscribe", bracketed(reader.unsubscribe_url)), _ONE_CLICK


def _part_head(boundary: str, subtype: str, form: Form) -> bytes:
    return (
        f"--{boundary}\r\n"
        f"Content-Type: text/{subtype}; charset=utf-8\r\n"
        f"Content-Transfer-Encoding: {form.encoding}\r\n\r\n"
    ).encode()
