"""The settings of a newsletter as a form shows them: names, labels, hints, in groups. Pure.

Whatever a definition has and no group names comes last, by the type of its field: the form grows
with the definition.
"""

import types
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from alerts.newsletters.definitions import BY_HAND, NewsletterDefinition
from alerts.regions import REGIONS
from alerts.subscribers.models import Frequency

Kind = Literal["line", "lines", "number", "tick", "ticks", "choice", "rows"]
Options = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: `name` is its path in the definition, and the name of its field."""

    name: str
    label: str
    kind: Kind = "line"
    hint: str = ""
    options: Options = ()
    columns: tuple["Setting", ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Settings that belong together, under a heading; `about` says what they decide."""

    title: str
    settings: tuple[Setting, ...]
    about: str = ""

    @property
    def key(self) -> str:
        """The heading as an address within the page."""
        return self.title.lower().replace(" ", "-")


_FREQUENCIES: Options = (
    (Frequency.IMMEDIATE, "as soon as an article is published"),
    (Frequency.DAILY, "once a day"),
    (Frequency.WEEKLY, "once a week"),
    (Frequency.MONTHLY, "once a month"),
)
_KINDS: Options = (
    ("cards", "cards: a teaser for each article"),
    ("essay", "essay: a signed piece in full"),
    ("briefs", "briefs: short pieces, by country"),
)
APPROVALS: Options = (
    ("required", "an editor approves it"),
    ("second", "a second person approves it"),
    ("automatic", "it goes out by itself"),
)
_PATTERN = "In braces: {title} {number} {volume} {volume_number} {date} {lead} {more} {rest}."
_SECTION = (
    Setting("key", "Short name", hint="small letters, digits, hyphens"),
    Setting("title", "Heading"),
    Setting("kind", "What it shows", "choice", options=_KINDS),
    Setting("limit", "At most", "number", hint="empty: no limit"),
)
_SCHEDULE = (
    Setting("frequency", "For whom", "choice", options=_FREQUENCIES),
    Setting("name", "Name", hint="empty for the usual one"),
    Setting("rule", "When", hint="weekly on mon 08:00 Asia/Kolkata"),
    Setting("missed", "Missed runs", hint="empty: send if less than 24 hours late"),
)
_REGIONS: Options = tuple((slug, region.name) for slug, region in REGIONS.items())

GROUPS = (
    Group(
        "What it is",
        (
            Setting("title", "Title"),
            Setting("tagline", "Line below the title", hint="What readers get, in one sentence."),
            Setting("publisher", "Publisher"),
            Setting(
                "publisher_address",
                "Publisher’s postal address",
                hint="Stands at the foot of each mail, as many countries ask.",
            ),
            Setting("template", "Email template", "choice"),
            Setting("contributors", "Name the contributors at the end", "tick"),
            Setting("sources", "List the sources at the end", "tick"),
        ),
    ),
    Group(
        "Which articles",
        (
            Setting("rule.series", "Series", "lines", hint="One in a line; empty: all."),
            Setting(
                "rule.regions",
                "Regions",
                "ticks",
                hint="None: all. A continent stands for the regions in it.",
                options=_REGIONS,
            ),
            Setting("rule.topics", "Topics", "lines", hint="One in a line; empty: all."),
        ),
        "An article matches when it is in one of the series, and of one of the regions, and on one"
        " of the topics.",
    ),
    Group(
        "Sections",
        (Setting("sections", "Section", "rows", columns=_SECTION),),
        "They are filled from the top; what a section with a limit leaves, the next ones take.",
    ),
    Group(
        "Subject",
        (
            Setting("subject", "Subject line", hint=_PATTERN),
            Setting("preheader", "Line that inboxes show beside it", hint="The same names."),
        ),
    ),
    Group(
        "How often",
        (
            Setting("frequencies", "Offered to readers", "ticks", options=_FREQUENCIES),
            Setting("default_frequency", "The usual one", "choice", options=_FREQUENCIES),
            Setting("time_zone", "Time zone", hint="Asia/Kolkata, Europe/Paris, UTC"),
            Setting("readers_hour", "Digests wait for the hour a reader named", "tick"),
            Setting(
                "worth_sending",
                "Try to deliver for",
                hint="3 days, 36 hours; empty: as the frequency asks.",
            ),
        ),
    ),
    Group(
        "Approval",
        (
            Setting(
                "approval",
                "Before an issue goes out",
                "choice",
                hint="A second person is anybody but whoever changed it last.",
                options=APPROVALS,
            ),
            Setting(
                "grace",
                "Time to take it back",
                hint="30 seconds, 5 minutes, an hour at most: for so long there is an Undo; none.",
            ),
            Setting(
                "test_group",
                "Test group",
                "lines",
                hint="Addresses that get test mails together, one in a line.",
            ),
        ),
    ),
    Group(
        "Schedules",
        (Setting("schedules", "Schedule", "rows", columns=_SCHEDULE),),
        "When issues are made by themselves. A line without a rule is left out.",
    ),
    Group(
        "Numbers",
        (
            Setting(
                "numbering.first_number",
                "The first issue is #",
                "number",
                hint="Where there are issues already, give a draft its number by hand.",
            ),
            Setting(
                "numbering.first_volume", "The first volume", "number", hint="Empty: no volumes."
            ),
            Setting("numbering.first_volume_number", "The first No. in that volume", "number"),
            Setting(
                "numbering.volume_begins",
                "A volume begins on",
                hint=f"Month and day, 01-01 or 04-01; “{BY_HAND}”: when an editor says so.",
            ),
            Setting(
                "numbering.empty_periods_count",
                "A week (day, month) without an issue uses a number up",
                "tick",
            ),
        ),
    ),
    Group(
        "Readers",
        (
            Setting("welcome", "Greet new readers with a mail", "tick"),
            Setting(
                "repeats",
                "Send an article again to those who had it in another newsletter",
                "tick",
            ),
            Setting("clicks", "Count clicks for each link, never who clicked", "tick"),
        ),
    ),
    Group(
        "Sending",
        (
            Setting("sender", "Sender", hint="Name <address>; empty: the one of the settings."),
            Setting("reply_to", "Answers go to", hint="An address; empty: the sender."),
            Setting("list_id", "List-Id", hint="Empty: the newsletter’s own name."),
            Setting("transport", "Transport", hint="The name of one of ALERTS_MAIL_URL."),
            Setting(
                "transport_fallback",
                "While that is sick",
                "choice",
                options=(("others", "the others carry its mail"), ("wait", "its mail waits")),
            ),
            Setting("rate", "At most", hint="5/s, 2000/h; empty: no limit of its own."),
            Setting(
                "uncertain",
                "A message whose fate a crash left unknown",
                "choice",
                options=(("resend", "is sent again"), ("hold", "waits for a person")),
            ),
            Setting(
                "pause_at_bounces",
                "Stop an issue when so much of it came back",
                hint="5%; empty: never by itself.",
            ),
            Setting(
                "pause_after",
                "But not before so many were sent",
                "number",
                hint="The first few say little.",
            ),
        ),
    ),
)
# What each setting is called at the desk, by its name in the file.
LABELS = {one.name: one.label for group in GROUPS for one in group.settings}
_SLUG = Setting("slug", "Name in addresses", hint="Small letters, digits and hyphens; for good.")


