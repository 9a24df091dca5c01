"""Exports of other services: who is confirmed, who left, who is never to be mailed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.newsletters.service import ensure_built_in, offers
from alerts.subscribers import exclusion, service
from alerts.subscribers.importing import ImportResult, import_subscribers
from alerts.subscribers.models import (
    ConsentAction,
    ConsentRecord,
    Subscriber,
    Subscription,
    Suppression,
)
from alerts.subscribers.queries import find_subscriber
from alerts.subscribers.storing.planning import Outcome
from alerts.subscribers.suppression import suppressed

KEYS = ("a-key-for-tests-only-of-more-than-32-characters",)
COMMON = "Email Address,First Name,Last Name,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME"
TAIL = "LATITUDE,LONGITUDE,TIMEZONE,CC,REGION,LAST_CHANGED,LEID,EUID,NOTES,TAGS"
SUBSCRIBED = f"""{COMMON},{TAIL}
ama@example.org,Ama,Boateng,2,2019-02-03 04:05:06,,2019-02-03 04:06:00,,,Africa/Accra,gh,AA,,1,a,,
li@example.org,Li,,2,2020-02-03 04:05:06,,,,,Mars/Base,cn,,,2,b,"two
lines",
never@example.org,,,1,,,,,,,,,,3,c,,
"""
UNSUBSCRIBED = f"""{COMMON},UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_REASON,{TAIL}
ama@example.org,Ama,,2,,,,2021-05-06 07:08:09,March,no longer interested,,,,,,,1,a,,
gone@example.org,,,2,,,,2021-05-06 07:08:09,March,,,,,,,,4,d,,
"""
CLEANED = f"""{COMMON},CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,{TAIL}
li@example.org,,,2,,,,2022-05-06 07:08:09,May,,,,,,,2,b,,
dead@example.org,,,2,,,,2022-05-06 07:08:09,May,,,,,,,5,e,,
"""
LISTMONK = """uuid,email,name,attributes,status,created_at,updated_at
1-2,ama@example.org,Ama,"{""city"": ""Accra""}",enabled,2020-01-01T00:00:00Z,2020-01-02T00:00:00Z
1-3,gone@example.org,,{},disabled,2020-01-01T00:00:00Z,2020-01-02T00:00:00Z
1-4,bad@example.org,,{},blocklisted,2020-01-01T00:00:00Z,2020-01-02T00:00:00Z
1-5,odd@example.org,,{},asleep,2020-01-01T00:00:00Z,2020-01-02T00:00:00Z
"""

Take = Callable[..., ImportResult]


@pytest.fixture
def take(database: Database, clock: FixedClock, tmp_path: Path) -> Take:
    """Return what imports a text, and says what became of its rows through `tell`."""
    with database.transaction() as session:
        ensure_built_in(session, clock=clock)
    with database.read() as session:
        offered = offers(session)

    def take(content: str, name: str = "export.csv", **options: object) -> ImportResult:
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        return import_subscribers(
            database,
            path,
            offers=offered,
            consent="moved from the old service",
            clock=clock,
            suppression_keys=KEYS,
            **options,  # type: ignore[arg-type]
        )

    return take


def counts(result: ImportResult) -> tuple[int, int, int, int]:
    return result.added, result.updated, result.unchanged, len(result.refused)


def states(database: Database) -> dict[str, str]:
    with database.read() as session:
        rows = session.execute(select(Subscriber.email, Subscriber.state))
        return {email: state.value for email, state in rows}


def everything(database: Database) -> list[object]:
    """Return all that an import writes, without the numbers and ids that differ each time."""
    with database.read() as session:
        return [
            sorted(map(repr, session.execute(query)))
            for query in (
                select(Subscriber.email, Subscriber.name, Subscriber.state, Subscriber.time_zone),
                select(Subscriber.email, Subscription.newsletter, Subscription.ended_at).join(
                    Subscription
                ),
                select(Subscriber.email, ConsentRecord.newsletter, ConsentRecord.action).join(
                    ConsentRecord
                ),
                select(Suppression.address_hash, Suppression.reason),
            )
        ]


def test_mailchimps_three_files_mean_what_they_say(database: Database, take: Take) -> None:
    result = take(SUBSCRIBED)
    assert counts(result) == (3, 0, 0, 0)
    assert "read as an export of Mailchimp" in result.notes
    assert not any("OPTIN_TIME" in note for note in result.notes)
    assert states(database) == {
        "ama@example.org": "confirmed",
        "li@example.org": "confirmed",
        "never@example.org": "unconfirmed",
    }
    assert counts(take(UNSUBSCRIBED)) == (1, 1, 0, 0)
    assert counts(take(CLEANED)) == (1, 1, 0, 0)
    assert states(database) == {
        "ama@example.org": "unsubscribed",
        "gone@example.org": "unsubscribed",
        "li@example.org": "suppressed",
        "never@example.org": "unconfirmed",
    }
    with database.read() as session:
        assert find_subscriber(session, "ama@example.org").name == "Ama Boateng"
        found = suppressed(session, ["dead@example.org", "li@example.org"], keys=KEYS)
        assert set(found.values()) == {"bounced, cleaned in Mailchimp on 2022-05-06"}
        withdrawn = session.scalars(
            select(ConsentRecord.wording).where(ConsentRecord.action == ConsentAction.WITHDRAWN)
        ).all()
    assert sorted(set(withdrawn)) == [
        "unsubscribed in Mailchimp on 2021-05-06",
        "unsubscribed in Mailchimp on 2021-05-06: no longer interested",
    ]


def test_the_same_exports_again_change_nothing(database: Database, take: Take) -> None:
    for content in (SUBSCRIBED, UNSUBSCRIBED, CLEANED):
        take(content)
    before = everything(database)
    assert counts(take(UNSUBSCRIBED)) == (0, 0, 2, 0)
    assert counts(take(CLEANED)) == (0, 0, 2, 0)
    # Who left, and who bounced, are not brought back.
    result = take(SUBSCRIBED)
    assert counts(result) == (0, 0, 1, 2)
    assert "unsubscribed on 2026-11-23; only they" in next(iter(result.refused)).reason
    assert everything(database) == before


def test_who_never_subscribed_is_not_confirmed(database: Database, take: Take) -> None:
    take(SUBSCRIBED, name="nonsubscribed_members_export.csv")
    assert set(states(database).values()) == {"unconfirmed"}


def test_listmonks_states(database: Database, take: Take) -> None:
    result = take(LISTMONK)
    assert counts(result) == (3, 0, 0, 1)
    assert "'asleep' is not known" in next(iter(result.refused)).reason
    assert states(database) == {"ama@example.org": "confirmed", "gone@example.org": "unsubscribed"}
    with database.read() as session:
        found = suppressed(session, ["bad@example.org"], keys=KEYS)
    assert found == {"bad@example.org": "blocklisted in listmonk"}
    refused = take("email,status\nbad@example.org,confirmed\n").refused
    assert [row.reason for row in refused] == [
        "suppressed (blocklisted in listmonk), and is not mailed"
    ]


def test_who_came_back_in_person_stays(database: Database, clock: FixedClock, take: Take) -> None:
    take(UNSUBSCRIBED)
    with database.transaction() as session:
        gone = find_subscriber(session, "gone@example.org")
        service.confirm(session, gone.public_id, way="web", clock=clock)
        # Confirmed by a person at the same moment as by the file would be no later word.
        session.flush()
        session.execute(
            update(ConsentRecord)
            .where(ConsentRecord.way == "import")
            .values(at=clock.now().replace(year=2025))
        )
    result = take(UNSUBSCRIBED)
    assert counts(result) == (0, 0, 1, 1)
    assert "confirmed here themselves on 2026-11-23" in next(iter(result.refused)).reason
    assert states(database)["gone@example.org"] == "confirmed"


def test_who_unsubscribes_in_a_later_row_has_left(database: Database, take: Take) -> None:
    rows = ["a@example.org,confirmed", "A@example.org,unsubscribed", "a@example.org,confirmed"]
    result = take("email,status\n" + "\n".join(rows))
    assert counts(result) == (1, 1, 0, 1)
    assert states(database) == {"a@example.org": "unsubscribed"}
    with database.read() as session:
        active = select(func.count()).where(Subscription.ended_at.is_(None))
        assert session.scalar(active) == 0


def test_rehearsals_count_the_same_and_write_nothing(
    database: Database, clock: FixedClock, take: Take
) -> None:
    with database.transaction() as session:
        exclusion.suppress(session, "never@example.org", reason="by hand", keys=KEYS, clock=clock)
    take("email,status\nold@example.org,confirmed\nleft@example.org,unsubscribed\n")
    # The addresses come again after more rows than are written at a time.
    body = [f"r{n}@example.org,N{n},confirmed" for n in range(6_000)]
    again = ["r1@example.org,New,", "r2@example.org,,unsubscribed", "r2@example.org,,confirmed"]
    known = ["old@example.org,Old,", "left@example.org,,confirmed", "never@example.org,,", "x,,"]
    content = "email,name,status\n" + "\n".join([*known, *body, *again])
    before = everything(database)
    rehearsed: list[Outcome] = []
    done: list[Outcome] = []
    rehearsal = take(content, dry_run=True, tell=rehearsed.append)
    assert everything(database) == before
    real = take(content, tell=done.append)
    assert counts(rehearsal) == counts(real) == (6_000, 3, 0, 4)
    assert rehearsed == done
    assert [outcome.line for outcome in done] == list(range(2, len(done) + 2))
