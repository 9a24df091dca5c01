"""The grammar of header lines: series, number, volume, date and team, in any order.

Pure: a line goes in, what was understood comes out, with the rest that was not. It reads
`CWA # 1251`, `TWTW#187, 23 October 2022, Vol. 4, No. 36`,
`Africa Weekly #85&86 Vol. 2, No.39 & 40 31 October, 2023`, `| GP Team 14 September 2019 |`.
"""

import re
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from functools import lru_cache

SERIES = {
    "CWA Commentary": r"cwa(?:\s+commentary|\s+commentaries)?",
    "The World This Week": r"the\s+world\s+this\s+week|twtw",
    "The World Today": r"the\s+world\s+today",
    "NIAS Africa Weekly": r"(?:nias\s+)?africa\s+weekly",
    "NIAS Europe Monitor": r"(?:nias\s+)?europe\s+monitor",
    "NIAS Area Studies": r"nias\s+area\s+stud(?:y|ies)",
    "Africa This Week": r"africa\s+this\s+week",
    "Europe This Week": r"europe\s+this\s+week",
    "GP Short Notes": r"gp\s+short\s+notes?",
    "GP Insights": r"gp\s+insights?",
    "Conflict Weekly": r"conflict\s+weekly",
    "Conflict Alerts": r"conflict\s+alerts?",
    "Pakistan Reader": r"(?:the\s+)?pakistan\s+reader",
}
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_MONTH = (
    r"(?P<{0}>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    r"sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_YEAR = r"(?P<{0}>(?:19|20)\d\d)"
_COUNT = r"(\d{1,3},\d{3}|\d{1,5}(?:\s*(?:&|and|-|–|/)\s*#?\s*\d{1,5})?)"

_SERIES_RE = [
    (name, re.compile(rf"(?<![\w]){words}(?![\w])", re.IGNORECASE))
    for name, words in SERIES.items()
]
_NUMBER_RE = re.compile(rf"(?:#|№)\s*{_COUNT}(?!\w)", re.IGNORECASE)
_VOLUME_RE = re.compile(rf"\bvol(?:ume)?\b\s*[.:]?\s*{_COUNT}(?!\w)", re.IGNORECASE)
_VOLUME_NUMBER_RE = re.compile(
    rf"\b(?:nos?|number|issue)\b\s*[.:]?\s*{_COUNT}(?!\w)", re.IGNORECASE
)
_WEEKDAY = r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day\s*,?\s*)?"
# A week's issue says `17-24 November 2022`, and comes out on the last day.
_SPAN = (
    r"(?:(?<![#.&-])(?<![#.&-] )(?<!\bno )\b(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?(?:\s+(?:"
    + "|".join(f"{month[:3]}(?:{month[3:]})?" for month in _MONTHS)
    + r"))?\s*[-–]\s*)?"
)
_DAY_RE = re.compile(
    rf"{_SPAN}{_WEEKDAY}\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s*(?:of\s+)?[ -]?"
    rf"{_MONTH.format('month')}\s*[,-]?\s*{_YEAR.format('year')}\b",
    re.IGNORECASE,
)
_AMERICAN_RE = re.compile(
    rf"{_WEEKDAY}\b{_MONTH.format('month')}\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s*,?\s*"
    rf"{_YEAR.format('year')}\b",
    re.IGNORECASE,
)
_MONTH_RE = re.compile(
    rf"(?<!\d)(?<!\d )\b{_MONTH.format('month')}\s*,?\s*{_YEAR.format('year')}\b", re.IGNORECASE
)
_NUMERIC_RE = re.compile(
    r"(?<![\d./])(?P<day>\d{1,2})(?P<mark>[./])(?P<month>\d{1,2})(?P=mark)"
    r"(?P<year>(?:19|20)\d\d)(?![\d./])"
)
_ISO_RE = re.compile(r"(?<!\d)(?P<year>(?:19|20)\d\d)-(?P<month>\d\d)-(?P<day>\d\d)(?!\d)")
_NAMED_DAY = (
    rf"(?<!\d)(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH.format('month')}"
    rf"(?:\s*,?\s*{_YEAR.format('year')})?(?!\w)"
)
_NAMED_DAY_RE = re.compile(_NAMED_DAY, re.IGNORECASE)
_OPENING_RE = re.compile(rf"\s*On\s+{_WEEKDAY}{_NAMED_DAY}", re.IGNORECASE)
_TEAM_RE = re.compile(
    r"(?:\b[Tt]he\s+)?\b(?P<team>(?:NIAS(?:\s+(?:[A-Z][\w-]*|and|&)){0,4}?|GP|CWA|TWTW|"
    r"GP\s+[A-Z]\w+)\s+(?:Team|TEAM))\b",
)
# What is longer is running text, and not worth forty searches.
_LONGEST_LINE = 400
_ACRONYM = 4
_SEPARATORS = " \t,;|·•–—-:."


