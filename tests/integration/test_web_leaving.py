from datetime import timedelta

import httpx

from alerts.subscribers.models import ConsentAction, Frequency
from tests.data.web.running import RunningSite

BOTH = ("gp-alert", "africa-this-week")
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
MULTIPART = (
    b'--xyz\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\n'
    b"One-Click\r\n--xyz--\r\n"
)


def _link(site: RunningSite, newsletter: str | None = "gp-alert") -> str:
    subscriber = site.subscriber()
    return site.links.unsubscribe_url(subscriber.public_id, newsletter=newsletter, issue_id=7)


def _field(page: httpx.Response, name: str) -> str:
    return page.text.split(f'name="{name}" value="')[1].split('"')[0]


POSTED = (
    ("application/x-www-form-urlencoded", b"List-Unsubscribe=One-Click"),
    ("multipart/form-data; boundary=xyz", MULTIPART),
    # What is sent though it should not be: a wrong type, none, another case, an empty body.
    ("application/x-www-form-urlencoded", MULTIPART),
    ("multipart/form-data", MULTIPART),
    ("text/plain", b"List-Unsubscribe=One-Click"),
    ("application/json", b'{"List-Unsubscribe": "One-Click"}'),
    (None, b"list-unsubscribe=one-click"),
    (None, b""),
)


def test_one_click_ends_one_subscription_without_cookie_or_redirect(site: RunningSite) -> None:
    for content_type, body in POSTED:
        site.subscribe(*BOTH)
        headers = {"Content-Type": content_type} if content_type else {}
        for _ in range(2):
            answer = site.client.post(_link(site), content=body, headers=headers)
            assert answer.status_code == 200, body
            assert answer.headers["content-type"].startswith("text/plain")
            assert "set-cookie" not in answer.headers
            assert "location" not in answer.headers
            assert list(site.subscriptions()) == ["africa-this-week"], body
    left = [one for one in site.consents() if one.action is ConsentAction.WITHDRAWN]
    assert len(left) == len(POSTED)
    assert {(one.way, one.issue_id, one.newsletter) for one in left} == {
        ("one-click", 7, "gp-alert")
    }


def test_real_clients_encode_the_same_request_in_two_ways(site: RunningSite) -> None:
    site.subscribe(*BOTH)
    assert site.client.post(_link(site), data=ONE_CLICK).status_code == 200
    form = {name: (None, value) for name, value in ONE_CLICK.items()}
    assert site.client.post(_link(site, "africa-this-week"), files=form).status_code == 200
    assert not site.subscriptions()


def test_one_click_for_everything(site: RunningSite) -> None:
    site.subscribe(*BOTH)
    assert site.client.post(_link(site, None), data=ONE_CLICK).status_code == 200
    assert not site.subscriptions()


def test_a_scanner_that_follows_the_link_changes_nothing(site: RunningSite) -> None:
    site.subscribe(*BOTH)
    before = len(site.consents())
    for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE"):
        site.client.request(method, _link(site))
        site.client.request(method, _link(site, None))
    assert len(site.subscriptions()) == 2
    assert len(site.consents()) == before


def test_the_page_names_what_ends_and_one_button_ends_it(site: RunningSite) -> None:
    site.subscribe(*BOTH)
    page = site.client.get(_link(site))
    assert "Unsubscribe from GP Alert?" in page.text
    done = site.client.post(_link(site), data={"button": "unsubscribe"})
    assert done.status_code == 200
    assert "You are unsubscribed" in done.text
    assert "You still get Africa This Week" in done.text
    assert list(site.subscriptions()) == ["africa-this-week"]
    assert site.consents()[-1].way == "link"
    again = site.client.get(_link(site))
    assert "You are not subscribed to GP Alert" in again.text


def test_undo_brings_back_the_wishes_as_they_were(site: RunningSite) -> None:
    site.subscribe(*BOTH)
    preferences = site.links.preferences_url(site.subscriber().public_id)
    site.client.post(
        preferences,
        data={
            "seen": _field(site.client.get(preferences), "seen"),
            "newsletter": list(BOTH),
            "frequency-gp-alert": "weekly",
            "region-gp-alert": ["africa", "south-asia"],
        },
    )
    done = site.client.post(_link(site, None), data={"button": "unsubscribe"})
    assert not site.subscriptions()
    undone = site.client.post(
        f"{_link(site, None)}/undo", data={"undo_token": _field(done, "undo_token")}
    )
    assert undone.status_code == 200
    back = site.subscriptions()
    assert set(back) == set(BOTH)
    assert back["gp-alert"].frequency is Frequency.WEEKLY
    assert back["gp-alert"].regions == ["africa", "south-asia"]


