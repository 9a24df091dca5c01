import re
from datetime import timedelta

import httpx
import pytest

from alerts.subscribers.exclusion import suppress
from alerts.subscribers.models import Frequency, SubscriberState
from alerts.task_queue import Queue, Task
from tests.data.web.running import EMAIL, RunningSite
from tests.factories import counted_queries


def _sign_up(site: RunningSite, **changes: str | list[str]) -> httpx.Response:
    form: dict[str, str | list[str]] = {
        "form_token": site.form_token(),
        "email": EMAIL,
        "newsletter": ["gp-alert"],
        "website": "",
    }
    return site.client.post("/subscribe", data=form | changes)


def _is_unknown(site: RunningSite) -> bool:
    return not site.consents() and not site.queue.enqueued


def test_the_front_page_says_what_comes_how_often_and_when(site: RunningSite) -> None:
    page = site.client.get("/").text
    assert "GP Alert" in page
    assert "Africa This Week" in page
    assert "Once a week" in page
    assert "Next on Monday 30 November, 08:00 (Kolkata time)" in page
    assert "November" in page
    assert 'href="/subscribe?newsletter=gp-alert"' in page


def test_the_form_ticks_only_what_the_reader_came_for(site: RunningSite) -> None:
    page = site.client.get("/subscribe?newsletter=gp-alert").text
    assert 'value="gp-alert" checked' in page
    assert 'value="africa-this-week" checked' not in page


def test_signing_up_confirming_and_what_is_on_record(site: RunningSite) -> None:
    wishes: dict[str, str | list[str]] = {
        "newsletter": ["gp-alert", "africa-this-week"],
        "frequency-gp-alert": "daily",
        "region-gp-alert": ["west-africa", "south-asia"],
    }
    answer = _sign_up(site, **wishes)
    assert answer.status_code == 200
    assert EMAIL in answer.text
    subscriber = site.subscriber()
    assert subscriber.state is SubscriberState.UNCONFIRMED
    assert subscriber.confirmation_due_at == site.clock.now()
    assert site.queue.enqueued == [(Task.SEND_CONFIRMATION, (subscriber.id,), Queue.TRANSACTIONAL)]

    link = site.links.confirm_url(subscriber.public_id)
    for method in ("GET", "HEAD", "GET"):
        assert site.client.request(method, link).status_code == 200
    assert site.subscriber().state is SubscriberState.UNCONFIRMED

    done = site.client.post(link)
    assert done.status_code == 200
    assert "once a day" in done.text
    assert "West Africa" in done.text
    assert site.subscriber().state is SubscriberState.CONFIRMED
    stored = {slug: (one.frequency, one.regions) for slug, one in site.subscriptions().items()}
    assert stored == {
        "gp-alert": (Frequency.DAILY, ["south-asia", "west-africa"]),
        "africa-this-week": (Frequency.WEEKLY, []),
    }
    assert {(record.way, record.origin) for record in site.consents()} == {
        ("web form", "127.0.0.1"),
        ("confirmation link", "127.0.0.1"),
    }
    assert site.client.post(link).status_code == 200


def test_a_known_address_gets_the_same_answer_and_stays_as_it_is(site: RunningSite) -> None:
    unknown = _sign_up(site, email="other1@example.org")
    confirmed = site.subscribe("africa-this-week")
    known = _sign_up(site, newsletter=["gp-alert"])
    assert known.status_code == unknown.status_code
    assert known.text.replace(EMAIL, "") == unknown.text.replace("other1@example.org", "")
    assert list(site.subscriptions()) == ["africa-this-week"]
    assert site.subscriber().state is SubscriberState.CONFIRMED
    # The same mail, too: its link leads a confirmed reader on to the preferences.
    assert site.queue.enqueued[-1][:2] == (Task.SEND_CONFIRMATION, (confirmed.id,))
    page = site.client.get(site.links.confirm_url(confirmed.public_id)).text
    assert "You are confirmed" in page
    assert site.links.preferences_url(confirmed.public_id) in page


WRONG: tuple[tuple[dict[str, str | list[str]], str], ...] = (
    ({"email": ""}, "Please type your email address"),
    ({"email": "asha at example.org"}, "is no email address"),
    ({"email": "<script>alert(1)</script>@example.org"}, "&lt;script&gt;"),
    ({"email": "a@b.org\r\nBcc: x@example.org"}, "is no email address"),
    ({"newsletter": []}, "Please tick at least one newsletter"),
    ({"newsletter": ["no-such"]}, "Please tick at least one newsletter"),
    ({"frequency-gp-alert": "hourly"}, "does not come this often"),
    ({"region-gp-alert": ["atlantis"]}, "choose regions from the list"),
)


def test_what_is_wrong_is_said_at_its_field_and_the_rest_is_kept(site: RunningSite) -> None:
    for changes, said in WRONG:
        answer = _sign_up(site, **changes)
        assert answer.status_code == 422, said
        assert said in answer.text
        assert "<script" not in answer.text
        if "email" not in changes:
            assert f'value="{EMAIL}"' in answer.text, said
        if "newsletter" not in changes:
            assert 'value="gp-alert" checked' in answer.text, said
    assert _is_unknown(site)


def test_a_program_that_fills_in_everything_is_answered_and_ignored(site: RunningSite) -> None:
    answer = _sign_up(site, website="https://spam.example")
    assert answer.status_code == 200
    assert EMAIL in answer.text
    assert _is_unknown(site)


