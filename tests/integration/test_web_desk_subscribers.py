"""The desk's room for subscribers: finding, adding, one person, leaving, suppressing, erasing."""

import csv
import io
from datetime import timedelta

from sqlalchemy import select

from alerts.delivery.models import Delivery, DeliveryState
from alerts.delivery.returned import BounceEvent, Returned
from alerts.newsletters.models import Issue
from alerts.staff.models import AuditEntry
from alerts.staff.permissions import Role
from alerts.subscribers.models import Frequency, Subscriber, SubscriberState
from alerts.subscribers.segments.models import Segment
from alerts.task_queue import Queue, Task
from tests.data.web.running import RunningSite
from tests.desk_world import Browser, at_the_desk
from tests.factories import add_readers

HERE = "/desk/subscribers"


def crowd(site: RunningSite, count: int, **about: object) -> list[int]:
    names = [f"reader-{n:03}" for n in range(count)]
    with site.runtime.database.transaction() as session:
        return add_readers(session, names, now=site.clock.now(), **about)  # type: ignore[arg-type]  # by name


def entries(site: RunningSite) -> list[AuditEntry]:
    with site.runtime.database.read() as session:
        return list(session.scalars(select(AuditEntry).order_by(AuditEntry.id)))


def acts(site: RunningSite) -> list[str]:
    return [one.act for one in entries(site) if not one.act.startswith(("account", "staff"))]


def links(page: str) -> list[int]:
    """Return the numbers of the subscribers that a list leads to, in its order."""
    table = page.partition('<table class="rows">')[2].partition("</table>")[0]
    return [int(part.partition('"')[0]) for part in table.split(f'href="{HERE}/')[1:]]


def test_subscribers_are_found_by_address_and_paged(site: RunningSite, editor: Browser) -> None:
    assert "Nobody has subscribed yet" in editor.get(HERE).text
    numbers = crowd(site, 60)
    asha = site.subscribe("gp-alert", email="Asha.Rao@example.org")
    page = editor.get(HERE).text
    assert links(page) == [asha.id, *reversed(numbers[11:])]
    assert f"?before={numbers[11]}" in page
    assert links(editor.get(f"{HERE}?before={numbers[11]}").text) == list(reversed(numbers[:11]))
    assert links(editor.get(f"{HERE}?begins=ASHA.").text) == [asha.id]
    assert links(editor.get(f"{HERE}?begins=asha.rao@EXAMPLE.org").text) == [asha.id]
    first = editor.get(f"{HERE}?begins=reader").text
    assert links(first) == numbers[:50]
    assert "after=reader-049%40example.org" in first
    rest = editor.get(f"{HERE}?begins=reader&after=reader-049@example.org").text
    assert links(rest) == numbers[50:]
    assert "Nobody fits" in editor.get(f"{HERE}?begins=%25").text
    assert "Nobody fits" in editor.get(f"{HERE}?begins=_eader").text


def test_subscribers_are_narrowed_and_counted(site: RunningSite, editor: Browser) -> None:
    crowd(site, 3, state=SubscriberState.UNCONFIRMED)
    weekly = site.subscribe("africa-this-week", email="weekly@example.org")
    both = site.subscribe("gp-alert", "africa-this-week", email="both@example.org")
    # The Overview has shown them before anybody was there, and a count is kept for a minute.
    site.clock.advance(timedelta(minutes=1))
    page = editor.get(HERE).text
    assert "<dt>unconfirmed</dt><dd>3</dd>" in page
    assert "<dt>confirmed</dt><dd>2</dd>" in page
    page = editor.get(f"{HERE}?newsletter=africa-this-week&state=confirmed").text
    assert links(page) == [both.id, weekly.id]
    assert "<strong>2</strong> fit, 2 of them can be mailed" in page
    page = editor.get(f"{HERE}?query=newsletter is gp-alert and state is confirmed").text
    assert links(page) == [both.id]
    assert links(editor.get(f"{HERE}?begins=w&newsletter=africa-this-week").text) == [weekly.id]
    assert "is no field" in editor.get(f"{HERE}?query=colour is red").text
    assert "There is no segment" in editor.get(f"{HERE}?segment=none-such").text
    # Counted at most once a minute.
    site.subscribe("gp-alert", email="new@example.org")
    assert "<dt>confirmed</dt><dd>2</dd>" in editor.get(HERE).text
    site.clock.advance(timedelta(minutes=1))
    assert "<dt>confirmed</dt><dd>3</dd>" in editor.get(HERE).text


