"""`alerts alarm`: who would be told is told; what is open is shown, and silenced with a reason."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

from alerts.database import Database
from alerts.delivery.catcher import CatcherStore
from alerts.operations.alarms.books import settle
from alerts.operations.alarms.kinds import Kind, Trouble
from tests.functional.installation import Installation


def test_from_a_trial_to_a_silence(install: Callable[..., Installation]) -> None:
    house = install(alarm_to="ops@example.org night@example.org")
    house.run("init")
    told = house.json("alarm", "test")
    assert told == [
        {"target": "ops@example.org", "failure": None},
        {"target": "night@example.org", "failure": None},
    ]
    store = CatcherStore(house.folder / "var")
    assert store.count(containing="ops@example.org") == 1
    store.close()
    assert house.json("alarm", "list") == []
    database = Database(f"sqlite:///{house.folder / 'var' / 'alerts.db'}")
    trouble = Trouble(Kind.DISK_SHORT, "data", "the disk has 0.5 GiB left", "Make room.")
    with database.transaction() as session:
        settle(session, [trouble], targets=(), now=datetime.now(UTC))
    database.dispose()
    [alarm] = house.json("alarm", "list")
    assert (alarm["kind"], alarm["what"]) == ("disk-short", trouble.what)
    assert house.json("status")["alarms"] == [alarm]
    number = str(alarm["id"])
    silence = ("alarm", "silence", number)
    assert "is no span of time" in house.run(*silence, "--for", "soon", "--reason", "x", status=1)
    assert "a reason is needed" in house.run(*silence, "--for", "8h", "--reason", " ", status=1)
    silent = house.json(*silence, "--for", "8h", "--reason", "a larger disk comes")
    assert silent["silence_reason"] == "a larger disk comes"
    shown = house.run("status")
    assert "silenced until" in shown
    # People, and programs, are told moments to the second.
    assert f"ALARM {number} since {alarm['opened_at']}: " in shown
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", alarm["opened_at"])
    assert not re.search(r":\d\d\.\d", shown)
    assert house.json("alarm", "unsilence", number)["silenced_until"] is None
    assert "there is no alarm 99" in house.run("alarm", "unsilence", "99", status=1)


def test_nobody_to_tell_is_said(install: Callable[..., Installation]) -> None:
    house = install()
    assert "nobody is told of alarms: set ALERTS_ALARM_TO" in house.run("alarm", "test", status=1)


def test_a_webhook_that_leads_inside_is_told_as_a_failure(
    install: Callable[..., Installation],
) -> None:
    house = install(alarm_webhook="http://127.0.0.1:8000/hook", alarm_webhook_secret="s" * 30)
    said = house.run("alarm", "test", status=1)
    assert "Traceback" not in said