def groups(*, is_new: bool, templates: list[str]) -> list[Group]:
    """Return the groups of the form, with the email templates there are to choose from."""
    chosen = tuple((name, name) for name in templates)
    found = [
        Group(group.title, tuple(_with(one, chosen) for one in group.settings), group.about)
        for group in GROUPS
    ]
    if is_new:
        found[0] = Group(found[0].title, (_SLUG, *found[0].settings), found[0].about)
    further = tuple(_further())
    return [*found, Group("Further", further)] if further else found


def _with(setting: Setting, templates: Options) -> Setting:
    """Return a setting with all it can be: what has no words here yet goes by its own name."""
    if setting.name == "template":
        return replace(setting, options=templates)
    if setting.kind != "choice" or setting.name not in NewsletterDefinition.model_fields:
        return setting
    kind = NewsletterDefinition.model_fields[setting.name].annotation
    known = {value for value, _ in setting.options}
    words = get_args(kind) if get_origin(kind) is Literal else ()
    more = tuple((word, word) for word in words if word not in known)
    return replace(setting, options=setting.options + more)


def _further() -> Iterator[Setting]:
    known = {setting.name.partition(".")[0] for group in GROUPS for setting in group.settings}
    for name, field in NewsletterDefinition.model_fields.items():
        if name in known or name == "slug":
            continue
        setting = by_type(name, field)
        if setting is not None:
            yield setting


def by_type(name: str, field: FieldInfo) -> Setting | None:
    """Return a setting for a field of a simple type; None for tables, which stay as they are."""
    label = name.replace("_", " ").capitalize()
    kinds = [one for one in _alternatives(field.annotation) if one is not type(None)]
    if len(kinds) != 1:
        return None
    kind = kinds[0]
    if get_origin(kind) is Literal:
        return Setting(name, label, "choice", options=tuple((w, w) for w in get_args(kind)))
    if get_origin(kind) is tuple:
        inner = _plain(get_args(kind)[0])
        return Setting(name, label, "lines", hint="One in a line.") if inner is str else None
    simple: dict[object, Kind] = {bool: "tick", int: "number", str: "line"}
    return Setting(name, label, simple[kind]) if kind in simple else None


def _plain(annotation: object) -> object:
    """Return a type without the rules that are annotated to it."""
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _alternatives(annotation: object) -> tuple[object, ...]:
    if get_origin(annotation) in {Union, types.UnionType}:
        return get_args(annotation)
    return (annotation,)
