"""New articles noticed by a worker: a site with listing and feed, polled as beat would have it."""

from collections.abc import Callable, Iterator

import pytest

from alerts.config import Settings
from alerts.embedded_redis import EmbeddedRedis
from alerts.task_queue import CeleryTaskQueue, Queue, Task, celery_for
from tests.data.articles.site import LocalSite, served, title_of
from tests.functional.installation import Installation, wait_for

Install = Callable[..., Installation]

pytestmark = pytest.mark.processes


@pytest.fixture
def site() -> Iterator[LocalSite]:
    with served(LocalSite(pages=50)) as site:
        yield site


def tick(installation: Installation) -> None:
    """Enqueue what beat enqueues once a minute."""
    redis = EmbeddedRedis(Settings(data_dir=installation.folder / "var").data_dir)
    queue = CeleryTaskQueue(celery_for(redis.broker_url), redis_url=redis.url)
    # The worker brings the server up first.
    wait_for(lambda: queue.enqueue(Task.TICK, queue=Queue.PERIODIC))


def articles(installation: Installation) -> list[str]:
    """Return the titles of all articles."""
    return [one["title"] for one in installation.json("article", "list", "--limit", "100")]


def test_a_new_page_is_noticed_and_nothing_is_fetched_twice(
    install: Install, site: LocalSite
) -> None:
    installation = install(fetch_hosts="127.0.0.1")
    feed = installation.json("source", "add", f"{site.url}/", "--every", "1m")
    assert (feed["kind"], feed["url"]) == ("feed", f"{site.url}/feed.xml")
    worker = installation.start("worker")

    tick(installation)
    wait_for(lambda: len(articles(installation)) == 50)
    wait_for(lambda: all(one["last_success_at"] for one in installation.json("source", "list")))
    assert site.count("view_cir_articles") == 50
    listing = installation.json(
        "source", "add", f"{site.url}/list.php", "--kind", "listing", "--every", "1m"
    )
    tick(installation)
    wait_for(lambda: all(one["last_success_at"] for one in installation.json("source", "list")))
    # What the feed brought in is not fetched again for the listing.
    assert site.count("view_cir_articles") == 50

    # By hand, for the tick would find nothing due before the interval is over.
    site.asked.clear()
    second = installation.json("source", "poll")
    assert [len(poll["added"]) for poll in second] == [0, 0]
    assert site.asked == ["/feed.xml", "/list.php"]

    site.pages = 51
    site.asked.clear()
    third = installation.json("source", "poll", str(listing["id"]))
    assert [article["title"] for article in third["added"]] == [title_of(51)]
    assert len(site.asked) == 2
    installation.kill(worker)


def test_a_source_is_paused_resumed_and_removed(install: Install, site: LocalSite) -> None:
    installation = install(fetch_hosts="127.0.0.1")
    number = str(installation.json("source", "add", f"{site.url}/list.php")["id"])
    assert installation.json("source", "pause", number)["state"] == "paused"
    assert installation.json("source", "poll") == []
    assert installation.json("source", "resume", number)["state"] == "active"
    assert len(installation.json("source", "poll", number)["added"]) == 50
    shown = installation.json("source", "show", number)
    assert (shown["kind"], shown["articles"], shown["refused"]) == ("listing", 50, 0)
    installation.run("source", "remove", number)
    assert installation.json("source", "list") == []
    assert len(articles(installation)) == 50


def test_a_wrong_source_is_refused_in_one_line(install: Install, site: LocalSite) -> None:
    installation = install()
    # Nobody allowed this host.
    installation.run("source", "add", f"{site.url}/", status=1)
    installation.run("source", "add", "file:///etc", status=1)
    installation.run("source", "add", f"{site.url}/", "--kind", "feed", "--every", "5s", status=1)
    installation.run("source", "poll", "7", status=1)
    assert installation.json("status")["failing_sources"] == []


def test_a_correction_is_shown_and_a_withdrawal_leaves_the_draft(
    install: Install, site: LocalSite
) -> None:
    installation = install(fetch_hosts="127.0.0.1")
    page = f"{site.url}/view_cir_articles.php?recordNo=3"
    (article,) = installation.json("article", "add", page)["added"]
    site.corrected[3] = "The number of cranes was wrong. "
    installation.run("article", "add", page)
    number = str(article["id"])
    changes = installation.json("article", "diff", number)
    assert "number of cranes was wrong." in changes["text"][0]["added"]
    assert installation.json("article", "show", number, "--revisions")["revision"] == 2

    other = installation.json("article", "add", page.replace("=3", "=4"))["added"][0]["id"]
    issue = installation.run(
        "issue", "draft", "gp-alert", "--article", number, "--article", str(other)
    ).strip()
    installation.run("issue", "approve", issue)
    installation.run("article", "withdraw", number, "--reason", "its authors asked")
    shown = installation.json("issue", "show", issue)
    assert shown["state"] == "draft"
    assert [item["id"] for item in shown["articles"]] == [other]
    assert "its authors asked" in installation.json("status")["attention"][0]["reason"]
    installation.run("article", "reinstate", number)
