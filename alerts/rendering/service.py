"""Issue → edition: subject, HTML and plain text, made once for all readers of a variant."""

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from jinja2.sandbox import ImmutableSandboxedEnvironment
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from alerts.clock import Clock
from alerts.config import Settings
from alerts.database import insert_into
from alerts.errors import Invalid, Refused
from alerts.newsletters.content import IssueContent
from alerts.newsletters.models import Issue
from alerts.newsletters.numbering import spelled
from alerts.newsletters.service import get_newsletter
from alerts.paths import templates_dir
from alerts.rendering.environment import email_environment, fill
from alerts.rendering.folders import TemplateFolders
from alerts.rendering.frame import Frame
from alerts.rendering.hygiene import clean_content, clean_values
from alerts.rendering.inlining import inline_styles
from alerts.rendering.lines import with_short_lines
from alerts.rendering.links import CountedLinks
from alerts.rendering.models import Edition
from alerts.rendering.plain import one_line, tidy
from alerts.rendering.shortening import fitting
from alerts.rendering.slots import Slot
from alerts.rendering.views import Allowance, view_of
from alerts.tokens import Tokens

_TEMPLATE_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_BASE = "_base"
USUAL_FRAME = Frame()
NO_SLOTS: Mapping[str, Slot] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class RenderedEdition:
    """The parts of a mail; slots stand where a reader's own values go.

    `shortened` tells that texts were cut to keep the HTML below what Gmail clips.
    """

    subject: str
    html: str
    text: str
    shortened: bool = False

    def checksum(self) -> str:
        """Return the SHA-256 of the three parts, in hex."""
        parts = f"{self.subject}\0{self.html}\0{self.text}"
        return hashlib.sha256(parts.encode()).hexdigest()


class Renderer:
    """Renders issues and single messages with the templates in a folder.

    `own` is the folder of those that newsletters bring themselves; `links` makes the links that are
    counted, and without it none are.
    """

    def __init__(
        self, templates: Path, own: Path | None = None, *, links: CountedLinks | None = None
    ) -> None:
        self._folder, self._own = templates, own
        self._links = links
        self.folders = TemplateFolders(templates, own)
        self._environments: dict[str, ImmutableSandboxedEnvironment] = {}

    def render(
        self,
        content: IssueContent,
        *,
        archive_url: str,
        home_url: str,
        frame: Frame = USUAL_FRAME,
        rewrite: Callable[[str], str] = str,
    ) -> RenderedEdition:
        """Render an issue; its HTML stays below the size at which Gmail cuts a mail off.

        Too long an issue is shortened in fixed steps: essays first, at a paragraph's end and with
        a link to go on reading, then briefs. `archive_url` is where the whole issue stands on the
        web, `home_url` the page where one subscribes. In a plain `frame` there is no HTML.
        `rewrite` has the last word on the HTML, before its size is looked at.
        Raises Invalid when the template does not exist or has a mistake, with file and line.
        """
        clean = clean_content(content)

        def rendered(allowance: Allowance) -> RenderedEdition:
            view = view_of(clean, allowance, archive_url=archive_url)
            context = {"issue": view, "archive_url": archive_url, "home_url": home_url}
            made = self._render(content.template, context, frame)
            return replace(made, html=rewrite(made.html))

        return fitting(
            rendered, size=lambda edition: len(edition.html.encode()), mark=_as_shortened
        )

    def rewriter(
        self, session: Session, issue_id: int, content: IssueContent
    ) -> Callable[[str], str]:
        """Return what gives an issue's HTML counted links; where none are, it changes nothing."""
        if self._links is None or not content.counts_clicks:
            return str
        return self._links.rewriter(session, issue_id)

    def render_message(
        self,
        name: str,
        context: Mapping[str, object],
        *,
        slots: Mapping[str, Slot] = NO_SLOTS,
    ) -> RenderedEdition:
        """Render a single transactional mail from the values that its template asks for.

        `slots` names values that are left open, to be filled in for one reader after the other.

        `confirmation` asks for `email`, `titles` (of newsletters), `confirm_url`, `days` (how long
        the link serves), `publisher`, `publisher_address` and `home_url`. It takes no name on
        purpose: whoever fills in a form could else have us mail a text of theirs to anybody.
        `preferences-link` asks for `preferences_url` instead of the two in the middle, `welcome`
        for what `alerts.delivery.welcoming` gives it, `help` for `address` (to write to) and
        `titles` beside the last three.
        Raises Invalid when the template does not exist, has a mistake or lacks a value.
        """
        named = {value: slot.value for value, slot in slots.items()}
        context = clean_values(dict(context)) | named
        return self._render(name, context, USUAL_FRAME, styles=("style.css", "message.css"))

    def _render(
        self,
        name: str,
        context: Mapping[str, object],
        frame: Frame,
        *,
        styles: Sequence[str] = ("style.css",),
    ) -> RenderedEdition:
        self._check(name)
        environment = self.environment(frame.language)
        html = "" if frame.plain else fill(environment, f"{name}/body.html", context)
        sheets = self._style_sheets(name, styles)
        return RenderedEdition(
            subject=one_line(fill(environment, f"{name}/subject.txt", context)),
            html=with_short_lines(inline_styles(html, sheets)) if html else "",
            text=tidy(fill(environment, f"{name}/body.txt", context)),
        )

    def environment(self, language: str = "") -> ImmutableSandboxedEnvironment:
        """Return the Jinja environment with the frame in a language."""
        if language not in self._environments:
            self._environments[language] = email_environment(self._folder, language, own=self._own)
        return self._environments[language]

    def _check(self, name: str) -> None:
        if not _TEMPLATE_NAME.fullmatch(name) or self.folders.find(name) is None:
            known = ", ".join(self.folders.names())
            raise Invalid(f"there is no email template {name!r}; known are {known}")

    def _style_sheets(self, name: str, shared: Sequence[str]) -> list[str]:
        """Return the sheets that all share, then the template's own, which goes before them."""
        base, own = self.folders.find(_BASE), self.folders.find(name)
        paths = [base / sheet for sheet in shared] if base else []
        paths += [own / "style.css"] if own else []
        return [_sheet(path, path.stat().st_mtime_ns) for path in paths if path.is_file()]


