"""When and in which form a reader wants mail: the fields of the preferences page, and back."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from markupsafe import Markup

from alerts.errors import Invalid
from alerts.languages import DEFAULT_LANGUAGE, FRAME_LANGUAGES, check_language
from alerts.subscribers.details import check_time_zone
from alerts.subscribers.models import Subscriber
from alerts.subscribers.preferences import Habits
from alerts.web.forms import Fields
from alerts.web.public.zones import zone_options

LONGEST_PAUSE = timedelta(days=366)
_HOURS = tuple((str(hour), f"{hour:02}:00") for hour in range(24))


@dataclass
class HabitsForm:
    """The fields as they stand, and what is wrong with them, by field."""

    time_zone: str = ""
    hour: str = ""
    language: str = DEFAULT_LANGUAGE
    plain_text: bool = False
    paused_until: str = ""
    problems: dict[str, str] = field(default_factory=dict)

    @property
    def zone_options(self) -> Markup:
        """The time zones to choose from, with the chosen one marked."""
        return zone_options("" if "time_zone" in self.problems else self.time_zone)

    @property
    def hours(self) -> tuple[tuple[str, str], ...]:
        """The hours to choose from, as value and words."""
        return _HOURS

    @property
    def languages(self) -> dict[str, str]:
        """The frame's languages, each by its own name."""
        return FRAME_LANGUAGES


def stored(subscriber: Subscriber, now: datetime) -> HabitsForm:
    """Return the form of a reader's habits as they are kept; a pause that is over is none."""
    zone = ZoneInfo(subscriber.time_zone or "UTC")
    until = subscriber.paused_until
    return HabitsForm(
        time_zone=subscriber.time_zone or "",
        hour="" if subscriber.send_hour is None else str(subscriber.send_hour),
        language=subscriber.language or DEFAULT_LANGUAGE,
        plain_text=subscriber.plain_text,
        paused_until=until.astimezone(zone).date().isoformat() if until and until > now else "",
    )


def posted(fields: Fields, now: datetime) -> tuple[HabitsForm, Habits]:
    """Return the form as posted, with what is wrong in it, and what it comes to."""
    form = HabitsForm(
        time_zone=fields.one("time_zone")[:64],
        hour=fields.one("hour")[:2],
        language=fields.one("language")[:35] or DEFAULT_LANGUAGE,
        plain_text=fields.has("plain_text"),
        paused_until=fields.one("paused_until")[:10],
    )
    zone = None
    try:
        zone = check_time_zone(form.time_zone)
    except Invalid:
        form.problems["time_zone"] = "Please choose a time zone from the list."
    hour = int(form.hour) if form.hour.isdecimal() and form.hour.isascii() else None
    if form.hour and (hour is None or (form.hour, f"{hour:02}:00") not in _HOURS):
        form.problems["hour"] = "Please choose an hour from the list."
        hour = None
    elif hour is not None and zone is None and "time_zone" not in form.problems:
        form.problems["time_zone"] = "Please say in which time zone that hour is."
    language = None
    try:
        language = check_language(form.language)
    except Invalid:
        form.problems["language"] = "Please choose a language from the list."
    until = _until(form, zone, now)
    return form, Habits(zone, hour, language, form.plain_text, until)


def _until(form: HabitsForm, zone: str | None, now: datetime) -> datetime | None:
    """Return the first moment of the day on which a pause ends, where the reader is."""
    if not form.paused_until:
        return None
    try:
        day = date.fromisoformat(form.paused_until)
    except ValueError:
        form.problems["paused_until"] = "Please give the day as year, month, day: 2026-12-31."
        return None
    until = datetime.combine(day, time(), ZoneInfo(zone or "UTC")).astimezone(UTC)
    if until <= now:
        form.problems["paused_until"] = "Please choose a day to come, or leave it empty."
    elif until > now + LONGEST_PAUSE:
        form.problems["paused_until"] = "At most a year; or unsubscribe, and come back any time."
    return until
