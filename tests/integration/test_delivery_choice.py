"""A newsletter's choice of transport: from its definition to each message, checked at the door."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.orm import Session
from typing_extensions import override

from alerts.clock import FixedClock
from alerts.config import Settings
from alerts.database import Database
from alerts.delivery.publishing import approve_issue, lint_issue
from alerts.delivery.sender import BatchResult
from alerts.delivery.transports.base import Observer, Outgoing
from alerts.errors import Invalid, Refused
from alerts.newsletters.issues import draft_issue
from alerts.newsletters.models import Newsletter
from alerts.newsletters.service import apply_toml, ensure_built_in, export_toml
from tests.data.delivery.house import House, ScriptedTransport
from tests.factories import RENDERER, SETTINGS, an_article

ELSEWHERE = ("ses://AK:secret@eu-west-1", "smtp://relay.example.org?name=relay")


class Listening(ScriptedTransport):
    """Remembers which transport each message asked for."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.choices: set[tuple[str, bool]] = set()

    @override
    async def deliver(self, messages: Iterable[Outgoing], observer: Observer) -> None:
        asked = list(messages)
        self.choices |= {(message.via, message.via_only) for message in asked}
        await super().deliver(asked, observer)


@pytest.mark.parametrize(
    ("choice", "asked"),
    [
        ({}, ("", False)),
        ({"transport_fallback": "wait"}, ("", False)),
        ({"transport": "ses"}, ("ses", False)),
        ({"transport": "ses", "transport_fallback": "wait"}, ("ses", True)),
    ],
)
def test_each_message_of_an_issue_carries_its_newsletters_choice(
    database: Database,
    clock: FixedClock,
    tmp_path: Path,
    choice: dict[str, str],
    asked: tuple[str, bool],
) -> None:
    house = House(database, clock, tmp_path)
    house.send_to("ama", "kofi")
    with database.transaction() as session:
        newsletter = session.get_one(Newsletter, "gp-alert")
        newsletter.definition = newsletter.definition | choice
    listening = Listening(database)
    house.sender = replace(house.sender, transport=listening)
    assert house.work() is BatchResult.DONE
    assert listening.choices == {asked}


@pytest.fixture
def chosen(session: Session, clock: FixedClock) -> str:
    """Return the definition of a newsletter that goes by "bulk", which is applied."""
    ensure_built_in(session, clock=clock)
    text = export_toml(session, "gp-alert").replace('transport = ""', 'transport = "bulk"')
    assert apply_toml(session, text, source="x", clock=clock).kind == "changed"
    return text


def test_a_choice_survives_export_and_apply(
    session: Session, clock: FixedClock, chosen: str
) -> None:
    assert export_toml(session, "gp-alert") == chosen
    assert apply_toml(session, chosen, source="x", clock=clock).kind == "unchanged"


@pytest.mark.parametrize(
    ("line", "reason"),
    [('transport = "Not a name"', "transport"), ('transport_fallback = "x"', "transport_fallback")],
)
def test_a_wrong_choice_is_told_with_its_line(
    session: Session, clock: FixedClock, chosen: str, line: str, reason: str
) -> None:
    field = line.partition(" ")[0]
    lines = [line if old.startswith(f"{field} ") else old for old in chosen.splitlines()]
    with pytest.raises(Invalid, match=rf"x, line \d+: {reason}: "):
        apply_toml(session, "\n".join(lines), source="x", clock=clock)


@pytest.mark.parametrize(
    ("urls", "refused"),
    [
        (ELSEWHERE, True),
        ((*ELSEWHERE, "sendgrid://KEY?name=bulk"), False),
        (("catcher://",), False),
    ],
)
def test_a_transport_that_there_is_not_stops_the_approval(
    session: Session, clock: FixedClock, chosen: str, urls: tuple[str, ...], *, refused: bool
) -> None:
    an_article(session, clock)
    issue = draft_issue(session, "gp-alert", clock=clock)
    settings: Settings = SETTINGS.model_copy(update={"mail_url": urls})
    found = lint_issue(session, issue, settings=settings, renderer=RENDERER)
    assert ("transport-unknown" in [finding.rule for finding in found]) is refused
    if refused:
        with pytest.raises(Refused, match="'bulk', which ALERTS_MAIL_URL does not name; it names"):
            approve_issue(
                session, issue.id, by="x", settings=settings, renderer=RENDERER, clock=clock
            )
