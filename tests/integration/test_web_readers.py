"""What else readers do by themselves: find their link, pause, take their data away, be erased."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from alerts.delivery.catcher import CatcherStore
from alerts.errors import NotFound, Refused
from alerts.request_limits import MAILS_PER_ADDRESS
from alerts.subscribers.exclusion import refuse_suppressed
from alerts.subscribers.models import Frequency, SubscriberState
from alerts.subscribers.queries import find_subscriber
from alerts.task_queue import Task
from alerts.web.public.mail_limits import PER_NETWORK
from tests.data.web.running import EMAIL, RunningSite, send_owed_confirmations

MOST_MAILS = min(limit.at_most for limit in MAILS_PER_ADDRESS)
MOST_ASKED = min(limit.at_most for limit in PER_NETWORK)


@pytest.fixture
def reader(site: RunningSite) -> str:
    """Return the path of a confirmed reader's preferences."""
    subscriber = site.subscribe("gp-alert")
    return urlsplit(site.links.preferences_url(subscriber.public_id)).path


def choices(site: RunningSite, path: str, **changes: str | list[str]) -> dict[str, str | list[str]]:
    """Return the preferences form as it would be posted after these changes."""
    seen = re.search(r'name="seen" value="([^"]+)"', site.client.get(path).text)
    assert seen
    form: dict[str, str | list[str]] = {
        "seen": seen[1],
        "newsletter": ["gp-alert"],
        "frequency-gp-alert": "daily",
        "action": "save",
    }
    return form | changes


def test_the_link_is_mailed_to_who_lost_it_and_the_answer_is_the_same_for_all(
    site: RunningSite, reader: str
) -> None:
    site.queue.enqueued.clear()
    answers = [
        site.client.post("/preferences", data={"email": email}).text.replace(email, "-")
        for email in (EMAIL, "nobody@example.org")
    ]
    # The address stands in it broken at its joints.
    assert len({re.sub(r"<strong.*?</strong>", "", answer) for answer in answers}) == 1
    assert [task for task, _, _ in site.queue.enqueued] == [Task.SEND_CONFIRMATION]
    send_owed_confirmations(site)
    store = CatcherStore(site.runtime.settings.data_dir)
    mail = store.newest(limit=1)[0]
    assert mail.recipient == EMAIL
    assert "link you asked for" in mail.subject
    text = store.get(mail.id).message().get_body(("plain",)).get_content()  # type: ignore[union-attr]  # it was there
    assert reader in text
    store.close()


def test_what_is_no_address_is_said_at_the_field(site: RunningSite) -> None:
    answer = site.client.post("/preferences", data={"email": "asha at home"})
    assert answer.status_code == 422
    assert "is no email address" in answer.text
    assert 'value="asha at home"' in answer.text


def test_an_address_gets_few_mails_and_a_network_is_told(site: RunningSite, reader: str) -> None:
    site.queue.enqueued.clear()
    for _ in range(MOST_ASKED):
        assert site.client.post("/preferences", data={"email": EMAIL}).status_code == 200
    assert len(site.queue.enqueued) == MOST_MAILS
    answer = site.client.post("/preferences", data={"email": "li@example.org"})
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "3600"
    assert "try again in an hour" in answer.text
    # Who goes on asking goes on waiting: what was asked in vain counts too.
    site.clock.advance(timedelta(days=1))
    assert site.client.post("/preferences", data={"email": EMAIL}).status_code == 200
    assert len(site.queue.enqueued) == MOST_MAILS + 1


def test_a_form_on_another_site_leads_to_one_more_press(site: RunningSite) -> None:
    page = site.client.get("/embed?newsletter=gp-alert").text
    assert f"action=&#34;{site.url}/subscribe&#34;" in page
    assert "&lt;script" not in page
    answer = site.client.post("/subscribe", data={"email": EMAIL, "newsletter": "gp-alert"})
    assert answer.status_code == 200
    assert "Nearly done" in answer.text
    assert f'value="{EMAIL}"' in answer.text
    assert 'value="gp-alert" checked' in answer.text
    assert not site.queue.enqueued


def test_a_mistyped_domain_gets_a_suggestion_and_is_taken(site: RunningSite) -> None:
    form = {"form_token": site.form_token(), "email": "asha@gmial.com", "newsletter": "gp-alert"}
    answer = site.client.post("/subscribe", data=form)
    assert "Did you mean" in answer.text
    assert "email=asha%40gmail.com&amp;newsletter=gp-alert" in answer.text
    assert site.subscriber("asha@gmial.com").state is SubscriberState.UNCONFIRMED