@dataclass(frozen=True, slots=True)
class Header:
    """What a header line says; `rest` is what of the line stayed over, `printed` the date's words.

    `number` and its like are as understood: `1251`, a double issue `85-86`. A month without a day
    has `precision` `month` and stands as its first day.
    """

    series: str | None = None
    number: str | None = None
    volume: str | None = None
    volume_number: str | None = None
    published_on: date | None = None
    precision: str | None = None
    team: str | None = None
    printed_date: str | None = None
    rest: str = ""
    begins_with_series: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing was understood."""
        return self == Header(rest=self.rest, begins_with_series=self.begins_with_series)

    @property
    def is_whole(self) -> bool:
        """Whether the line is a header line and nothing else."""
        return not self.is_empty and not self.rest

    def completed_by(self, other: "Header") -> "Header":
        """Return this header with what it leaves open taken from a later line."""
        open_fields = {
            field.name: getattr(other, field.name)
            for field in fields(self)
            if field.name != "rest" and getattr(self, field.name) is None
        }
        if self.published_on is not None:
            open_fields.pop("precision", None)
        if self.precision == "month" and other.is_day_of(self.published_on):
            open_fields |= {
                name: getattr(other, name) for name in ("published_on", "precision", "printed_date")
            }
        return replace(self, **open_fields)

    def is_day_of(self, month: date | None) -> bool:
        """Tell whether the date is a day, and one of that month."""
        if month is None or self.published_on is None or self.precision != "day":
            return False
        return (self.published_on.year, self.published_on.month) == (month.year, month.month)

    @property
    def iso_date(self) -> str | None:
        """The date in ISO 8601, `2024-03` where only the month is known."""
        if self.published_on is None:
            return None
        text = self.published_on.isoformat()
        return text[:7] if self.precision == "month" else text


def read_header(line: str) -> Header:
    """Read one line; what is not understood is left in `rest`, nothing is guessed."""
    text = " ".join(line.split())
    return Header(rest=text) if len(text) > _LONGEST_LINE else _read_line(text)


@lru_cache(maxsize=4_096)
def _read_line(line: str) -> Header:
    # A page's lines are asked about several times each: by its list of pieces, its head, its parts.
    day, precision, printed, text = _take_date(line)
    volume, text = _take(_VOLUME_RE, text)
    # A bare "No. 7" is a number in a volume or a series; in a title it is a word like others.
    volume_number, text = _take(_VOLUME_NUMBER_RE, text) if volume else (None, text)
    number, text = _take(_NUMBER_RE, text)
    team, text = _take_team(text)
    series, text = _take_series(text, numbered=bool(number or volume or day))
    if series and not number and not volume:
        number, text = _take(_VOLUME_NUMBER_RE, text)
    return Header(
        series=series,
        number=number,
        volume=volume,
        volume_number=volume_number,
        published_on=day,
        precision=precision,
        team=team,
        printed_date=printed,
        rest=_tidy(text),
        begins_with_series=any(pattern.match(line.strip(" |")) for _, pattern in _SERIES_RE),
    )


def team_name(text: str) -> str:
    """Return a team's name in the case that the site writes: `NIAS AFRICA TEAM` is one of them."""
    words = text.split()
    if not text.isupper():
        return " ".join(words)
    first, *others = words
    known = first if len(first) <= _ACRONYM else first.capitalize()
    return " ".join([known, *(word.capitalize() for word in others)])