def test_an_editor_adds_somebody_who_is_asked_by_mail(site: RunningSite, editor: Browser) -> None:
    page = editor.post(f"{HERE}/add", {"email": "nobody", "how": "asked"})
    assert page.status_code == 422
    for name in ("email", "newsletter"):
        assert f'id="{name}-problem"' in page.text
    form = {"email": "Bina@gmial.com", "name": "Bina", "newsletter": "gp-alert"}
    done = editor.post(f"{HERE}/add", form | {"frequency": "daily"}).text
    assert "Added. A mail asks them to confirm. Was Bina@gmail.com meant?" in done
    added = site.subscriber("bina@gmial.com")
    assert (added.state, added.name) == (SubscriberState.UNCONFIRMED, "Bina")
    assert site.subscriptions("bina@gmial.com")["gp-alert"].frequency is Frequency.DAILY
    assert site.queue.enqueued == [(Task.SEND_CONFIRMATION, (added.id,), Queue.TRANSACTIONAL)]
    (record,) = site.consents()
    assert (record.way, record.wording) == (
        "desk",
        "Entered at the desk; asked by mail to confirm.",
    )
    # Nobody answers for a consent who may not write.
    form |= {"how": "confirmed", "basis": "said so", "email": "c@example.org"}
    refused = editor.post(f"{HERE}/add", form)
    assert (refused.status_code, "ops and admins" in refused.text) == (403, True)


def test_nobody_changes_what_a_reader_gets_but_themselves(
    site: RunningSite, editor: Browser
) -> None:
    site.subscribe("gp-alert")
    form = {"email": "asha@example.org", "newsletter": "africa-this-week"}
    page = editor.post(f"{HERE}/add", form)
    assert (page.status_code, "reads already" in page.text) == (422, True)
    assert list(site.subscriptions()) == ["gp-alert"]


def test_ops_may_answer_for_a_consent(site: RunningSite, ops: Browser) -> None:
    form = {"email": "dayo@example.org", "newsletter": "gp-alert", "how": "confirmed"}
    assert 'id="basis-problem"' in ops.post(f"{HERE}/add", form).text
    page = ops.post(f"{HERE}/add", form | {"basis": "Signed the sheet in Accra"}).text
    assert "Signed the sheet in Accra" in page
    added = site.subscriber("dayo@example.org")
    assert added.state is SubscriberState.CONFIRMED
    assert site.queue.enqueued == []
    assert acts(site)[-1] == "subscriber.added"
    assert all("dayo" not in str(one.details) for one in entries(site))


def test_one_page_tells_everything_about_a_person(site: RunningSite, ops: Browser) -> None:
    asha = site.subscribe("gp-alert")
    with site.runtime.database.transaction() as session:
        issue = Issue(
            newsletter="gp-alert",
            frequency=Frequency.IMMEDIATE,
            number=7,
            subject="Cranes & ports",
            until=site.clock.now(),
            created_at=site.clock.now(),
        )
        session.add(issue)
        session.flush()
        session.add(
            Delivery(
                issue_id=issue.id,
                subscriber_id=asha.id,
                state=DeliveryState.FAILED,
                reason="hard bounce",
                last_answer="550 no such user",
                last_attempt_at=site.clock.now(),
            )
        )
    page = ops.get(f"{HERE}/{asha.id}").text
    for words in (
        "as soon as an article is published",
        "for a test",
        "Cranes &amp; ports",
        "hard bounce",
        "550 no such user",
        "/preferences/",
    ):
        assert words in page
    data = ops.client.get(f"{HERE}/{asha.id}/data.json").json()
    assert (data["email"], data["deliveries"][0]["number"]) == ("asha@example.org", "7")
    table = ops.client.get(f"{HERE}/{asha.id}/data.csv")
    assert "asha@example.org" in table.text
    assert "attachment" in table.headers["content-disposition"]
    assert ops.get(f"{HERE}/{asha.id}/data.xml").status_code == 404
    assert "subscriber.data.taken" in acts(site)


