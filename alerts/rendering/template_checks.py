"""A newsletter's templates tried out before they are used: strictly, on invented issues.

Nothing of it is stored or sent. What a template does wrong is told with its file and line.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from jinja2 import TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from alerts.errors import AlertsError, Invalid
from alerts.newsletters.content import IssueContent
from alerts.newsletters.definitions import NewsletterDefinition
from alerts.paths import templates_dir
from alerts.rendering.environment import fill, place_of_error
from alerts.rendering.frame import Frame
from alerts.rendering.lint import Level, lint
from alerts.rendering.sampling import sample_issues
from alerts.rendering.service import RenderedEdition, Renderer
from alerts.rendering.views import Allowance, view_of

FILES = ("subject.txt", "body.html", "body.txt")
_SUFFIXES = frozenset({".html", ".txt"})
_LARGEST = 500_000
# A template of ours: what the lint says of an issue in it, it says of the invented pieces.
_OURS = "gp-alert"


@dataclass(frozen=True, slots=True)
class TemplateFinding:
    """One thing that is wrong with a template: `where` is its file, with the line where known."""

    level: Level
    where: str
    message: str

    @property
    def line(self) -> str:
        """The finding on one line."""
        return f"{self.where}: {self.message}" if self.where else self.message


def check_template(
    renderer: Renderer, definition: NewsletterDefinition, *, base_url: str
) -> list[TemplateFinding]:
    """Return what is wrong with the template that a definition names, errors first.

    Every file has to be there and be read by Jinja; then invented issues of the newsletter are
    rendered, in which a value that nobody gave is an error, and the lint looks at the result.
    """
    folder = renderer.folders.find(definition.template)
    if folder is None:
        known = ", ".join(renderer.folders.names())
        words = f"there is no email template {definition.template!r}; known are {known}"
        return [TemplateFinding("error", "", words)]
    environment = renderer.environment()
    missing = list(_missing(folder))
    broken = list(_broken(folder, environment))
    if missing or broken:
        # A page that cannot be put together says nothing that is worth reading.
        return [*missing, *broken]
    failed = list(_failing(renderer, definition, base_url))
    found = failed or list(_linted(renderer, definition, base_url))
    return sorted(dict.fromkeys(found), key=lambda one: one.level != "error")


def refuse_broken(
    renderer: Renderer, definition: NewsletterDefinition, *, base_url: str
) -> list[TemplateFinding]:
    """Return the warnings about a template; raises Invalid when it has an error."""
    found = check_template(renderer, definition, base_url=base_url)
    errors = [one.line for one in found if one.level == "error"]
    if errors:
        more = f"; and {len(errors) - 3} more" if len(errors) > 3 else ""  # noqa: PLR2004 - a line is enough
        raise Invalid(f"template {definition.template}: {'; '.join(errors[:3])}{more}")
    return found


def _missing(folder: Path) -> Iterator[TemplateFinding]:
    for name in FILES:
        if not (folder / name).is_file():
            yield TemplateFinding("error", f"{folder.name}/{name}", f"is missing in {folder}")


def _broken(folder: Path, environment: ImmutableSandboxedEnvironment) -> Iterator[TemplateFinding]:
    paths = sorted(path for path in folder.rglob("*") if path.suffix in _SUFFIXES)
    for path in paths:
        where = f"{folder.name}/{path.relative_to(folder).as_posix()}"
        try:
            if path.stat().st_size > _LARGEST:
                yield TemplateFinding("error", where, "is larger than any mail may be")
                continue
            environment.parse(path.read_text(encoding="utf-8"), name=where)
        except TemplateSyntaxError as error:
            message = error.message or "is no template"
            yield TemplateFinding("error", f"{where}, line {error.lineno}", message)
        except (OSError, UnicodeDecodeError) as error:
            yield TemplateFinding("error", where, f"cannot be read as UTF-8 text: {error}")


def _failing(
    renderer: Renderer, definition: NewsletterDefinition, base_url: str
) -> Iterator[TemplateFinding]:
    """Fill each file with each invented issue; what fails in several is told once."""
    for content in sample_issues(definition):
        for name in FILES:
            problem = _tried(renderer, definition.template, name, _context(content, base_url))
            if problem is not None:
                yield problem


def _tried(
    renderer: Renderer, template: str, name: str, context: Mapping[str, object]
) -> TemplateFinding | None:
    try:
        fill(renderer.environment(), f"{template}/{name}", context)
    except Invalid as error:
        words = str(error).removeprefix("email template ")
        where, colon, message = words.partition(": ")
        if not colon:
            # A template that another one asks for.
            cause = error.__cause__ or error
            where, message = place_of_error(cause, f"{template}/{name}"), words
        return TemplateFinding("error", where, message)
    except Exception as error:  # noqa: BLE001 - whatever a template's expressions raise
        where = place_of_error(error, f"{template}/{name}")
        return TemplateFinding("error", where, f"{type(error).__name__}: {error}")
    return None


def _linted(
    renderer: Renderer, definition: NewsletterDefinition, base_url: str
) -> Iterator[TemplateFinding]:
    template, ours = definition.template, Renderer(templates_dir("email"))
    for content in sample_issues(definition):
        try:
            for frame in (Frame(plain=True), Frame()):
                edition = _rendered(renderer, content, frame, base_url)
        except AlertsError as error:
            yield TemplateFinding("error", "", str(error))
            continue
        except Exception as error:  # noqa: BLE001 - a style sheet that no reader of CSS takes
            words = f"{type(error).__name__}: {error}"
            yield TemplateFinding("error", f"{template}/style.css", words)
            continue
        usual = _rendered(ours, replace(content, template=_OURS), Frame(), base_url)
        of_pieces = {one.rule for one in lint(content, usual)}
        for one in lint(content, edition):
            if one.rule not in of_pieces:
                yield TemplateFinding(one.level, template, f"{one.message} ({one.fix})")


def _rendered(
    renderer: Renderer, content: IssueContent, frame: Frame, base_url: str
) -> RenderedEdition:
    return renderer.render(
        content, archive_url=f"{base_url}/archive/", home_url=base_url, frame=frame
    )


def _context(content: IssueContent, base_url: str) -> dict[str, object]:
    archive_url = f"{base_url}/archive/"
    view = view_of(content, Allowance(), archive_url=archive_url)
    return {"issue": view, "archive_url": archive_url, "home_url": base_url}
