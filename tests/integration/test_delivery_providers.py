"""Mail handed to providers over real HTTP, on loopback, through everything that can go wrong."""

import asyncio
import errno
import gc
import json
import os
import re
import socket
from collections import Counter
from collections.abc import Iterator

import pytest
from typing_extensions import override

from alerts.delivery.outcome import Fate
from alerts.delivery.transports.base import Transport, TransportDown
from alerts.delivery.transports.providers.http import HttpTransport, Timeouts
from alerts.delivery.transports.providers.mailgun import Mailgun
from alerts.embedded_redis import EmbeddedRedis
from tests.data.delivery.handing import Notes, content_for, large, made, outgoing, send
from tests.data.delivery.providers import (
    SECRET,
    FakeMailgun,
    FakePostmark,
    FakeProvider,
    FakeSendGrid,
    FakeSes,
    served,
)

pytestmark = pytest.mark.usefixtures("no_proxy")


@pytest.fixture(params=[FakeSes, FakeMailgun, FakePostmark, FakeSendGrid])
def provider(request: pytest.FixtureRequest) -> FakeProvider:
    kind: type[FakeProvider] = request.param
    return kind()


@pytest.fixture
def address(provider: FakeProvider) -> Iterator[str]:
    with served(provider) as found:
        yield found


@pytest.fixture
def transport(provider: FakeProvider, address: str) -> Transport:
    return made(provider.mail_url(address))


def test_what_was_approved_is_what_arrives(
    provider: FakeProvider, address: str, transport: Transport
) -> None:
    notes = send(transport, outgoing("ama@bücher.example", "kofi@x.org"))
    assert [m.recipient for m in provider.accepted] == ["ama@xn--bcher-kva.example", "kofi@x.org"]
    assert notes.begun == [1, 2]
    assert {outcome.fate for outcome in notes.outcomes.values()} == {Fate.ACCEPTED}
    assert all(outcome.answer for outcome in notes.outcomes.values()), "the provider's numbers"
    received = provider.accepted[1].content
    if isinstance(provider, FakeSes | FakeMailgun):
        assert received == content_for("kofi@x.org", 2)
    else:
        text = json.dumps(json.loads(received), ensure_ascii=False)
        for expected in ("<m.2@example.org>", "<https://alerts.example.org/u/2>", "News – “today”"):
            assert expected in text


@pytest.mark.parametrize(
    ("mood", "fate"),
    [
        ("unknown", Fate.PERMANENT),
        ("odd", Fate.PERMANENT),
        ("paused", Fate.POSTPONED),
        ("e500", Fate.TEMPORARY),
        ("e504", Fate.UNKNOWN),
        ("html", Fate.UNKNOWN),
        ("cut", Fate.UNKNOWN),
        ("busy", Fate.ACCEPTED),
        ("later", Fate.POSTPONED),
    ],
)
def test_each_answer_gets_its_fate(
    provider: FakeProvider, transport: Transport, mood: str, fate: Fate
) -> None:
    send(transport, outgoing("first@x.org"))
    notes = send(transport, outgoing(f"{mood}@x.org", first=2))
    assert notes.begun == [2]
    assert notes.outcomes[2].fate is fate
    if mood == "busy":
        assert provider.tries["busy"] == 3, "it was sat out, and begun but once"
    else:
        assert len(provider.accepted) == 1
    if mood == "later":
        assert notes.outcomes[2].wait == 900


def test_whoever_refuses_us_is_handed_nothing_more(
    provider: FakeProvider, address: str, transport: Transport
) -> None:
    messages = outgoing("paused@x.org", *(f"r{n}@x.org" for n in range(120)))
    notes = send(transport, messages, down=True)
    # Only what was in the same request has been begun.
    assert notes.begun == list(range(1, 1 + provider.sizes[0]))
    assert notes.outcomes.keys() == set(notes.begun)
    assert notes.outcomes[1].fate is Fate.POSTPONED


