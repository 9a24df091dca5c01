from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.delivery.catcher import CatcherStore
from tests.data.web.running import RunningSite, running_site

HOSTILE = (
    "<!DOCTYPE html><html><head><title>x</title></head><body onload=alert(1)>"
    "<script>document.title='run'</script><p>Guten Morgen, Köln</p></body></html>"
)


@pytest.fixture
def backend() -> str:
    # The mailbox is a file of its own: which database the rest is in makes no difference.
    return "sqlite"


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[CatcherStore]:
    store = CatcherStore(tmp_path)
    yield store
    store.close()


def _mail(number: int = 1, *, to: str = "asha@example.org") -> bytes:
    message = EmailMessage()
    message["Subject"] = f"Alert {number}: Köln & <b>Bamako</b>"
    message["From"] = "GP Alerts <alerts@localhost>"
    message["To"] = to
    message.set_content("Guten Morgen, Köln\n")
    message.add_alternative(HOSTILE, subtype="html")
    return message.as_bytes()


def _catch(mailbox: CatcherStore, *raws: bytes, to: str = "asha@example.org") -> None:
    mailbox.add([("bounce@localhost", to, raw) for raw in raws])


def test_an_empty_mailbox_says_what_to_do_first(site: RunningSite) -> None:
    page = site.client.get("/caught/").text
    assert "Nothing has been caught yet" in page


def test_the_newest_come_first_fifty_a_page(site: RunningSite, mailbox: CatcherStore) -> None:
    _catch(mailbox, *(_mail(number) for number in range(1, 54)))
    first = site.client.get("/caught/").text
    assert "53 mails" in first
    assert first.index("Alert 53:") < first.index("Alert 52:")
    assert "Alert 3:" not in first
    assert "Alert 3:" in site.client.get("/caught/?page=2").text
    assert "Köln &amp; &lt;b&gt;Bamako&lt;/b&gt;" in first


def test_searching_by_recipient_and_subject(site: RunningSite, mailbox: CatcherStore) -> None:
    _catch(mailbox, _mail(1))
    _catch(mailbox, _mail(2), to="bina_x@example.org")
    assert "1 mail with" in site.client.get("/caught/", params={"q": "bina_x"}).text
    assert "1 mail with" in site.client.get("/caught/", params={"q": "alert 1:"}).text
    for nothing in ("%", "' OR 1=1 --", "<script>", "\0nul"):
        page = site.client.get("/caught/", params={"q": nothing})
        assert page.status_code == 200
        assert "Nothing matches" in page.text
        assert "<script" not in page.text


def test_one_mail_in_four_ways(site: RunningSite, mailbox: CatcherStore) -> None:
    raw = _mail()
    _catch(mailbox, raw)
    page = site.client.get("/caught/1")
    assert 'src="/caught/1/html"' in page.text
    assert 'sandbox="allow-popups' in page.text
    assert "width-320" in site.client.get("/caught/1?width=320").text
    assert "Guten Morgen, Köln" in site.client.get("/caught/1?view=text").text
    headers = site.client.get("/caught/1?view=headers").text
    assert "GP Alerts &lt;alerts@localhost&gt;" in headers
    assert "Köln" in headers
    assert "Content-Transfer-Encoding" in site.client.get("/caught/1?view=source").text
    eml = site.client.get("/caught/1/raw")
    assert eml.content == raw
    assert eml.headers["content-type"] == "message/rfc822"
    assert "attachment" in eml.headers["content-disposition"]


def test_the_html_is_served_where_nothing_in_it_may_run(
    site: RunningSite, mailbox: CatcherStore
) -> None:
    _catch(mailbox, _mail())
    part = site.client.get("/caught/1/html")
    policy = part.headers["content-security-policy"]
    assert policy.startswith("sandbox")
    assert "default-src 'none'" in policy
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert "Köln" in part.text
    for view in ("html", "text", "headers", "source"):
        page = site.client.get(f"/caught/1?view={view}")
        assert "<script" not in page.text
        assert "script-src" not in page.headers["content-security-policy"]
        assert "'unsafe-inline'" not in page.headers["content-security-policy"]


