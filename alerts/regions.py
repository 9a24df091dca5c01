"""The regions that articles are placed in and readers choose from."""

import re
from dataclasses import dataclass

from alerts.errors import Invalid


@dataclass(frozen=True, slots=True)
class Region:
    """A region; `parent` is the slug of the region it lies in, None for a continent."""

    slug: str
    name: str
    parent: str | None = None


_TREE = {
    "Africa": (
        "North Africa",
        "West Africa",
        "Central Africa",
        "East Africa",
        "Southern Africa",
    ),
    "Asia": ("Central Asia", "East Asia", "South Asia", "Southeast Asia", "West Asia"),
    "Europe": ("Eastern Europe", "Northern Europe", "Southern Europe", "Western Europe"),
    "Americas": ("Caribbean", "Central America", "North America", "South America"),
    "Oceania": (),
    "Global": (),
}
# What readers and editors also call them.
_ALIASES = {
    "middle-east": "west-asia",
    "the-middle-east": "west-asia",
    "western-africa": "west-africa",
    "eastern-africa": "east-africa",
    "middle-africa": "central-africa",
    "northern-africa": "north-africa",
    "south-eastern-asia": "southeast-asia",
    "south-east-asia": "southeast-asia",
    "southern-asia": "south-asia",
    "eastern-asia": "east-asia",
    "western-asia": "west-asia",
    "northern-america": "north-america",
    "the-americas": "americas",
    "world": "global",
}


def slugify(text: str) -> str:
    """Return the text in lower case with every run of other characters as one hyphen."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


REGIONS: dict[str, Region] = {}
for _name, _children in _TREE.items():
    REGIONS[slugify(_name)] = Region(slugify(_name), _name)
    for _child in _children:
        REGIONS[slugify(_child)] = Region(slugify(_child), _child, slugify(_name))


def find_region(text: str) -> Region:
    """Return the region by slug, name or a usual other name, in any case; raise Invalid."""
    slug = slugify(text)
    region = REGIONS.get(_ALIASES.get(slug, slug))
    if region is None:
        known = ", ".join(region.name for region in REGIONS.values())
        raise Invalid(f"there is no region {text!r}; known are {known}")
    return region


def with_parents(slugs: list[str]) -> list[str]:
    """Return the regions followed by those they lie in, each once, the nearest first."""
    parents = [REGIONS[slug].parent for slug in slugs]
    return list(dict.fromkeys([*slugs, *(parent for parent in parents if parent)]))


def matches(wished: list[str], regions: tuple[str, ...] | list[str]) -> bool:
    """Tell whether a piece placed in `regions` (with their parents) is what a reader wished for.

    No wish means everything. A piece that could not be placed anywhere, or that is of global
    concern, is for everybody: a reader would rather skip it than never hear of it.
    """
    return not wished or not regions or "global" in regions or bool(set(wished) & set(regions))