def test_nobody_is_brought_back_by_an_old_link_or_another_persons_undo(site: RunningSite) -> None:
    site.subscribe("gp-alert", email="other@example.org")
    site.subscribe("gp-alert")
    done = site.client.post(_link(site), data={"button": "unsubscribe"})
    token = _field(done, "undo_token")
    # Leaving a second time ends nothing, so there is nothing to undo.
    assert "undo_token" not in site.client.post(_link(site), data={"button": "x"}).text

    other = site.subscriber("other@example.org").public_id
    others_link = site.links.unsubscribe_url(other, newsletter="gp-alert")
    for url, given in (
        (f"{others_link}/undo", token),
        (f"{_link(site)}/undo", "forged"),
        (f"{_link(site)}/undo", ""),
        (f"{_link(site)}/undo", site.form_token()),
    ):
        assert site.client.post(url, data={"undo_token": given}).status_code == 404
    site.clock.advance(timedelta(days=2))
    late = site.client.post(f"{_link(site)}/undo", data={"undo_token": token})
    assert late.status_code == 404
    assert not site.subscriptions()


def test_a_forged_or_cut_link_ends_nothing_and_tells_nothing(site: RunningSite) -> None:
    site.subscribe(*BOTH)
    link = _link(site)
    preferences = site.links.preferences_url(site.subscriber().public_id).rpartition("/")[2]
    nobody = site.links.unsubscribe_url("nobody", newsletter="gp-alert")
    bad = [link[:-1], link[:-9], link + "x", nobody, f"{site.url}/unsubscribe/{preferences}"]
    one_click = [site.client.post(url, data=ONE_CLICK) for url in bad]
    assert {answer.status_code for answer in one_click} == {404}
    assert len({answer.text for answer in one_click}) == 1
    pages = [site.client.post(url, data={"button": "unsubscribe"}) for url in bad]
    assert {page.status_code for page in pages} == {404}
    assert len({page.text for page in pages}) == 1
    assert len(site.subscriptions()) == 2


def test_preferences_are_shown_saved_and_shown_again(site: RunningSite) -> None:
    site.subscribe("gp-alert")
    url = site.links.preferences_url(site.subscriber().public_id)
    page = site.client.get(url)
    assert 'value="gp-alert" checked' in page.text
    assert 'value="africa-this-week" checked' not in page.text
    saved = site.client.post(
        url,
        data={
            "seen": _field(page, "seen"),
            "newsletter": list(BOTH),
            "frequency-gp-alert": "daily",
            "region-africa-this-week": ["west-africa"],
        },
    )
    assert saved.status_code == 303
    shown = site.client.get(saved.headers["location"])
    assert "Saved." in shown.text
    assert "once a day" in shown.text
    wishes = {slug: (one.frequency, one.regions) for slug, one in site.subscriptions().items()}
    assert wishes == {
        "gp-alert": (Frequency.DAILY, []),
        "africa-this-week": (Frequency.WEEKLY, ["west-africa"]),
    }


def test_an_unticked_newsletter_ends_and_can_be_ticked_again(site: RunningSite) -> None:
    site.subscribe(*BOTH)
    url = site.links.preferences_url(site.subscriber().public_id)
    for wanted in (["gp-alert"], [], ["africa-this-week"]):
        seen = _field(site.client.get(url), "seen")
        answer = site.client.post(url, data={"seen": seen, "newsletter": wanted})
        assert answer.status_code == 303
        assert list(site.subscriptions()) == wanted


def test_leaving_everything_on_the_preferences_page(site: RunningSite) -> None:
    site.subscribe(*BOTH)
    url = site.links.preferences_url(site.subscriber().public_id)
    assert site.client.post(url, data={"action": "leave"}).status_code == 303
    assert not site.subscriptions()
    assert "Nothing comes to" in site.client.get(url).text


def test_two_tabs_lose_nothing_silently(site: RunningSite) -> None:
    site.subscribe("gp-alert")
    url = site.links.preferences_url(site.subscriber().public_id)
    seen = _field(site.client.get(url), "seen")
    first = {"seen": seen, "newsletter": "africa-this-week"}
    second = {"seen": seen, "newsletter": "gp-alert", "frequency-gp-alert": "weekly"}
    assert site.client.post(url, data=first).status_code == 303
    stale = site.client.post(url, data=second)
    assert stale.status_code == 409
    assert "changed elsewhere" in stale.text
    assert list(site.subscriptions()) == ["africa-this-week"]
    again = site.client.post(url, data=second | {"seen": _field(stale, "seen")})
    assert again.status_code == 303
    assert list(site.subscriptions()) == ["gp-alert"]


def test_a_choice_that_is_not_offered_is_refused_at_its_place(site: RunningSite) -> None:
    site.subscribe("gp-alert")
    url = site.links.preferences_url(site.subscriber().public_id)
    form = {"newsletter": "gp-alert", "frequency-gp-alert": "hourly"}
    answer = site.client.post(url, data=form)
    assert answer.status_code == 422
    assert "does not come this often" in answer.text
    assert list(site.subscriptions()) == ["gp-alert"]
