"""One domain that has enough of us, behind a relay that says so: the others get their mail."""

import asyncio
import itertools

import pytest

from alerts.delivery.limits.limiter import Limiter
from alerts.delivery.limits.options import read_limits
from alerts.delivery.outcome import Fate
from alerts.delivery.transports.base import Outgoing, TransportDown
from alerts.delivery.transports.limited import LimitedTransport
from alerts.delivery.transports.pool import Member, PoolTransport
from alerts.delivery.transports.smtp import SmtpServer, SmtpTransport
from tests.data.delivery.smtp_notes import Notes
from tests.functional.moody_smtp import Act, MoodySmtp, Step

_names = itertools.count()
MESSAGE = (
    b"From: GP <a@example.org>\r\nMessage-ID: <m.%d@example.org>\r\nSubject: x\r\n\r\nGhana\r\n"
)


def letters(count: int) -> list[Outgoing]:
    """Return messages of which each fifth goes to the domain that is sick."""
    domains = ("sick", "a", "b", "c", "d")
    return [
        Outgoing(
            number,
            "alerts@example.org",
            f"r{number}@{domains[number % 5]}.example",
            lambda _, n=number: MESSAGE % n,  # type: ignore[misc]  # bound
        )
        for number in range(count)
    ]


def pool(port: int, redis_url: str, **limits: str) -> PoolTransport:
    relay = SmtpTransport(SmtpServer("127.0.0.1", port, tls="off", connections=4))
    name = f"sick-domain-{next(_names)}"
    limiter = Limiter(redis_url, read_limits(limits, ()), name=name)
    return PoolTransport([Member("relay", LimitedTransport(relay, limiter), 1)])


@pytest.mark.parametrize("limits", [{}, {"rate": "100/s"}])
@pytest.mark.parametrize("hangs_up", [False, True])
def test_a_domain_that_asks_for_less_by_421_keeps_nobody_else_waiting(
    redis_url: str, limits: dict[str, str], *, hangs_up: bool
) -> None:
    tried = []

    def mood(step: Step, recipient: str) -> Act | None:
        if step is Step.RCPT and recipient.endswith("@sick.example"):
            tried.append(recipient)
            return Act(b"421 4.7.0 too much mail from you\r\n", hangs_up=hangs_up)
        return None

    notes = Notes()

    async def work(port: int) -> None:
        transport = pool(port, redis_url, **limits)
        left = letters(200)
        # As a batch does that comes back: what was not decided is handed over again.
        for _ in range(3):
            try:
                await transport.deliver(left, notes)
            except TransportDown:
                left = [each for each in left if each.delivery_id not in notes.outcomes]
                continue
            break
        await transport.close()

    with MoodySmtp(mood) as server:
        asyncio.run(asyncio.wait_for(work(server.port), 120))
        well = [number for number in range(200) if number % 5]
        taken = [n for n in well if notes.outcomes[n].fate is Fate.ACCEPTED]
        assert taken == well
        assert server.messages == len(well)
    # It is asked a few times, by those that were under way, and then left alone.
    assert len(tried) <= 12
    assert len(notes.outcomes) == 200