def test_a_wrong_key_touches_no_reader_and_is_not_shown(
    provider: FakeProvider, address: str
) -> None:
    wrong = "another/k+y"
    notes = Notes()
    with pytest.raises(TransportDown) as caught:
        asyncio.run(
            made(provider.mail_url(address, key=wrong)).deliver(outgoing(*["a@x.org"] * 60), notes)
        )
    assert provider.accepted == []
    assert notes.outcomes[1].fate is Fate.POSTPONED
    assert notes.outcomes[1].code in {401, 403}
    for text in (str(caught.value), notes.outcomes[1].answer):
        assert wrong not in text
        assert SECRET not in text


def test_an_odd_refusal_is_no_readers_fault_before_anything_was_accepted(
    provider: FakeProvider, transport: Transport
) -> None:
    notes = send(transport, outgoing("odd@x.org"))
    assert notes.outcomes[1].fate is Fate.POSTPONED


def test_a_row_of_odd_refusals_is_no_readers_fault(
    provider: FakeProvider, transport: Transport
) -> None:
    send(transport, outgoing("first@x.org"))
    notes = send(transport, outgoing(*["odd@x.org"] * 4, first=2))
    fates = [outcome.fate for outcome in notes.outcomes.values()]
    assert fates == [Fate.PERMANENT] * 3 + [Fate.POSTPONED]


def test_a_server_that_is_away_touches_nothing(provider: FakeProvider) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{probe.getsockname()[1]}"
        notes = send(made(provider.mail_url(away)), outgoing("a@x.org"), down=True)
    assert (notes.begun, notes.outcomes) == ([], {})


