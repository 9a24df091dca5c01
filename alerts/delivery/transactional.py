"""Single mails: handed over at once, ahead of every issue; and the test copy of one."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from typing_extensions import override

from alerts.config import Settings
from alerts.delivery.assembly import CompiledMessage, Envelope, Reader, address_of
from alerts.delivery.dkim import DkimSigner, signer_for
from alerts.delivery.outcome import Fate, Outcome
from alerts.delivery.transports.base import Lane, Observer, Outgoing, Transport, TransportDown
from alerts.errors import Refused
from alerts.rendering.service import RenderedEdition


@dataclass
class _Result(Observer):
    outcomes: list[Outcome] = field(default_factory=list)

    @override
    def started(self, delivery_id: int) -> None:
        """One message, one outcome: its start needs no note."""

    @override
    def ended(self, delivery_id: int, outcome: Outcome) -> None:
        self.outcomes.append(outcome)


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
        lambda eight_bit: compiled.fill(reader, eight_bit=eight_bit),
        sender=address_of(sender),
        recipient=reader.email,
    )


async def hand_over(
    transport: Transport, content: Callable[[bool], bytes], *, sender: str, recipient: str
) -> Outcome:
    """Hand a single mail over and return what came of it; both are addresses of the envelope.

    Raises Refused when no server answers.
    """
    result = _Result()
    message = Outgoing(0, sender, recipient, content, lane=Lane.TRANSACTIONAL)
    try:
        await transport.deliver([message], result)
    except TransportDown as down:
        raise Refused(f"the mail server cannot be reached: {down}") from down
    return result.outcomes[0] if result.outcomes else Outcome(Fate.UNKNOWN, 0, "no answer")


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
