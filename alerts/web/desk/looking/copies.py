"""One copy of an issue: whose it is, what is in it, and the mail itself."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from alerts.delivery.preview import SAMPLE_ADDRESS, issue_envelope, preview_files
from alerts.delivery.seeing import Seen, seen_by_reader, seen_by_wish
from alerts.errors import Invalid, NotFound
from alerts.newsletters.content import IssueContent
from alerts.newsletters.issues import build_content, get_issue
from alerts.newsletters.models import Issue
from alerts.rendering.service import RenderedEdition, archive_url_of
from alerts.staff.permissions import Permission
from alerts.staff.sessions import require
from alerts.subscribers.models import Subscriber
from alerts.web.desk.frame import Desk
from alerts.web.desk.looking.asking import Asked, Whose
from alerts.web.desk.looking.renderings import rendered
from alerts.web.desk.words import sentence


@dataclass(frozen=True, slots=True)
class Copy:
    """An issue as somebody gets it; `mail` is None where they get none, and `files` empty.

    `problem` says what was not understood of the question.
    """

    issue: Issue
    content: IssueContent
    seen: Seen
    sender: str
    subscriber: Subscriber | None = None
    mail: RenderedEdition | None = None
    files: dict[str, bytes] | None = None
    problem: str = ""

    @property
    def html(self) -> str:
        """The mail's HTML, empty where there is none."""
        return self.files["body.html"].decode() if self.files else ""

    @property
    def text(self) -> str:
        """The mail's plain text."""
        return self.files["body.txt"].decode() if self.files else ""

    @property
    def source(self) -> bytes:
        """The whole message."""
        return self.files["message.eml"] if self.files else b""

    @property
    def left_out(self) -> list[str]:
        """The titles of the pieces that are not in it."""
        return [item.title for item in self.content.items if item.key not in self.seen.keys]


def copy_of(desk: Desk, session: Session, issue_id: int, asked: Asked) -> Copy:
    """Return the copy that is asked for; raises NotFound, and NotAllowed for a subscriber's."""
    runtime = desk.site.runtime
    issue = get_issue(session, issue_id)
    content = build_content(session, issue)
    sender = issue_envelope(session, issue, settings=runtime.settings, clock=runtime.clock).sender
    subscriber = _subscriber(desk, session, asked)
    problem = ""
    try:
        seen = _seen(desk, session, issue, content, asked, subscriber)
    except Invalid as error:
        seen, problem = Seen(), sentence(error)
    if not seen.keys:
        return Copy(issue, content, seen, sender, subscriber, problem=problem)
    mail = seen.stored or rendered(
        desk.site.renderer,
        content.only(seen.keys),
        seen.frame,
        archive_url=archive_url_of(session, issue, runtime.settings.base_url),
        home_url=runtime.settings.base_url,
    )
    files = preview_files(
        session,
        issue,
        mail,
        settings=runtime.settings,
        clock=runtime.clock,
        email=subscriber.email if subscriber else SAMPLE_ADDRESS,
        name=subscriber.name if subscriber else None,
    )
    return Copy(issue, content, seen, sender, subscriber, mail, files)


def _subscriber(desk: Desk, session: Session, asked: Asked) -> Subscriber | None:
    if asked.whose is not Whose.READER or asked.reader is None:
        return None
    require(desk.visit, Permission.SUBSCRIBERS_READ)
    found = session.get(Subscriber, asked.reader)
    if found is None:
        raise NotFound("this subscriber is not kept any more")
    return found


def _seen(
    desk: Desk,
    session: Session,
    issue: Issue,
    content: IssueContent,
    asked: Asked,
    subscriber: Subscriber | None,
) -> Seen:
    if asked.whose is Whose.WISH:
        return seen_by_wish(content, asked.interests())
    if subscriber is not None:
        now = issue.send_at or desk.site.runtime.clock.now()
        return seen_by_reader(session, issue, content, subscriber, now=now)
    return Seen(content.item_keys, why_not="" if content.items else "the issue is empty")