def test_finer_wishes_habits_and_a_pause_are_kept_and_shown_again(
    site: RunningSite, reader: str
) -> None:
    changes: dict[str, str | list[str]] = {
        "countries-gp-alert": "mali, Ivory Coast",
        "topic-gp-alert": ["climate", "security"],
        "time_zone": "Africa/Accra",
        "hour": "7",
        "language": "fr",
        "plain_text": "yes",
        "paused_until": "2026-12-24",
    }
    form = choices(site, reader, **changes)
    answer = site.client.post(reader, data=form, follow_redirects=True)
    assert "Saved." in answer.text
    subscription = site.subscriptions()["gp-alert"]
    assert subscription.wish == (
        "country=CI;country=ML;language=fr;plain;topic=climate;topic=security"
    )
    stored = site.subscriber()
    assert (stored.time_zone, stored.send_hour, stored.language) == ("Africa/Accra", 7, "fr")
    assert stored.plain_text
    assert stored.paused_until == datetime(2026, 12, 24, tzinfo=UTC)
    assert "Paused: nothing comes before Thursday 24 December 2026" in answer.text
    assert "only climate or security" in answer.text
    assert "your time" in answer.text
    assert 'value="Côte d&#39;Ivoire, Mali"' in answer.text
    assert any(
        one.wording.startswith("time zone Africa/Accra, at 07:00, frame in fr, plain text")
        for one in site.consents()
    )


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("countries-gp-alert", "Atlantis", "There is no country"),
        ("time_zone", "Mars/Base", "choose a time zone"),
        ("hour", "25", "choose an hour"),
        ("hour", "7", "in which time zone that hour is"),
        ("language", "tlh", "choose a language"),
        ("paused_until", "2026-11-01", "a day to come"),
        ("paused_until", "2029-01-01", "At most a year"),
        ("paused_until", "soon", "year, month, day"),
    ],
)
def test_what_is_wrong_with_a_wish_is_said_at_its_field(
    site: RunningSite, reader: str, field: str, value: str, said: str
) -> None:
    answer = site.client.post(reader, data=choices(site, reader, **{field: value}))
    assert answer.status_code == 422
    assert said in answer.text
    assert site.subscriber().time_zone is None
    assert site.subscriptions()["gp-alert"].frequency is Frequency.IMMEDIATE


def test_two_tabs_lose_nothing_silently(site: RunningSite, reader: str) -> None:
    first, second = (choices(site, reader, hour="", language=tag) for tag in ("fr", "hi"))
    assert site.client.post(reader, data=first).status_code == 303
    answer = site.client.post(reader, data=second)
    assert answer.status_code == 409
    assert "changed elsewhere" in answer.text
    assert site.subscriber().language == "fr"


def test_leaving_offers_less_often_instead(site: RunningSite, reader: str) -> None:
    url = site.links.unsubscribe_url(site.subscriber().public_id, newsletter="gp-alert")
    page = site.client.post(url, data={"button": "unsubscribe"}).text
    assert "Send it once a week instead" in page
    token = re.search(r'name="undo_token" value="([^"]+)"', page)
    assert token
    answer = site.client.post(f"{url}/undo", data={"undo_token": token[1], "slower": "yes"})
    assert answer.status_code == 200
    assert site.subscriptions()["gp-alert"].frequency is Frequency.WEEKLY


def test_a_new_newsletter_is_welcomed_once(site: RunningSite, reader: str) -> None:
    site.queue.enqueued.clear()
    newsletters = {"newsletter": ["gp-alert", "africa-this-week"]}
    site.client.post(reader, data=choices(site, reader, **newsletters))
    welcomes = [ids for task, ids, _ in site.queue.enqueued if task is Task.SEND_WELCOME]
    assert len(welcomes) == len(set(welcomes))
    assert (site.subscriptions()["africa-this-week"].id,) in welcomes


def test_a_reader_takes_their_data_away(site: RunningSite, reader: str) -> None:
    document = site.client.get(f"{reader}/data.json")
    assert document.headers["Content-Disposition"].startswith("attachment")
    assert document.headers["Cache-Control"] == "no-store"
    data = document.json()
    assert data["email"] == EMAIL
    assert {one["action"] for one in data["consents"]} >= {"requested", "confirmed"}
    table = site.client.get(f"{reader}/data.csv").text.lstrip("\ufeff")
    rows = list(csv.reader(io.StringIO(table)))
    assert rows[0] == ["what", "field", "value"]
    assert ["subscriber", "email", EMAIL] in rows


def test_a_reader_is_erased_at_their_wish(site: RunningSite, reader: str) -> None:
    store = CatcherStore(site.runtime.settings.data_dir)
    store.add([("alerts@example.org", EMAIL.upper(), b"Subject: x\r\n\r\nhello")])
    page = site.client.get(f"{reader}/erase")
    assert "cannot be undone" in page.text
    assert site.subscriber().email == EMAIL
    assert "Your data is erased" in site.client.post(f"{reader}/erase").text
    with site.runtime.database.read() as session:
        with pytest.raises(NotFound):
            find_subscriber(session, EMAIL)
        with pytest.raises(Refused, match="erased"):
            refuse_suppressed(session, EMAIL, keys=site.runtime.settings.secret_key)
    assert store.count() == 0
    store.close()
    assert site.client.get(reader).status_code == 404
    assert site.client.post(f"{reader}/erase").status_code == 404


@pytest.mark.parametrize("ending", ["", "/data.json", "/data.csv", "/erase"])
def test_a_link_that_was_cut_leads_on(site: RunningSite, reader: str, ending: str) -> None:
    answer = site.client.get(reader[:-4] + ending)
    assert answer.status_code == 404
    assert 'href="/preferences"' in answer.text
