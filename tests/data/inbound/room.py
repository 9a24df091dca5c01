"""A house whose mail comes back: readers got an issue, and mails about it arrive."""

from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import select

from alerts.clock import FixedClock
from alerts.config import Settings
from alerts.database import Database
from alerts.delivery.models import Batch, Delivery
from alerts.delivery.preparation import prepare_issue
from alerts.delivery.return_paths import ReturnPaths
from alerts.delivery.returned import BounceEvent
from alerts.inbound.incoming import Desk
from alerts.inbound.models import InboundMail
from alerts.inbound.storing import Arrival, store_mail
from alerts.inbound.working import ToDo, work_off
from alerts.request_limits import RequestLimits
from alerts.subscribers.models import Subscriber
from alerts.task_queue import RecordingTaskQueue
from tests.data.delivery.house import House
from tests.factories import RENDERER, SETTINGS, approved_issue

KEYS = ("an-old-key-of-the-tests-of-more-than-32-characters", "k" * 40)
BOUNCES = "bounces@bounce.example.org"


class Room:
    """The house, and the desk at which its inbound mail is read."""

    def __init__(
        self, database: Database, clock: FixedClock, folder: Path, **settings: str
    ) -> None:
        self.database, self.clock = database, clock
        changes = {"secret_key": KEYS, "bounce_domain": BOUNCES} | settings
        self.settings = Settings(**SETTINGS.model_dump() | changes)
        self.return_paths = ReturnPaths.of(KEYS, self.settings.bounce_domain)
        self.house = House(database, clock, folder, return_paths=self.return_paths)
        self.desk = Desk(
            database=database,
            settings=self.settings,
            clock=clock,
            limits=RequestLimits(database, "", clock, secret=KEYS[-1]),
        )

    def send_to(self, *names: str) -> int:
        """Send an issue to these readers."""
        issue_id = self.house.send_to(*names)
        self.house.work()
        return issue_id

    def send_next(self) -> int:
        """Send one more issue to the readers there are."""
        issue_id = approved_issue(self.database, self.clock)
        prepare_issue(
            self.database,
            issue_id,
            renderer=RENDERER,
            base_url=SETTINGS.base_url,
            clock=self.clock,
            queue=RecordingTaskQueue(),
        )
        with self.database.read() as session:
            batches = session.scalars(select(Batch.id).where(Batch.issue_id == issue_id)).all()
        for batch in batches:
            self.house.sender.work_off(batch)
        return issue_id

    def arrives(
        self, raw: bytes, *, to: Iterable[str] = (), sender: str | None = "", way: str = "test"
    ) -> tuple[InboundMail, list[ToDo]]:
        """Store a mail and work on it; return what became of it."""
        with self.database.transaction() as session:
            stored = store_mail(
                session, Arrival(raw, way, sender, tuple(to)), keep=None, clock=self.clock
            )
        to_do = work_off(self.desk, stored.mail_id)
        return self.mail(stored.mail_id), to_do

    def mail(self, mail_id: int) -> InboundMail:
        with self.database.read() as session:
            return session.get_one(InboundMail, mail_id)

    def reader(self, name: str) -> Subscriber:
        with self.database.read() as session:
            found = select(Subscriber).where(Subscriber.email == f"{name}@example.org")
            return session.scalars(found).one()

    def delivery(self, name: str) -> Delivery:
        with self.database.read() as session:
            return session.scalars(
                select(Delivery)
                .where(Delivery.subscriber_id == self.reader(name).id)
                .order_by(Delivery.id.desc())
                .limit(1)
            ).one()

    def path_of(self, name: str) -> str:
        """Return the envelope sender of a reader's last message."""
        assert self.return_paths
        return self.return_paths.address(self.delivery(name).id)

    def events(self) -> list[BounceEvent]:
        with self.database.read() as session:
            return list(session.scalars(select(BounceEvent).order_by(BounceEvent.id)))


def dsn(
    recipient: str,
    *,
    status: str = "5.1.1",
    said: str = "",
    action: str = "failed",
    message_id: str = "",
    to: str = "alerts@news.example.org",
    serial: int = 0,
) -> bytes:
    """Return a delivery status notification (RFC 3464) about one recipient."""
    said = said or f"550 {status} <{recipient}>: no such user here"
    returned = f"Message-ID: <{message_id}>\r\n" if message_id else ""
    lines = [
        "From: MAILER-DAEMON@mx.example.net",
        f"To: {to}",
        "Subject: Undelivered Mail Returned to Sender",
        f"Message-ID: <dsn.{serial}@mx.example.net>",
        "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
        "",
        "--b",
        "Content-Type: text/plain",
        "",
        "It could not be delivered.",
        "--b",
        "Content-Type: message/delivery-status",
        "",
        "Reporting-MTA: dns; mx.example.net",
        "",
        f"Final-Recipient: rfc822; {recipient}",
        f"Action: {action}",
        f"Status: {status}",
        f"Diagnostic-Code: smtp; {said}",
        "",
        "--b",
        "Content-Type: text/rfc822-headers",
        "",
        f"{returned}Subject: GP Alert",
        "--b--",
        "",
    ]
    return "\r\n".join(lines).encode()


def complaint(*, message_id: str = "", original_to: str = "reader@redacted.example") -> bytes:
    """Return a feedback report (RFC 5965)."""
    returned = f"Message-ID: <{message_id}>\r\n" if message_id else ""
    lines = [
        "From: feedback@provider.example",
        "To: abuse@news.example.org",
        "Subject: complaint",
        "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b"',
        "",
        "--b",
        "Content-Type: text/plain",
        "",
        "This is an abuse report.",
        "--b",
        "Content-Type: message/feedback-report",
        "",
        "Feedback-Type: abuse",
        "User-Agent: Provider/1.0",
        "Version: 1",
        "",
        "--b",
        "Content-Type: message/rfc822",
        "",
        f"{returned}To: {original_to}",
        "Subject: GP Alert",
        "",
        "Text.",
        "--b--",
        "",
    ]
    return "\r\n".join(lines).encode()


def letter(
    sender: str, *, to: str = "alerts@news.example.org", subject: str = "", **headers: str
) -> bytes:
    """Return a mail that a person wrote; `body` is its text, other words are fields."""
    body = headers.pop("body", "")
    fields = {"From": sender, "To": to, "Subject": subject, "Message-ID": "<w1@there.example>"}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{head}\r\n{body}\r\n".encode()
