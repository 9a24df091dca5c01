"""Real SMTP servers at the other end, kind and unkind."""

import asyncio
import socket
from collections.abc import Iterable, Iterator
from email import message_from_bytes
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from alerts.config import Settings
from alerts.delivery.catcher import CatcherStore
from alerts.delivery.catcher_server import catcher_controller
from alerts.delivery.outcome import Fate
from alerts.delivery.transports.base import Observer, Outgoing, Transport, TransportDown
from alerts.delivery.transports.factory import make_transport
from alerts.delivery.transports.pool import Member, PoolTransport
from alerts.delivery.transports.smtp import SmtpServer, SmtpTransport
from alerts.embedded_redis import EmbeddedRedis
from alerts.errors import Invalid
from alerts.mail_server import MailServer
from alerts.rates import parse_rate
from tests.data.delivery.handing import Notes


class MoodyHandler:
    """A server whose mood is in the recipient's name."""

    def __init__(self) -> None:
        self.accepted: list[str] = []

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _: list[str]
    ) -> str:
        if address.startswith("unknown"):
            return "550 5.1.1 no such user"
        if address.startswith("grey"):
            return "451 4.7.1 try again later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 fine"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - the same
        if envelope.rcpt_tos[0].startswith("spam"):
            return "554 5.7.1 looks like spam"
        if envelope.rcpt_tos[0].startswith("cut"):
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
            return "250 2.0.0 never seen"
        self.accepted += envelope.rcpt_tos
        return "250 2.0.0 queued"


@pytest.fixture
def moody() -> Iterator[tuple[MoodyHandler, int]]:
    handler = MoodyHandler()
    controller = MailServer(handler, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield handler, controller.port
    controller.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def outgoing(*recipients: str) -> list[Outgoing]:
    return [
        Outgoing(number, "alerts@example.org", recipient, lambda _: b"Subject: x\r\n\r\n.dot\r\n")
        for number, recipient in enumerate(recipients, start=1)
    ]


async def hand_over(transport: Transport, messages: Iterable[Outgoing], observer: Observer) -> None:
    """Deliver, and let go of the connections, which would else outlive the event loop."""
    try:
        await transport.deliver(messages, observer)
    finally:
        await transport.close()


def test_each_answer_gets_its_fate(moody: tuple[MoodyHandler, int]) -> None:
    handler, port = moody
    notes = Notes()
    recipients = ["a@x.org", "unknown@x.org", "grey@x.org", "spam@x.org", "cut@x.org", "b@x.org"]
    transport = SmtpTransport(SmtpServer("127.0.0.1", port, connections=2))
    asyncio.run(hand_over(transport, outgoing(*recipients), notes))
    assert sorted(handler.accepted) == ["a@x.org", "b@x.org"]
    fates = {recipients[number - 1]: o.fate for number, o in notes.outcomes.items()}
    assert fates == {
        "a@x.org": Fate.ACCEPTED,
        "unknown@x.org": Fate.PERMANENT,
        "grey@x.org": Fate.TEMPORARY,
        "spam@x.org": Fate.PERMANENT,
        "cut@x.org": Fate.UNKNOWN,
        "b@x.org": Fate.ACCEPTED,
    }
    assert notes.outcomes[2].reason == "5.1.1"
    # What was refused before its content was handed over was never in doubt.
    assert sorted(notes.begun) == [1, 4, 5, 6]


def test_more_messages_than_one_connection_carries(tmp_path: Path) -> None:
    store = CatcherStore(tmp_path)
    controller = catcher_controller(store, host="127.0.0.1", port=free_port())
    controller.start()
    try:
        notes = Notes()
        transport = SmtpTransport(SmtpServer("127.0.0.1", controller.port, connections=3))
        asyncio.run(hand_over(transport, outgoing(*(f"r{n}@x.org" for n in range(350))), notes))
    finally:
        controller.stop()
    assert {o.fate for o in notes.outcomes.values()} == {Fate.ACCEPTED}
    assert store.count() == 350
    mail = store.get(store.newest(limit=1)[0].id)
    assert mail is not None
    assert message_from_bytes(mail.raw).get_payload() == ".dot\r\n"
    store.close()


class RefusingHandler(MoodyHandler):
    """A server that lets nobody send, or stops our sending in the middle."""

    def __init__(self, *, after: int) -> None:
        super().__init__()
        self.left = after

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _: list[str]
    ) -> str:
        if not self.left:
            return "550 5.7.1 sender not allowed"
        self.left -= 1
        envelope.mail_from = address
        return "250 2.1.0 fine"