def test_a_person_is_asked_again_and_unsubscribed(site: RunningSite, ops: Browser) -> None:
    asha = site.subscribe("gp-alert", "africa-this-week", confirmed=False)
    path = f"{HERE}/{asha.id}"
    assert "on its way" in ops.post(f"{path}/ask").text
    assert site.queue.enqueued == [(Task.SEND_CONFIRMATION, (asha.id,), Queue.TRANSACTIONAL)]
    assert "Unsubscribed" in ops.post(f"{path}/unsubscribe", {"newsletter": "gp-alert"}).text
    assert list(site.subscriptions()) == ["africa-this-week"]
    assert "Unsubscribed" in ops.post(f"{path}/unsubscribe").text
    assert site.subscriber().state is SubscriberState.UNSUBSCRIBED
    assert "nothing to end" in ops.post(f"{path}/unsubscribe").text
    assert ops.post(f"{path}/ask").status_code == 409
    assert acts(site)[-3:] == [
        "subscriber.asked",
        "subscriber.unsubscribed",
        "subscriber.unsubscribed",
    ]


def test_a_suppression_is_lifted_with_a_reason(site: RunningSite, ops: Browser) -> None:
    asha = site.subscribe("gp-alert")
    path = f"{HERE}/{asha.id}"
    wrong = ops.post(f"{path}/suppress", {"reason": " "})
    assert (wrong.status_code, 'id="reason-problem">Say why' in wrong.text) == (422, True)
    page = ops.post(f"{path}/suppress", {"reason": "asked by letter"}).text
    assert "Not mailed: asked by letter" in page
    assert site.subscriber().state is SubscriberState.SUPPRESSED
    page = ops.post(f"{path}/lift", {"reason": "asked again by letter"}).text
    assert "asked again by letter" in page
    assert site.subscriber().state is SubscriberState.CONFIRMED


def test_addresses_and_domains_are_kept_out_and_let_in(site: RunningSite, ops: Browser) -> None:
    here = f"{HERE}/suppressions"
    asha = site.subscribe("gp-alert")
    assert "Say why" in ops.post(f"{here}/address", {"email": "x@example.org"}).text
    ops.post(f"{here}/address", {"email": "X@example.org", "reason": "bounced elsewhere"})
    page = ops.get(f"{here}?email=x@Example.org").text
    assert "is not mailed: bounced elsewhere" in page
    assert "bounced elsewhere 1" in page
    lifted = ops.post(f"{here}/address/lift", {"email": "x@example.org", "reason": "mended"}).text
    assert "It was not because: bounced elsewhere" in lifted
    assert "is not suppressed" in ops.get(f"{here}?email=x@example.org").text
    assert "no domain" in ops.post(f"{here}/domain", {"domain": "what", "reason": "x"}).text
    page = ops.post(f"{here}/domain", {"domain": "example.org", "reason": "a spam trap"}).text
    assert "Blocked. That stops 1 subscriber." in page
    assert f"{HERE}/{asha.id}" in page
    assert "a spam trap" in page
    again = ops.post(f"{here}/domain", {"domain": "example.org", "reason": "a spam trap"})
    assert (again.status_code, "blocked already" in again.text) == (422, True)
    assert "Say why" in ops.post(f"{here}/domain/lift", {"domain": "example.org"}).text
    page = ops.post(f"{here}/domain/lift", {"domain": "example.org", "reason": "an error"}).text
    assert "1 subscriber can be mailed again" in page
    assert "is no email address" in ops.get(f"{here}?email=nobody").text
    assert all("x@example.org" not in f"{e.subject_id}{e.details}" for e in entries(site))


