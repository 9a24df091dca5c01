"""The sample newsroom: invented articles in the site's shape, always of the last three weeks.

`manifest.toml` says of every page who wrote it, when (in days before today) and in which shape the
site shows it; `pages/` holds the texts, `shapes/` the site's page around them. Every text is a
Jinja template, so that an article can name a day: `{{ day(-3) }}` prints `20 November 2026`.
"""

import csv
import shutil
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from pydantic import BaseModel, ConfigDict, Field

_FOLDER = Path(__file__).resolve().parent
PHOTOS = _FOLDER / "photos"
SITE = "https://newsroom.example.org"
_RELATED = 6


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SampleAuthor(_Entry):
    """Somebody invented, and what the page says about them."""

    name: str
    about: str | None = None


class SamplePhoto(_Entry):
    """A picture of `photos/`, and the words for those who do not see it."""

    file: str
    alt: str


class SampleArticle(_Entry):
    """What a page of the newsroom says of itself; `days_ago` is its date, 0 being today.

    `label` is the line with series, number and date as the site prints it, a Jinja text of its
    own. Whoever did not sign with a name signs as a team.
    """

    file: str
    shape: Literal["site", "table", "copy", "debris"]
    record: int
    series: str
    label: str
    days_ago: int = Field(ge=0)
    title: str
    authors: tuple[SampleAuthor, ...] = ()
    joined_by: str = ", "
    team: str | None = None
    credit: str
    photo: SamplePhoto | None = None

    @property
    def url(self) -> str:
        """The page's address on the invented site."""
        return f"{SITE}/view_cir_articles.php?url={quote(self.series)}&recordNo={self.record}"

    @property
    def byline(self) -> str:
        """The line of authors below the title, or the team."""
        return self.joined_by.join(author.name for author in self.authors) or self.team or ""


class EarlierPiece(_Entry):
    """A line of the list of other pieces below an article; `months_ago` is its printed month."""

    months_ago: int = Field(ge=1)
    number: int
    signed: str
    title: str


class Manifest(_Entry):
    """The whole newsroom, the oldest article first."""

    articles: tuple[SampleArticle, ...]
    earlier: tuple[EarlierPiece, ...]


@dataclass(frozen=True, slots=True)
class _Calendar:
    """Days and months as pages print them, counted from the day the newsroom is written."""

    today: date

    def day(self, offset: int) -> str:
        """Return `20 November 2026` for a day so many days from today."""
        day = self.today + timedelta(days=offset)
        return f"{day.day} {day:%B %Y}"

    def month(self, offset: int) -> str:
        """Return `November 2026` for a month so many months from today's."""
        years, month = divmod(self.today.year * 12 + self.today.month - 1 + offset, 12)
        return f"{date(years, month + 1, 1):%B %Y}"


@cache
def load_manifest() -> Manifest:
    """Return what the newsroom holds."""
    return Manifest.model_validate(
        tomllib.loads((_FOLDER / "manifest.toml").read_text(encoding="utf-8"))
    )


def write_pages(folder: Path, *, today: date, base_url: str) -> list[Path]:
    """Write every page of the newsroom into a folder as of `today`; return the files.

    `base_url` is where the program serves `PHOTOS` as `/sample/photos/`. The oldest page comes
    first, as it would have been published.
    """
    folder.mkdir(parents=True, exist_ok=True)
    calendar = _Calendar(today)
    environment = _environment(calendar, base_url)
    manifest = load_manifest()
    written = []
    for place, article in enumerate(manifest.articles):
        date_line = calendar.day(-article.days_ago)
        label = environment.from_string(article.label).render(date=date_line)
        ending = article.file.rpartition(".")[2]
        shape = environment.get_template(f"_{article.shape}.{ending}")
        text = shape.render(article=article, label=label, related=_some(manifest.earlier, place))
        path = folder / article.file
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written


def write_subscribers(path: Path) -> int:
    """Write the sample's readers as CSV in the program's own columns; return how many."""
    shutil.copyfile(_FOLDER / "subscribers.csv", path)
    with path.open(encoding="utf-8", newline="") as rows:
        return sum(1 for _ in csv.DictReader(rows))


def _environment(calendar: _Calendar, base_url: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader([_FOLDER / "shapes", _FOLDER / "pages"]),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals.update(base_url=base_url, day=calendar.day, month=calendar.month)
    return environment


def _some(pieces: Sequence[EarlierPiece], start: int) -> list[EarlierPiece]:
    """Return a few of the earlier pieces, other ones for each article, the newest first."""
    chosen = [pieces[(start + step) % len(pieces)] for step in range(_RELATED)]
    return sorted(chosen, key=lambda piece: -piece.number)
