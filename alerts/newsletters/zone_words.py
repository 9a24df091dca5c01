"""What zones are called in a rule, and which are meant by a name that is none. Pure."""

import re
from difflib import get_close_matches

from alerts.clock import time_zones
from alerts.errors import Invalid
from alerts.newsletters.rule_words import Words

_OFFSET = re.compile(r"(?:utc|gmt)?[+-]\d{1,2}(?::?\d\d)?", re.IGNORECASE)
_SHORT_ZONE = re.compile(r"[a-z]{2,5}")
_SHOWN = 60
_ENDS = ("until", "till", "to", "through", "ending", "for")


def take_zone(words: Words) -> str | None:
    """Read an IANA zone, if one comes; raises Invalid for one that does not exist."""
    start = words.place
    words.took("in")
    found = time_zones().get(words.peek())
    if found is None and "/" in words.peek():
        near = near_zones(words.peek())
        missing = f"there is no time zone {words.take()[:_SHOWN]!r}{_near_words(near)}"
        words.go_back(words.place - 1)
        raise words.refuse(missing=missing)
    if found is None:
        words.go_back(start)
        return None
    words.take()
    return found


def known_zone(name: str) -> str:
    """Return a zone's name as it is written; raises Invalid with those that are called alike."""
    found = time_zones().get(name.lower())
    if found is None:
        raise Invalid(f"there is no time zone {name[:_SHOWN]!r}{_near_words(near_zones(name))}")
    return found


def no_zone(words: Words) -> Invalid:
    """Return the error for a word where only a zone or an exception could stand."""
    if _OFFSET.fullmatch(words.peek()):
        return words.refuse(
            missing="an offset knows no summer time; a zone such as Asia/Kolkata does"
        )
    known = ""
    if words.peek() in time_zones():
        known = "a rule has one zone"
    elif words.peek()[:1].isdigit():
        known = "a rule has one time; a schedule with a name can have another"
    elif words.peek() in _ENDS:
        known = "a rule in words has no end; an RRULE with UNTIL has one"
    if known:
        return words.refuse(missing=known)
    near = near_zones(words.peek())
    if near:
        return words.refuse(missing=f"did you mean {' or '.join(near)}?")
    if _SHORT_ZONE.fullmatch(words.peek()):
        return words.refuse(missing="a zone has its town's name, such as Asia/Kolkata")
    return words.refuse(near=("except", "not on", "starting"))


def near_zones(name: str) -> list[str]:
    """Return zones that are called like a name, or whose town is, the likeliest first."""
    zones = time_zones()
    wanted = name.lower().replace(" ", "_")
    towns: dict[str, str] = {}
    for key, zone in zones.items():
        towns.setdefault(key.rpartition("/")[2], zone)
    found = [zones[key] for key in get_close_matches(wanted, list(zones), n=2, cutoff=0.75)]
    town = wanted.rpartition("/")[2]
    found += [towns[key] for key in get_close_matches(town, list(towns), n=2, cutoff=0.8)]
    return list(dict.fromkeys(found))[:3]


def _near_words(near: list[str]) -> str:
    if near:
        return f"; near it are {', '.join(near)}"
    return "; Asia/Kolkata or Europe/Paris would be one"