def dates_in(text: str) -> list[date]:
    """Return the full dates (day, month and year) that a text names, in their order."""
    found = [
        (match.start(), day)
        for pattern in (_DAY_RE, _AMERICAN_RE)
        for match in pattern.finditer(text)
        if (day := _date(match)) is not None
    ]
    return [day for _, day in sorted(found)]


def opening_date(paragraph: str, *, near: date) -> date | None:
    """Return the date that a paragraph opens on (`On 30 June, the council voted`), or None."""
    match = _OPENING_RE.match(paragraph)
    return _with_year(match, near) if match else None


def days_in(text: str, *, near: date) -> list[date]:
    """Return the days that a text names, in their order.

    Where no year is printed it is the last one that brings the day no later than a month after
    `near`: what was printed looks back.
    """
    found = (_with_year(match, near) for match in _NAMED_DAY_RE.finditer(text))
    return [day for day in found if day is not None]


def _with_year(match: re.Match[str], near: date) -> date | None:
    month, day = _month_number(match["month"].lower()), int(match["day"])
    if match["year"]:
        return _day(int(match["year"]), month, day)
    years = (near.year + 1, near.year, near.year - 1)
    latest = near + timedelta(days=31)
    found = (_day(year, month, day) for year in years)
    return next((one for one in found if one and one <= latest), None)


def _take(pattern: re.Pattern[str], text: str) -> tuple[str | None, str]:
    match = pattern.search(text)
    if match is None:
        return None, text
    count = "-".join(str(int(digits)) for digits in re.findall(r"\d+", match[1].replace(",", "")))
    return count, _without(text, match)


def _take_date(text: str) -> tuple[date | None, str | None, str | None, str]:
    for pattern, precision in (
        (_DAY_RE, "day"),
        (_AMERICAN_RE, "day"),
        (_ISO_RE, "day"),
        (_NUMERIC_RE, "day"),
        (_MONTH_RE, "month"),
    ):
        match = pattern.search(text)
        if match and (day := _date(match)) is not None:
            return day, precision, match[0].strip(" ,"), _without(text, match)
    return None, None, None, text


def _take_team(text: str) -> tuple[str | None, str]:
    match = _TEAM_RE.search(text)
    return (team_name(match["team"]), _without(text, match)) if match else (None, text)


def _take_series(text: str, *, numbered: bool) -> tuple[str | None, str]:
    for name, pattern in _SERIES_RE:
        match = pattern.search(text)
        if match is None:
            continue
        rest = _without(text, match)
        # In running words ("as The World This Week argued") a series' name means nothing.
        if numbered or not _tidy(rest) or match.start() == 0:
            return name, rest
    return None, text


def _date(match: re.Match[str]) -> date | None:
    found = match.groupdict()
    month = found["month"].lower()
    if found.get("mark") and int(found["day"]) <= 12 and found["day"] != month:  # noqa: PLR2004 - a month too, maybe
        # `03/04/2020` is a day in April or in March: who printed it knows.
        return None
    number = int(month) if month.isdigit() else _month_number(month)
    return _day(int(found["year"]), number, int(found.get("day") or 1))


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _month_number(name: str) -> int:
    return next(i for i, month in enumerate(_MONTHS, start=1) if month.startswith(name[:3]))


def _without(text: str, match: re.Match[str]) -> str:
    return f"{text[: match.start()]} | {text[match.end() :]}"


def _tidy(text: str) -> str:
    pieces = (piece.strip(_SEPARATORS) for piece in text.split("|"))
    return " | ".join(piece for piece in pieces if piece and piece.lower() != "dated")