def test_a_form_sent_too_quickly_is_asked_again(site: RunningSite) -> None:
    token = site.form_token()
    site.clock.advance(timedelta(seconds=-9))
    form = {"form_token": token, "email": EMAIL, "newsletter": "gp-alert"}
    answer = site.client.post("/subscribe", data=form)
    assert answer.status_code == 422
    assert "press the button once more" in answer.text
    assert f'value="{EMAIL}"' in answer.text
    assert _is_unknown(site)


def test_a_form_of_yesterday_or_with_a_forged_time_is_asked_again(site: RunningSite) -> None:
    old = site.form_token()
    site.clock.advance(timedelta(days=1))
    of_another_form = site.runtime.tokens.lasting("form", "1763877600", "undo")
    for token in (old, "", "x.y", of_another_form):
        assert _sign_up(site, form_token=token).status_code == 422
    assert _is_unknown(site)


def test_a_link_that_does_not_work_says_what_to_do(site: RunningSite) -> None:
    kinds = ("confirm", "preferences", "unsubscribe")
    paths = [
        f"/{kind}/{token}" for kind in kinds for token in ("forged", "a.b.c", "%00", "x" * 5000)
    ]
    pages = [site.client.get(path) for path in paths]
    pages += [site.client.post(path) for path in paths if "unsubscribe" not in path]
    assert {page.status_code for page in pages} == {404}
    assert len({page.text for page in pages}) == 1
    assert "This link does not work" in pages[0].text


def test_a_link_of_somebody_who_is_gone_looks_the_same_as_a_forged_one(site: RunningSite) -> None:
    forged = site.client.get("/confirm/forged")
    gone = site.client.get(site.links.confirm_url("nobody"))
    assert (gone.status_code, gone.text) == (forged.status_code, forged.text)


def test_a_token_of_another_purpose_is_no_confirmation(site: RunningSite) -> None:
    subscriber = site.subscribe("gp-alert", confirmed=False)
    token = site.links.preferences_url(subscriber.public_id).rpartition("/")[2]
    assert site.client.post(f"/confirm/{token}").status_code == 404
    assert site.subscriber().state is SubscriberState.UNCONFIRMED


def test_personal_pages_are_kept_by_no_cache_and_set_no_cookie(site: RunningSite) -> None:
    subscriber = site.subscribe("gp-alert")
    for url in (
        site.links.confirm_url(subscriber.public_id),
        site.links.preferences_url(subscriber.public_id),
        site.links.unsubscribe_url(subscriber.public_id),
    ):
        headers = site.client.get(url).headers
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert "noindex" in headers["x-robots-tag"]
        assert "set-cookie" not in headers


@pytest.mark.parametrize("is_known", [True, False])
def test_a_suppressed_address_gets_the_same_answer_and_no_mail(
    site: RunningSite, *, is_known: bool
) -> None:
    unknown = _sign_up(site, email="other1@example.org")
    if is_known:
        site.subscribe("gp-alert")
    with site.runtime.database.transaction() as session:
        keys = site.runtime.settings.secret_key
        suppress(session, EMAIL, reason="hard bounce", keys=keys, clock=site.clock)
    site.queue.enqueued.clear()
    before = len(site.consents())
    answer = _sign_up(site, email=EMAIL.upper())
    assert answer.status_code == unknown.status_code
    assert answer.text.replace(EMAIL.upper(), "") == unknown.text.replace("other1@example.org", "")
    assert not site.queue.enqueued
    assert len(site.consents()) == before


def test_a_suppressed_reader_is_told_on_their_own_pages(site: RunningSite) -> None:
    subscriber = site.subscribe("gp-alert")
    link = site.links.confirm_url(subscriber.public_id)
    with site.runtime.database.transaction() as session:
        keys = site.runtime.settings.secret_key
        suppress(session, EMAIL, reason="complaint", keys=keys, clock=site.clock)
    page = site.client.get(site.links.preferences_url(subscriber.public_id)).text
    assert "We stopped writing" in page
    assert "<form" not in page
    assert site.client.post(link).status_code == 409
    assert site.subscriber().state is SubscriberState.SUPPRESSED


def test_signed_up_again_by_somebody_else_a_reader_who_left_stays_away(site: RunningSite) -> None:
    subscriber = site.subscribe("gp-alert")
    site.client.post(
        site.links.unsubscribe_url(subscriber.public_id), data={"List-Unsubscribe": "One-Click"}
    )
    assert _sign_up(site).status_code == 200
    assert site.subscriber().state is SubscriberState.UNSUBSCRIBED
    page = site.client.get(site.links.preferences_url(subscriber.public_id)).text
    assert "Your address is not confirmed yet" in page
    assert "This is what will come to" in page
    site.client.post(site.links.confirm_url(subscriber.public_id))
    assert site.subscriber().state is SubscriberState.CONFIRMED


def test_a_sign_up_asks_little_of_the_database(site: RunningSite) -> None:
    # Of an issue that goes out meanwhile each statement takes some.
    for email in ("first@example.org", "second@example.org"):
        token = site.form_token()
        with counted_queries(site.runtime.database.engine) as asked:
            assert _sign_up(site, form_token=token, email=email).status_code == 200
        of_readers = [one for one in asked if re.search("subscri|suppress|consent", one)]
        assert [one.split()[0] for one in of_readers] == ["SELECT", "INSERT", "INSERT", "INSERT"]