@lru_cache(maxsize=64)
def _sheet(path: Path, _changed_at: int) -> str:
    return path.read_text(encoding="utf-8")


def _as_shortened(edition: RenderedEdition) -> RenderedEdition:
    return RenderedEdition(edition.subject, edition.html, edition.text, shortened=True)


def renderer_of(settings: Settings) -> Renderer:
    """Return the renderer with our templates and those that newsletters bring themselves.

    Links are counted under the program's key; without one there are no such links.
    """
    key, base_url = settings.secret_key, settings.base_url
    links = CountedLinks(Tokens(key), base_url) if key else None
    return Renderer(templates_dir("email"), settings.own_templates, links=links)


def variant_of(item_keys: Iterable[str], frame: Frame = USUAL_FRAME) -> str:
    """Return the checksum that names the variant holding these pieces, in whatever order."""
    named = [*sorted(set(item_keys)), *([frame.mark] if frame.mark else [])]
    return hashlib.sha256("\n".join(named).encode()).hexdigest()


def archive_url_of(session: Session, issue: Issue, base_url: str) -> str:
    """Return where an issue stands in the web archive.

    Each frequency counts for itself: only the newsletter's usual one needs no naming.
    """
    folder = f"{base_url}/archive/{issue.newsletter}"
    if issue.number is None:
        return folder
    usual = get_newsletter(session, issue.newsletter).definition["default_frequency"]
    naming = "" if issue.frequency == usual else f"{issue.frequency}-"
    return f"{folder}/{naming}{spelled(issue.number, issue.number_count)}"


def edition_for(
    session: Session,
    issue: Issue,
    content: IssueContent,
    item_keys: Collection[str],
    *,
    frame: Frame = USUAL_FRAME,
    renderer: Renderer,
    base_url: str,
    clock: Clock,
) -> Edition:
    """Return the edition of an issue with these pieces alone; rendered once, then kept.

    Where the issue counts clicks, its HTML leads away by counted links. Two workers may ask at the
    same moment: both get the row that was written first. Raises Refused when none of the pieces
    stands in the issue.
    """
    selected = _selected(issue, content, item_keys)
    found = session.scalar(_kept(issue.id, variant_of(selected.item_keys, frame)))
    if found is not None:
        return found
    edition = render_edition(
        issue,
        selected,
        frame=frame,
        renderer=renderer,
        archive_url=archive_url_of(session, issue, base_url),
        base_url=base_url,
        clock=clock,
        rewrite=renderer.rewriter(session, issue.id, content),
    )
    keep_editions(session, [edition])
    return session.scalars(_kept(issue.id, edition.variant)).one()


def render_edition(
    issue: Issue,
    content: IssueContent,
    *,
    frame: Frame = USUAL_FRAME,
    renderer: Renderer,
    archive_url: str,
    base_url: str,
    clock: Clock,
    rewrite: Callable[[str], str] = str,
) -> Edition:
    """Return an edition that holds all of a content; it is not kept yet, and no database asked.

    `rewrite` gives its HTML counted links.
    """
    rendered = renderer.render(
        content, archive_url=archive_url, home_url=base_url, frame=frame, rewrite=rewrite
    )
    return Edition(
        issue_id=issue.id,
        variant=variant_of(content.item_keys, frame),
        item_keys=list(content.item_keys),
        subject=rendered.subject,
        html=rendered.html,
        text=rendered.text,
        checksum=rendered.checksum(),
        created_at=clock.now(),
    )


def keep_editions(session: Session, editions: Iterable[Edition]) -> Mapping[str, int]:
    """Write editions of one issue down; return the number of each by its variant.

    Where another worker was first, what it wrote is the edition.
    """
    # In one order everywhere: two workers that meet in the middle wait for each other only once.
    made = sorted(editions, key=lambda edition: edition.variant)
    columns = [one.key for one in Edition.__mapper__.column_attrs if one.key != "id"]
    rows = [{name: getattr(edition, name) for name in columns} for edition in made]
    once = insert_into(session, Edition).on_conflict_do_nothing()
    written = session.execute(once.returning(Edition.variant, Edition.id), rows)
    kept = {row.variant: row.id for row in written}
    if len(kept) < len(made):
        kept |= kept_editions(session, made[0].issue_id, [edition.variant for edition in made])
    return kept


def kept_editions(session: Session, issue_id: int, variants: Sequence[str]) -> Mapping[str, int]:
    """Return the numbers of those of some variants of an issue that are written down."""
    found = select(Edition.variant, Edition.id).where(
        Edition.issue_id == issue_id, Edition.variant.in_(variants)
    )
    return {row.variant: row.id for row in session.execute(found)}


def _selected(issue: Issue, content: IssueContent, item_keys: Collection[str]) -> IssueContent:
    selected = content.only(item_keys)
    if not selected.items:
        raise Refused(f"issue {issue.id} holds none of the pieces asked for; no edition is made")
    return selected


def _kept(issue_id: int, variant: str) -> Select[Edition]:
    return select(Edition).where(Edition.issue_id == issue_id, Edition.variant == variant)