@pytest.mark.parametrize("after", [0, 3])
def test_a_server_that_refuses_us_says_nothing_about_the_readers(after: int) -> None:
    handler = RefusingHandler(after=after)
    controller = MailServer(handler, hostname="127.0.0.1", port=free_port())
    controller.start()
    notes = Notes()
    try:
        transport = SmtpTransport(SmtpServer("127.0.0.1", controller.port, connections=2))
        with pytest.raises(TransportDown, match=r"refuses our sender: 550 5\.7\.1"):
            asyncio.run(hand_over(transport, outgoing(*(f"r{n}@x.org" for n in range(6))), notes))
    finally:
        controller.stop()
    assert [outcome.fate for outcome in notes.outcomes.values()] == [Fate.ACCEPTED] * after
    assert len(handler.accepted) == after


def test_a_server_that_is_away_touches_nothing() -> None:
    notes = Notes()
    transport = SmtpTransport(SmtpServer("127.0.0.1", free_port()))
    with pytest.raises(TransportDown):
        asyncio.run(hand_over(transport, outgoing("a@x.org"), notes))
    assert notes.outcomes == {}
    assert notes.begun == []


def test_the_next_server_takes_over(moody: tuple[MoodyHandler, int]) -> None:
    handler, port = moody
    notes = Notes()
    pool = PoolTransport(
        [
            Member("away", SmtpTransport(SmtpServer("127.0.0.1", free_port()))),
            Member("here", SmtpTransport(SmtpServer("127.0.0.1", port))),
        ]
    )
    asyncio.run(hand_over(pool, outgoing("a@x.org", "b@x.org"), notes))
    assert sorted(handler.accepted) == ["a@x.org", "b@x.org"]
    assert {o.fate for o in notes.outcomes.values()} == {Fate.ACCEPTED}


# The server of this test speaks no TLS; aiosmtpd warns of what no real server should do.
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_a_login_is_made_when_the_url_has_one() -> None:
    def check(
        server: SMTP, session: Session, envelope: Envelope, kind: str, data: object
    ) -> AuthResult:
        login = getattr(data, "login", b""), getattr(data, "password", b"")
        return AuthResult(success=login == (b"desk", b"p@ss word"))

    handler = MoodyHandler()
    controller = MailServer(
        handler,
        hostname="127.0.0.1",
        port=free_port(),
        authenticator=check,
        auth_required=True,
        auth_require_tls=False,
    )
    controller.start()
    try:
        url = f"smtp://desk:p%40ss%20word@127.0.0.1:{controller.port}?tls=off"
        transport = make_transport(Settings(mail_url=(url,)), redis_url="redis://unused")
        asyncio.run(hand_over(transport, outgoing("a@x.org"), Notes()))
    finally:
        controller.stop()
    assert handler.accepted == ["a@x.org"]


async def seconds_for(transport: Transport, count: int, notes: Observer) -> float:
    """Hand over so many messages; return how long it took."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    await hand_over(transport, outgoing(*(f"r{n}@x.org" for n in range(count))), notes)
    return loop.time() - start


def test_a_rate_holds_for_all_connections_together(
    moody: tuple[MoodyHandler, int], tmp_path: Path
) -> None:
    _, port = moody
    redis = EmbeddedRedis(tmp_path)
    redis.open()
    try:
        settings = Settings(mail_url=(f"smtp://127.0.0.1:{port}?rate=20/s&connections=8",))
        transport = make_transport(settings, redis_url=redis.url)
        notes = Notes()
        # Twenty intervals of a twentieth of a second lie between 21 messages; never fewer.
        assert asyncio.run(seconds_for(transport, 21, notes)) >= 0.95
    finally:
        redis.close()
    assert len(notes.outcomes) == 21


def test_a_newsletters_own_rate_holds_for_mail_that_is_caught_too(tmp_path: Path) -> None:
    redis = EmbeddedRedis(tmp_path / "redis")
    redis.open()
    try:
        # What is stated for mail providers is not: nothing reaches them.
        settings = Settings(data_dir=tmp_path, domain_limits=("x.org=1/m",))
        transport = make_transport(
            settings, redis_url=redis.url, newsletter_rate=lambda _: parse_rate("20/s")
        )
        notes = Notes()
        assert asyncio.run(seconds_for(transport, 21, notes)) >= 0.95
    finally:
        redis.close()
    assert {outcome.fate for outcome in notes.outcomes.values()} == {Fate.ACCEPTED}
    store = CatcherStore(tmp_path)
    assert store.count() == 21
    store.close()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("smtp://host:99999", "port"),
        ("smtp://", "host is missing"),
        ("smtp://host?speed=9", "speed"),
        ("smtp://host?tls=maybe", "tls=maybe"),
        ("smtp://host?connections=0", "connections=0"),
        ("smtp://host?rate=fast", "rate"),
    ],
)
def test_a_wrong_mail_url_is_told_in_one_line(url: str, reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        make_transport(Settings(mail_url=(url,)), redis_url="redis://unused")
