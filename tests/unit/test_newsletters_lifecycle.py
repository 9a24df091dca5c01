"""The life of an issue, and how issues are counted."""

from datetime import date
from itertools import product
from pathlib import Path

import pytest

from alerts.errors import Invalid, Refused
from alerts.newsletters.definitions import NumberingDefinition
from alerts.newsletters.lifecycle import TRANSITIONS, Event, next_state
from alerts.newsletters.models import IssueState
from alerts.newsletters.numbering import Numbered, Numbers, next_numbers
from alerts.newsletters.service import BUILT_IN
from alerts.newsletters.toml import read_definition, write_definition

BUILTIN = Path(__file__).parents[2] / "alerts" / "newsletters" / "builtin"
ENDS = {IssueState.SENT, IssueState.CANCELLED}


@pytest.mark.parametrize(("state", "event"), list(product(IssueState, Event)))
def test_every_state_and_event_is_a_transition_or_a_clear_refusal(
    state: IssueState, event: Event
) -> None:
    if (state, event) in TRANSITIONS:
        assert next_state(state, event) is TRANSITIONS[state, event]
    else:
        with pytest.raises(Refused, match="the issue"):
            next_state(state, event)


def test_nothing_leaves_an_end_but_what_is_tried_again_by_hand() -> None:
    assert [key for key in TRANSITIONS if key[0] in ENDS] == [(IssueState.SENT, Event.RETRY)]


def test_nothing_is_sent_that_was_not_approved() -> None:
    reached = {TRANSITIONS[key] for key in TRANSITIONS if key[0] is IssueState.DRAFT}
    assert reached == {IssueState.APPROVED, IssueState.CANCELLED}


VOLUMES = NumberingDefinition(first_number=85, first_volume=2, volume_begins="02-14")


def test_numbers_start_in_the_middle_and_go_on() -> None:
    assert next_numbers(VOLUMES, None, date(2026, 11, 23)) == Numbers(85, 2, 1)
    last = Numbered(Numbers(85, 2, 39), date(2026, 11, 23))
    assert next_numbers(VOLUMES, last, date(2026, 11, 30)) == Numbers(86, 2, 40)


def test_a_volume_begins_on_its_own_day_of_the_year() -> None:
    last = Numbered(Numbers(90, 2, 44), date(2027, 1, 4))
    assert next_numbers(VOLUMES, last, date(2027, 2, 8)) == Numbers(91, 2, 45)
    assert next_numbers(VOLUMES, last, date(2027, 2, 14)) == Numbers(91, 3, 1)


def test_without_volumes_there_is_only_a_running_number() -> None:
    plain = NumberingDefinition()
    last = Numbered(Numbers(1), date(2026, 1, 1))
    assert next_numbers(plain, last, date(2027, 1, 1)) == Numbers(2)


@pytest.mark.parametrize("slug", BUILT_IN)
def test_a_built_in_newsletter_survives_export_and_reading(slug: str) -> None:
    definition = read_definition((BUILTIN / f"{slug}.toml").read_text(), source=slug)
    text = write_definition(definition)
    assert read_definition(text, source=slug) == definition
    assert write_definition(read_definition(text, source=slug)) == text


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('title = "GP Alert"', "title = GP", "no TOML"),
        ('approval = "automatic"', 'approval = "never"', "line 10: approval"),
        ('time_zone = "Asia/Kolkata"', 'time_zone = "Asia/Nowhere"', "line 7: time_zone: there is"),
        ("first_number = 1", "first_number = 0", "numbering.first_number"),
        ("first_number = 1", "first_number = 9999999999", "numbering.first_number"),
        ('slug = "gp-alert"', "slug = " + "[" * 20_000, "lists within lists"),
        ('kind = "cards"', 'kind = "comic"', "line 30: sections.0.kind"),
        ('rule = "daily 18:30 Asia/Kolkata"', 'rule = "at dawn"', "schedules.1.rule"),
        ('subject = "{lead}{more}"', 'subject = "{lead.__class__}"', "not known in a pattern"),
        ('slug = "gp-alert"', 'slug = "GP Alert"', "line 1: slug"),
        ('title = "GP Alert"', 'title = "a\\nBcc: x"', "line 2: title"),
        ('default_frequency = "immediate"', 'default_frequency = "monthly"', "default_frequency"),
        ("sources = false", "sources = false\nbanner = 1", "banner"),
        ("regions = []", 'regions = ["Atlantis"]', "no region 'Atlantis'"),
    ],
)
def test_a_mistake_is_told_with_its_line(old: str, new: str, said: str) -> None:
    text = (BUILTIN / "gp-alert.toml").read_text()
    assert old in text
    with pytest.raises(Invalid, match=said):
        read_definition(text.replace(old, new), source="gp-alert.toml")
