"""Days as pages print them or write them for machines, in some languages. Pure."""

import re
from dataclasses import dataclass
from datetime import date
from email.utils import parsedate_to_datetime

from alerts.articles.reading.header import read_header

_MONTHS = {
    1: "januar jänner janvier enero janeiro gennaio जनवरी",
    2: "februar feber février fevrier febrero fevereiro febbraio फरवरी फ़रवरी",
    3: "märz maerz mars marzo março मार्च",
    4: "april avril abril aprile अप्रैल",
    5: "mai mayo maio maggio मई",
    6: "juni juin junio junho giugno जून",
    7: "juli juillet julio julho luglio जुलाई",
    8: "august août aout agosto अगस्त",
    9: "september septembre septiembre setembro settembre सितंबर सितम्बर",
    10: "oktober octobre octubre outubro ottobre अक्टूबर अक्तूबर",
    11: "november novembre noviembre novembro नवंबर नवम्बर",
    12: "dezember décembre decembre diciembre dezembro dicembre दिसंबर दिसम्बर",
}
_NUMBER_OF = {name: number for number, names in _MONTHS.items() for name in names.split()}
_ISO = re.compile(r"(?<!\d)((?:19|20)\d\d)-(\d\d)(?:-(\d\d))?(?![\d-])")
_COMPACT = re.compile(r"((?:19|20)\d\d)(\d\d)(\d\d)(?:T?\d{4,6}Z?)?")
_DOTTED = re.compile(r"(?<!\d)(\d{1,2})\.\s?(\d{1,2})\.\s?((?:19|20)\d\d)(?!\d)")
_NAMED = re.compile(
    r"(?<!\d)(\d{1,2})(?:er|º|\.)?\s{1,3}(?:de\s{1,3})?([^\W\d_][^\s\d,.]{1,12})\.?,?\s{1,3}"
    r"(?:de\s{1,3})?((?:19|20)\d\d)(?!\d)"
)
_IN_PATH = re.compile(r"/((?:19|20)\d\d)[/-](\d{1,2})[/-](\d{1,2})(?=[/-]|$)")
_LONGEST = 120


@dataclass(frozen=True, slots=True)
class Day:
    """A day, or with `precision` `month` the first of one."""

    on: date
    precision: str = "day"


def read_day(text: str | None) -> Day | None:
    """Return the day that a text gives, as it is printed there, or None.

    It reads ISO 8601, RFC 5322 and the written forms of some languages. `3/4/2026`, which is one
    day in Accra and another in Boston, is not read, nor is a year alone.
    """
    line = " ".join((text or "")[:_LONGEST].split())
    if not line:
        return None
    for pattern, order in ((_ISO, (1, 2, 3)), (_DOTTED, (3, 2, 1))):
        if (match := pattern.search(line)) and (day := _day(*match.group(*order))):
            return day
    if (match := _COMPACT.fullmatch(line)) and (day := _day(*match.groups())):
        return day
    return _written(line) or _of_mail(line)


def day_in_address(address: str | None) -> Day | None:
    """Return the day in an address such as `/2026/11/14/title`; a month alone may be a folder's."""
    match = _IN_PATH.search(address or "")
    return _day(*match.groups()) if match else None


def _written(line: str) -> Day | None:
    if match := _NAMED.search(line):
        number = _NUMBER_OF.get(match[2].casefold())
        if number is not None:
            return _day(match[3], str(number), match[1])
    header = read_header(line)
    if header.published_on is None:
        return None
    return Day(header.published_on, header.precision or "day")


def _of_mail(line: str) -> Day | None:
    try:
        return Day(parsedate_to_datetime(line).date())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _day(year: str, month: str, day: str | None) -> Day | None:
    try:
        return Day(date(int(year), int(month), int(day or 1)), "day" if day else "month")
    except ValueError:
        return None
