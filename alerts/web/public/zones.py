"""The time zones that readers choose from: each place once, under the name it has today."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

from markupsafe import Markup

from alerts.clock import time_zones

# Places whose readers may look for the name that they grew up with; it stands behind today's.
_FORMERLY = {
    "Africa/Asmara": "Asmera",
    "America/Nuuk": "Godthab",
    "Asia/Ashgabat": "Ashkhabad",
    "Asia/Dhaka": "Dacca",
    "Asia/Ho_Chi_Minh": "Saigon",
    "Asia/Kathmandu": "Katmandu",
    "Asia/Kolkata": "Calcutta",
    "Asia/Macau": "Macao",
    "Asia/Makassar": "Ujung Pandang",
    "Asia/Thimphu": "Thimbu",
    "Asia/Ulaanbaatar": "Ulan Bator",
    "Asia/Yangon": "Rangoon",
    "Atlantic/Faroe": "Faeroe",
    "Europe/Kyiv": "Kiev",
    "Pacific/Chuuk": "Truk",
    "Pacific/Kanton": "Enderbury",
    "Pacific/Pohnpei": "Ponape",
}


@cache
def offered_zones() -> Mapping[str, str]:
    """Return the zones to choose from, and how each is written for people.

    They are those of the tz database's `zone.tab`: the towns of all countries as they are spelled
    now, with UTC. The other names that it knows (US/Pacific, Asia/Calcutta) are links to them.
    """
    table = resources.files("tzdata").joinpath("zoneinfo", "zone.tab").read_text("utf-8")
    rows = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    known = set(time_zones().values())
    names = sorted(row[2] for row in rows if row[2] in known)
    return MappingProxyType({name: _in_words(name) for name in (*names, "UTC")})


def zone_options(chosen: str) -> Markup:
    """Return the options of all zones, the chosen one marked; one by an old name stands first."""
    options = _options()
    if not chosen:
        return options
    if chosen not in offered_zones():
        return _option(chosen, _in_words(chosen), selected=True) + Markup("\n") + options
    words = offered_zones()[chosen]
    return Markup(  # noqa: S704 - made of escaped pieces
        options.replace(_option(chosen, words), _option(chosen, words, selected=True))
    )


@cache
def _options() -> Markup:
    """Return the options: four hundred, too many to be made for each page."""
    return Markup("\n").join(_option(name, words) for name, words in offered_zones().items())


def _option(name: str, words: str, *, selected: bool = False) -> Markup:
    mark = Markup(" selected") if selected else ""
    return Markup('<option value="{}"{}>{}</option>').format(name, mark, words)


def _in_words(name: str) -> str:
    words = name.replace("_", " ")
    formerly = _FORMERLY.get(name)
    return f"{words} ({formerly})" if formerly else words