BROKEN = (
    b"",
    b"\r\n\r\n",
    b"no header at all",
    b"\xff\xfe\0\0",
    b"Content-Type: text/html; charset=no-such\r\n\r\n\xe9\xff",
    b"Content-Type: multipart/mixed\r\n\r\nno boundary",
    b"Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!",
    b"Subject: =?utf-8?b?!!?=\r\nSubject: =?x-no?q?=E9?=\r\nFrom: \xe9\r\n\r\n",
    b"Content-Type: " + b";" * 5000 + b"\r\n\r\n",
    b"".join(
        b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n)
        for n in range(1000)
    ),
    b"Content-Type: message/rfc822\r\n\r\n" * 300,
)


def test_a_broken_mail_can_be_looked_at(site: RunningSite, mailbox: CatcherStore) -> None:
    _catch(mailbox, *BROKEN)
    assert site.client.get("/caught/").status_code == 200
    for number, raw in enumerate(BROKEN, start=1):
        for view in ("html", "text", "headers", "source"):
            page = site.client.get(f"/caught/{number}?view={view}")
            assert page.status_code == 200, raw[:80]
        assert site.client.get(f"/caught/{number}/html").status_code in {200, 404}, raw[:80]
        assert site.client.get(f"/caught/{number}/raw").content == raw


def test_what_is_not_there_is_not_found(site: RunningSite, mailbox: CatcherStore) -> None:
    _catch(mailbox, _mail())
    for path in ("2", "0", "-1", "99999999999999999999", "x", "1?view=no", "1?width=5", "1/no"):
        assert site.client.get(f"/caught/{path}").status_code == 404, path


def test_only_the_button_on_the_page_empties_the_mailbox(
    site: RunningSite, mailbox: CatcherStore
) -> None:
    _catch(mailbox, _mail())
    site.client.post("/caught/clear")
    site.client.post("/caught/clear", data={"form_token": site.form_token("/subscribe")})
    assert mailbox.count() == 1
    cleared = site.client.post("/caught/clear", data={"form_token": site.form_token("/caught/")})
    assert (cleared.status_code, cleared.headers["location"]) == (303, "/caught/")
    assert mailbox.count() == 0


FOREIGN = (
    "evil.example",
    "evil.example:8000",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "127.0.0.1@evil.example",
    "notlocalhost",
    "alerts.example.org.evil.example",
    "xn--",
    "[::1",
    "a b",
)
OWN = (
    "localhost",
    "LOCALHOST:8000",
    "localhost.",
    "desk.localhost:8000",
    "127.0.0.1:8000",
    "192.168.1.20:8000",
    "[::1]:8000",
    "alerts.exämple.org".encode("idna").decode(),
    "alerts.xn--exmple-cua.org:443",
)


def test_a_name_that_is_pointed_at_this_machine_shows_no_mail(
    database: Database, clock: FixedClock, tmp_path: Path, mailbox: CatcherStore
) -> None:
    """DNS rebinding: a page at evil.example, whose name means 127.0.0.1 by now, asks for ours."""
    _catch(mailbox, _mail())
    paths = ("/caught/", "/caught/1", "/caught/1/html", "/caught/1/raw")
    with running_site(
        database, clock, tmp_path, base_url="https://alerts.exämple.org/news"
    ) as site:
        token = site.form_token("/caught/")
        for host in FOREIGN:
            for path in paths:
                refused = site.client.get(path, headers={"Host": host})
                assert refused.status_code == 421, (host, path)
                assert "asha" not in refused.text
                assert "Alert" not in refused.text.replace("GP Alerts", "")
            headers = {"Host": host}
            site.client.post("/caught/clear", data={"form_token": token}, headers=headers)
        assert mailbox.count() == 1
        for host in OWN:
            for path in paths:
                shown = site.client.get(path, headers={"Host": host})
                assert shown.status_code == 200, (host, path)
        assert "ALERTS_BASE_URL" in site.client.get("/caught/", headers={"Host": "pc"}).text


def test_pages_for_everybody_and_for_machines_answer_by_any_name(site: RunningSite) -> None:
    """A proxy need not hand the name on, and a health check may go by the container's."""
    for path in ("/", "/subscribe", "/healthz", "/readyz", "/desk/login", "/api/docs"):
        assert site.client.get(path, headers={"Host": "web:8000"}).status_code == 200, path


def test_there_is_no_mailbox_where_mail_really_leaves(
    database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    with running_site(database, clock, tmp_path, mail_url=("smtp://127.0.0.1:25",)) as site:
        for path in ("/caught/", "/caught/1", "/caught/1/html", "/caught/1/raw"):
            assert site.client.get(path).status_code == 404
        assert "/caught/" not in site.client.get("/").text
