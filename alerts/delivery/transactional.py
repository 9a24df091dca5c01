"""Single mails: handed over at once, ahead of every issue; and the test copy of one."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from typing_extensions import override

from alerts.config import Settings
from alerts.delivery.assembly import CompiledMessage, Envelope, Reader, address_of
from alerts.delivery.dkim import DkimSigner, signer_for
from alerts.delivery.outcome import Fate, Outcome
from alerts.delivery.transports.base import Lane, Observer, Outgoing, Transport, TransportDown
from alerts.errors import Refused
from alerts.rendering.service import RenderedEdition

# A message, and for whom its places are filled.
Mail = tuple[CompiledMessage, Reader]
_NO_ANSWER = Outcome(Fate.UNKNOWN, 0, "no answer")


@dataclass
class _Results(Observer):
    outcomes: dict[int, Outcome] = field(default_factory=dict)

    @override
    def started(self, delivery_id: int) -> None:
        """Note nothing: what is on the wire when all ends gets no second try from here."""

    @override
    def ended(self, delivery_id: int, outcome: Outcome) -> None:
        self.outcomes[delivery_id] = outcome


async def send_one(
    transport: Transport, compiled: CompiledMessage, reader: Reader, *, sender: str
) -> None:
    """Send one message now; raises Refused with the server's answer."""
    outcome = await attempt(transport, compiled, reader, sender=sender)
    if outcome.fate is not Fate.ACCEPTED:
        raise Refused(f"the mail server refused: {outcome.code} {outcome.answer}")


async def attempt(
    transport: Transport, compiled: CompiledMessage, reader: Reader, *, sender: str
) -> Outcome:
    """Hand one message over and return what came of it; raises Refused when no server answers."""
    return await hand_over(
        transport,
        _content_of((compiled, reader)),
        sender=address_of(sender),
        recipient=reader.email,
    )


async def attempt_each(
    transport: Transport, mails: Mapping[int, Mail], *, sender: str
) -> tuple[dict[int, Outcome], str]:
    """Hand single mails over together; return what came of each, by the number it was given.

    Those without an outcome were not handed over, for the reason that is returned too.
    """
    address = address_of(sender)
    outcomes, why = await _deliver(
        transport,
        [
            Outgoing(number, address, mail[1].email, _content_of(mail), lane=Lane.TRANSACTIONAL)
            for number, mail in mails.items()
        ],
    )
    if not why:
        outcomes = dict.fromkeys(mails, _NO_ANSWER) | outcomes
    return outcomes, why


async def hand_over(
    transport: Transport, content: Callable[[bool], bytes], *, sender: str, recipient: str
) -> Outcome:
    """Hand a single mail over and return what came of it; both are addresses of the envelope.

    Raises Refused when no server answers.
    """
    message = Outgoing(0, sender, recipient, content, lane=Lane.TRANSACTIONAL)
    outcomes, why = await _deliver(transport, [message])
    if why and not outcomes:
        raise Refused(why)
    return outcomes.get(0, _NO_ANSWER)


def _content_of(mail: Mail) -> Callable[[bool], bytes]:
    compiled, reader = mail
    return lambda eight_bit: compiled.fill(reader, eight_bit=eight_bit)


async def _deliver(
    transport: Transport, messages: Sequence[Outgoing]
) -> tuple[dict[int, Outcome], str]:
    """Hand messages over; return what came of them, and why it did not go on with the others."""
    results = _Results()
    try:
        await transport.deliver(messages, results)
    except TransportDown as down:
        return results.outcomes, f"the mail server cannot be reached: {down}"
    return results.outcomes, ""


async def send_test(
    rendered: RenderedEdition,
    address: str,
    *,
    envelope: Envelope,
    settings: Settings,
    transport: Transport,
    signer: DkimSigner | None,
) -> None:
    """Send a copy of an issue to an address; its links lead to the home page, not to a person."""
    compiled = CompiledMessage(
        envelope,
        f"[Test] {rendered.subject}",
        rendered.html,
        rendered.text,
        signer=signer_for(signer, envelope.sender),
    )
    reader = Reader(
        name=None,
        email=address,
        message_id=f"test.{secrets.token_hex(12)}@{settings.sender_domain}",
        unsubscribe_url=settings.base_url,
        preferences_url=settings.base_url,
    )
    await send_one(transport, compiled, reader, sender=envelope.sender)