def test_erasing_asks_for_the_address(site: RunningSite, ops: Browser) -> None:
    asha = site.subscribe("gp-alert")
    path = f"{HERE}/{asha.id}/erase"
    assert "cannot be taken back" in ops.get(path).text
    wrong = ops.post(path, {"email": "another@example.org"})
    assert (wrong.status_code, "not their address" in wrong.text) == (422, True)
    done = ops.post(path, {"email": " ASHA@Example.org"}).text
    assert f"Subscriber {asha.id} is erased" in done
    with site.runtime.database.read() as session:
        assert session.get(Subscriber, asha.id) is None
    assert acts(site)[-1] == "subscriber.erased"
    page = ops.post(f"{HERE}/add", {"email": "asha@example.org", "newsletter": "gp-alert"})
    assert "is suppressed (erased)" in page.text


def test_erasing_wants_the_password_once_more(site: RunningSite, ops: Browser) -> None:
    asha = site.subscribe("gp-alert")
    token = ops.token()
    site.clock.advance(timedelta(minutes=20))
    page = ops.client.post(
        f"{HERE}/{asha.id}/erase", data={"form_token": token, "email": asha.email}
    )
    assert (page.status_code, "Your password once more" in page.text) == (403, True)
    assert site.subscriber().id == asha.id


def test_all_readers_are_exported_as_they_are_read(site: RunningSite, ops: Browser) -> None:
    crowd(site, 30)
    site.subscribe("gp-alert", "africa-this-week", email="=cmd@example.org")
    answer = ops.client.get(f"{HERE}/export.csv")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows[0][:2] == ["email", "name"]
    assert len({row[0] for row in rows[1:]}) == 31
    assert not any(row[0].startswith("=") for row in rows)
    assert answer.headers["cache-control"] == "no-store"
    assert acts(site) == ["subscriber.exported"]


def test_a_segment_is_built_counted_saved_changed_and_forgotten(
    site: RunningSite, editor: Browser
) -> None:
    here = f"{HERE}/segments"
    crowd(site, 4)
    site.subscribe("africa-this-week", email="weekly@example.org")
    built = f"{here}?what=newsletter is one of&value=gp-alert,africa-this-week"
    page = editor.get(f"{built}&what=email ends with&value=@example.org&what=&value=x").text
    assert "newsletter is one of (gp-alert, africa-this-week) and email ends with" in page
    assert "<strong>5</strong> subscribers fit" in page
    assert "is no field" in editor.get(f"{here}?query=colour is red").text
    query = "newsletter is africa-this-week"
    assert 'id="name-problem"' in editor.post(here, {"query": query, "name": ""}).text
    saved = editor.post(here, {"query": query, "name": "Africa, weekly"}).text
    assert "Saved." in saved
    assert "<strong>1</strong> subscriber fits" in saved
    assert "weekly@example.org" in editor.get(f"{HERE}?segment=africa-weekly").text
    twice = editor.post(here, {"query": query, "name": "Africa weekly"})
    assert (twice.status_code, "there is a segment" in twice.text.lower()) == (422, True)
    change = {"slug": "africa-weekly", "name": "Africa", "query": "frequency is immediate"}
    assert "<strong>4</strong> subscribers fit" in editor.post(here, change).text
    assert "is forgotten" in editor.post(f"{here}/africa-weekly/remove").text
    with site.runtime.database.read() as session:
        assert session.scalars(select(Segment)).all() == []
    assert acts(site) == ["segment.saved", "segment.changed", "segment.removed"]


