"""What somebody asks to see of an issue: a way to look, and whose eyes; kept in the address."""

import enum
from dataclasses import dataclass, replace
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Query

from alerts.articles.countries import find_country
from alerts.languages import check_language
from alerts.subscribers.interests import Interests
from alerts.web.desk.looking.schemes import Scheme

_LARGEST_ID = 2**63 - 1
_MOST = 60


class View(enum.StrEnum):
    """What of a mail is looked at."""

    MAIL = "mail"
    INBOX = "inbox"
    TEXT = "text"
    SOURCE = "source"


class Width(enum.StrEnum):
    """On which screens."""

    BOTH = "both"
    PHONE = "phone"
    DESKTOP = "desktop"


class Pictures(enum.StrEnum):
    """Whether the mail program fetches pictures."""

    ON = "on"
    OFF = "off"


class Whose(enum.StrEnum):
    """Whose copy of the issue: all of it, that of a wish, that of a subscriber."""

    WHOLE = "whole"
    WISH = "wish"
    READER = "reader"


_Words = Annotated[list[str] | None, Query(max_length=_MOST)]
_Text = Annotated[str, Query(max_length=500)]
_Number = Annotated[int | None, Query(ge=1, le=_LARGEST_ID)]


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for, as it stood in the address."""

    view: View = View.MAIL
    width: Width = Width.BOTH
    scheme: Scheme = Scheme.LIGHT
    pictures: Pictures = Pictures.ON
    whose: Whose = Whose.WHOLE
    reader: int | None = None
    regions: tuple[str, ...] = ()
    countries: str = ""
    topics: tuple[str, ...] = ()
    series: tuple[str, ...] = ()
    language: str = ""
    plain: bool = False

    def interests(self) -> Interests:
        """Return the wish that was put together; raises Invalid."""
        return Interests.of(
            regions=self.regions,
            countries=[find_country(name) for name in self.countries.split(",") if name.strip()],
            topics=self.topics,
            series=self.series,
            language=check_language(self.language) or "",
            plain=self.plain,
        )

    def query(self, **changes: object) -> str:
        """Return the question as the end of an address, with some of it changed."""
        asked = replace(self, **changes)  # type: ignore[arg-type]  # fields by name
        pairs: list[tuple[str, str]] = []
        for name, usual in _USUAL.items():
            value = getattr(asked, name)
            if value != usual:
                pairs.append((name, "true" if value is True else str(value)))
        if asked.whose is Whose.WISH:
            pairs += [("region", slug) for slug in asked.regions]
            pairs += [("topic", name) for name in asked.topics]
            pairs += [("series", name) for name in asked.series]
        return f"?{urlencode(pairs)}" if pairs else "?"

    def kept(self) -> list[tuple[str, str]]:
        """Return what a form about whose copy it is leaves as it is, by field."""
        names = ("view", "width", "scheme", "pictures")
        return [(name, str(getattr(self, name))) for name in names]


_USUAL: dict[str, object] = {
    "view": View.MAIL,
    "width": Width.BOTH,
    "scheme": Scheme.LIGHT,
    "pictures": Pictures.ON,
    "whose": Whose.WHOLE,
    "reader": None,
    "countries": "",
    "language": "",
    "plain": False,
}


def asked_in(
    view: View = View.MAIL,
    width: Width = Width.BOTH,
    scheme: Scheme = Scheme.LIGHT,
    pictures: Pictures = Pictures.ON,
    whose: Whose = Whose.WHOLE,
    reader: _Number = None,
    region: _Words = None,
    countries: _Text = "",
    topic: _Words = None,
    series: _Words = None,
    language: Annotated[str, Query(max_length=35)] = "",
    plain: bool = False,
) -> Asked:
    """Return what an address asks for."""
    return Asked(
        view=view,
        width=width,
        scheme=scheme,
        pictures=pictures,
        # Nobody in particular is everybody.
        whose=Whose.WHOLE if whose is Whose.READER and reader is None else whose,
        reader=reader if whose is Whose.READER else None,
        regions=_clean(region),
        countries=countries.replace("\0", ""),
        topics=_clean(topic),
        series=_clean(series),
        language=language,
        plain=plain,
    )


def _clean(words: list[str] | None) -> tuple[str, ...]:
    texts = (word.strip().replace("\0", "")[:200] for word in words or ())
    return tuple(dict.fromkeys(text for text in texts if text))


Asking = Annotated[Asked, Depends(asked_in)]
