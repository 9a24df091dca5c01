from pathlib import Path

from sqlalchemy import text
from typing_extensions import override

from alerts.clock import FixedClock
from alerts.database import Database
from alerts.paths import sample_photos_dir
from alerts.task_queue import CeleryTaskQueue, RecordingTaskQueue, celery_for
from tests.data.web.running import RunningSite, running_site


class NoBroker(RecordingTaskQueue):
    @override
    def answers(self) -> bool:
        return False


def test_ready_when_database_and_broker_answer(site: RunningSite) -> None:
    assert site.client.get("/healthz").json() == {"status": "up"}
    ready = site.client.get("/readyz")
    assert (ready.status_code, ready.json()["missing"]) == (200, [])


def test_not_ready_names_what_is_missing(
    database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    with running_site(database, clock, tmp_path, queue=NoBroker()) as site:
        assert site.client.get("/healthz").status_code == 200
        away = site.client.get("/readyz")
        assert (away.status_code, away.json()["missing"]) == (503, ["broker"])
        with database.transaction() as session:
            session.execute(text("UPDATE alembic_version SET version_num = '0000'"))
        old = site.client.get("/readyz")
        assert (old.status_code, old.json()["missing"]) == (503, ["database", "broker"])
        assert "alerts init" in old.json()["checks"]["database"]


def test_a_broker_that_is_away_is_noticed() -> None:
    # Port 1 of this machine: nobody listens there.
    url = "redis://127.0.0.1:1/0"
    assert not CeleryTaskQueue(celery_for(url), redis_url=url).answers()


def test_every_page_is_whole_by_itself(site: RunningSite) -> None:
    for path in ("/", "/subscribe", "/archive/", "/caught/", "/no-such"):
        page = site.client.get(path)
        policy = page.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'"), path
        assert "unsafe" not in policy, path
        assert "frame-ancestors 'none'" in policy, path
        assert page.headers["x-content-type-options"] == "nosniff", path
        assert page.headers["referrer-policy"] == "no-referrer", path
        for outside in ("<script", "style=", 'src="http'):
            assert outside not in page.text, path
        assert '<html lang="en">' in page.text, path


def test_the_style_sheet_is_served_under_an_address_of_its_content(site: RunningSite) -> None:
    address = site.client.get("/").text.split('rel="stylesheet" href="')[1].split('"')[0]
    sheet = site.client.get(address)
    assert sheet.status_code == 200
    assert sheet.headers["content-type"].startswith("text/css")
    assert "url(http" not in sheet.text
    for outside in ("/static/../base.html", "/static/%2e%2e/base.html", "/static/"):
        assert site.client.get(outside).status_code == 404


def test_wrong_methods_and_huge_forms_get_a_page(site: RunningSite) -> None:
    wrong = site.client.delete("/subscribe")
    assert (wrong.status_code, "no such request" in wrong.text) == (405, True)
    huge = site.client.post("/subscribe", content=b"a=" + b"x" * 1_000_000)
    assert huge.status_code == 413
    many = site.client.post("/subscribe", content=b"&".join([b"a=1"] * 5000))
    assert many.status_code == 422


def test_an_error_of_ours_shows_no_traceback(site: RunningSite) -> None:
    with site.runtime.database.transaction() as session:
        session.execute(text("UPDATE newsletters SET definition = '\"nonsense\"'"))
    page = site.client.get("/")
    assert page.status_code == 500
    assert "Something went wrong on our side" in page.text
    assert "Traceback" not in page.text
    assert "validation" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"


def test_a_database_that_does_not_answer_is_told_as_a_short_absence(site: RunningSite) -> None:
    with site.runtime.database.transaction() as session:
        session.execute(text("ALTER TABLE issues RENAME TO issues_away"))
    page = site.client.get("/")
    assert page.status_code in {500, 503}
    assert "try again" in page.text
    assert "issues_away" not in page.text
    assert "SELECT" not in page.text


def test_the_samples_photos_are_served_where_the_demo_put_them_and_nothing_beside(
    site: RunningSite, tmp_path: Path
) -> None:
    assert site.client.get("/sample/photos/river.svg").status_code == 404
    folder = sample_photos_dir(tmp_path)
    folder.mkdir(parents=True)
    (folder / "river.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (folder / ".hidden.svg").write_text("no")
    (folder / "page.html").write_text("no")
    (folder.parent / "article.jpg").write_text("no")
    photo = site.client.get("/sample/photos/river.svg")
    assert (photo.status_code, photo.headers["content-type"]) == (200, "image/svg+xml")
    assert "sandbox" in photo.headers["content-security-policy"]
    for outside in (".hidden.svg", "page.html", "..%2farticle.jpg", "%2e%2e/article.jpg", ""):
        assert site.client.get(f"/sample/photos/{outside}").status_code == 404, outside