def test_how_many_fit_is_told_while_a_segment_is_built(site: RunningSite, editor: Browser) -> None:
    def told(**asked: str | list[str]) -> dict[str, str]:
        answer = editor.client.get(f"{HERE}/count", params=asked)
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        said: dict[str, str] = answer.json()
        return said

    crowd(site, 4)
    site.subscribe("africa-this-week", email="weekly@example.org", confirmed=False)
    assert told() == {"line": "", "query": ""}
    assert told(what=["", ""], value=["x", ""]) == {"line": "", "query": ""}
    one = told(what=["newsletter is", "state is"], value=["africa-this-week", ""])
    assert one == {
        "line": "1 subscriber fits, 0 of them can be mailed.",
        "query": "newsletter is africa-this-week",
    }
    either = told(what=["newsletter is"] * 2, value=["africa-this-week", "gp-alert"], join="or")
    assert either["line"] == "5 subscribers fit, 4 of them can be mailed."
    assert told(query="state is confirmed")["line"] == "4 subscribers fit, 4 of them can be mailed."
    half_typed = told(query="newsletter is")
    assert half_typed["line"].startswith("Segment: ")
    assert half_typed["query"] == ""
    # What was counted stands for a minute, as on the page.
    site.subscribe("gp-alert", email="new@example.org")
    assert told(query="state is confirmed")["line"].startswith("4 ")
    site.clock.advance(timedelta(minutes=1))
    assert told(query="state is confirmed")["line"].startswith("5 ")


def test_a_form_that_was_counted_stands_as_it_was(site: RunningSite, editor: Browser) -> None:
    here = f"{HERE}/segments"
    crowd(site, 2)
    page = editor.get(f"{here}?what=state is&value=confirmed&what=&value=&join=or").text
    assert '<option value="state is" selected>' in page
    assert 'value="or" checked' in " ".join(page.split())
    assert ">\nstate is confirmed</textarea>" in page
    form = {"query": "state is confirmed", "name": "Readers", "description": "tests"}
    page = editor.post(here, form | {"do": "count"}).text
    assert "<strong>2</strong> subscribers fit" in page
    assert 'value="Readers"' in page
    with site.runtime.database.read() as session:
        assert session.scalars(select(Segment)).all() == []


def test_growth_is_drawn_and_told_as_a_table(site: RunningSite) -> None:
    site.subscribe("gp-alert")
    site.clock.advance(timedelta(days=1))
    site.subscribe("gp-alert", "africa-this-week", email="b@example.org")
    with site.runtime.database.transaction() as session:
        for position, kind in enumerate((Returned.HARD, Returned.SOFT, Returned.COMPLAINT)):
            session.add(
                BounceEvent(
                    mail_id=1,
                    position=position,
                    newsletter="gp-alert",
                    kind=kind,
                    at=site.clock.now(),
                )
            )
    with at_the_desk(site, Role.EDITOR) as editor:
        page = editor.get(f"{HERE}/growth?newsletter=gp-alert").text
        assert "<dt>bounced</dt><dd>2</dd>" in " ".join(page.split()).replace("> <", "><")
        assert "<dt>signed up</dt><dd>2</dd>" in page
        assert 'data-words="confirmed">1</td>' in page
        picture = editor.client.get(f"{HERE}/growth/gp-alert.svg")
        assert picture.headers["content-type"] == "image/svg+xml"
        assert "sandbox" in picture.headers["content-security-policy"]
        assert "signed up" in picture.text
        assert "<script" not in picture.text
        assert editor.get(f"{HERE}/growth/none.svg").status_code == 404
        table = editor.client.get(f"{HERE}/growth.csv?days=365").text.splitlines()
        assert table[0].startswith("day,newsletter,signed_up,confirmed,departed,bounced")
        assert len(table) == 4
        for days in (7, 90, 365):
            assert editor.get(f"{HERE}/growth?days={days}").status_code == 200
            assert editor.client.get(f"{HERE}/growth/all.svg?days={days}").status_code == 200