class FullDisk(Notes):
    """Notes the start of so many messages, and of no more."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self._room = room

    @override
    def started(self, delivery_id: int) -> None:
        if len(self.begun) == self._room:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().started(delivery_id)


@pytest.mark.parametrize("room", [0, 2])
def test_what_cannot_be_noted_is_not_sent_and_nobodys_fate_is_unknown(
    provider: FakeProvider, transport: Transport, room: int
) -> None:
    notes = FullDisk(room)
    messages = outgoing(*(f"r{number}@x.org" for number in range(9)))
    with pytest.raises(TransportDown, match="No space left"):
        asyncio.run(transport.deliver(messages, notes))
    assert len(provider.accepted) <= room
    fates = Counter(outcome.fate for outcome in notes.outcomes.values())
    assert fates.keys() <= {Fate.ACCEPTED, Fate.TEMPORARY}
    assert fates[Fate.ACCEPTED] == len(provider.accepted)
    # All that were begun have an end.
    assert notes.outcomes.keys() == set(notes.begun)


def test_addresses_that_no_provider_takes_are_never_begun(
    provider: FakeProvider, transport: Transport
) -> None:
    notes = send(transport, outgoing("ämma@x.org", "a@" + "ü" * 80 + ".org", "b@x.org"))
    assert notes.begun == [3]
    assert [notes.outcomes[n].reason for n in (1, 2)] == ["5.6.7", "5.1.2"]
    assert notes.outcomes[3].fate is Fate.ACCEPTED


def test_connections_are_kept_and_closed_with_their_loop(
    provider: FakeProvider, address: str
) -> None:
    url = provider.mail_url(address).replace("connections=1", "connections=3")
    transport = made(url)
    for start in (1, 201):
        notes = send(transport, outgoing(*(f"r{n}@x.org" for n in range(200)), first=start))
        assert len(notes.outcomes) == 200
    assert Counter(m.recipient for m in provider.accepted) == {f"r{n}@x.org": 2 for n in range(200)}
    assert len(provider.ports) <= 6, "three for each of the two event loops"
    # Sockets that were left open would warn here, which fails the test.
    gc.collect()


def test_it_can_be_closed_and_used_again_in_one_loop(
    provider: FakeProvider, transport: Transport
) -> None:
    async def run() -> None:
        for number in (1, 2):
            await transport.deliver(outgoing("a@x.org", first=number), Notes())
            await transport.close()
        await transport.close()

    asyncio.run(run())
    assert len(provider.accepted) == 2


def test_a_slow_answer_leaves_the_fate_unknown() -> None:
    fake = FakeMailgun()
    with served(fake) as address:
        slow = HttpTransport(
            Mailgun(key=SECRET, domain="mg.example.org", endpoint=address),
            connections=2,
            timeouts=Timeouts(silence=0.3),
        )
        notes = send(slow, outgoing("slow@x.org", "a@x.org"))
        dripping = HttpTransport(
            Mailgun(key=SECRET, domain="mg.example.org", endpoint=address),
            connections=1,
            timeouts=Timeouts(request=0.3),
        )
        later = send(dripping, outgoing("slow@x.org"))
    assert notes.outcomes[1].fate is Fate.UNKNOWN
    assert "ReadTimeout" in notes.outcomes[1].answer
    assert notes.outcomes[2].fate is Fate.ACCEPTED
    assert later.outcomes[1].fate is Fate.UNKNOWN


def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
                await writer.drain()
        except ConnectionError:
            writer.close()

    async def run() -> Notes:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        notes = Notes()
        async with server:
            transport = made(FakeSendGrid().mail_url(f"http://127.0.0.1:{port}"))
            await transport.deliver(outgoing("a@x.org"), notes)
            await transport.close()
        return notes

    assert asyncio.run(run()).outcomes[1].fate is Fate.UNKNOWN


def test_a_message_that_no_provider_takes_is_refused_by_its_size_alone(
    provider: FakeProvider, transport: Transport
) -> None:
    [huge] = large(outgoing("long@x.org", first=2), 32_000_000)
    first, last = outgoing("a@x.org"), outgoing("b@x.org", first=3)
    notes = send(transport, [*first, huge, *last])
    assert [notes.outcomes[number].fate for number in (1, 3)] == [Fate.ACCEPTED] * 2
    assert notes.begun == [1, 3]
    refused = notes.outcomes[2]
    assert (refused.fate, refused.reason) == (Fate.PERMANENT, "5.3.4")
    assert re.search(r"takes \d+ octets, not 3\d{7}$", refused.answer)
    assert max(provider.octets) < 100_000, "it was handed over all the same"


def test_another_provider_takes_over_all_that_was_not_begun() -> None:
    first, second = FakeSes(), FakeMailgun()
    with served(first) as one, served(second) as two:
        pool = made(first.mail_url(one, key="wrong"), second.mail_url(two))
        notes = send(pool, outgoing(*(f"r{n}@x.org" for n in range(60))))
    fates = Counter(outcome.fate for outcome in notes.outcomes.values())
    assert fates == {Fate.POSTPONED: 1, Fate.ACCEPTED: 59}
    assert len({m.recipient for m in second.accepted}) == len(second.accepted) == 59


def test_two_providers_share_by_weight() -> None:
    first, second = FakeSes(), FakeSendGrid()
    with served(first) as one, served(second) as two:
        pool = made(first.mail_url(one) + "&weight=3", second.mail_url(two))
        send(pool, outgoing(*(f"r{n}@x.org" for n in range(80))))
    recipients = Counter(m.recipient for m in first.accepted + second.accepted)
    assert set(recipients.values()) == {1}
    assert len(recipients) == 80
    # Its share, and what it took over if it was more than twice as quick.
    assert len(second.accepted) >= 20
    assert first.accepted


def test_a_rate_is_kept_through_redis(tmp_path: os.PathLike[str]) -> None:
    from pathlib import Path

    redis = EmbeddedRedis(Path(tmp_path))
    redis.open()
    fake = FakeSendGrid()
    try:
        with served(fake) as address:
            limited = fake.mail_url(address) + "&rate=1000/s"
            send(made(limited, redis_url=redis.url), outgoing("a@x.org", "b@x.org"))
    finally:
        redis.close()
    assert len(fake.accepted) == 2
    with served(fake) as address:
        away = made(fake.mail_url(address) + "&rate=1000/s", redis_url="unix:///nowhere/redis.sock")
        notes = send(away, outgoing("a@x.org"), down=True)
    assert (notes.begun, len(fake.accepted)) == ([], 2), "what cannot be counted is not sent"
