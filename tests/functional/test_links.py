"""Links of a draft looked at by a worker: asked for by a command, found in its next answer."""

from collections.abc import Callable, Iterator

import pytest

from alerts.config import Settings
from alerts.embedded_redis import EmbeddedRedis
from alerts.task_queue import CeleryTaskQueue, Queue, Task, celery_for
from tests.data.articles.site import LocalSite, served
from tests.functional.installation import Installation, wait_for

pytestmark = pytest.mark.processes


@pytest.fixture
def site() -> Iterator[LocalSite]:
    with served(LocalSite(pages=3)) as site:
        yield site


def rules(installation: Installation, issue: str) -> dict[str, str]:
    """Return what the lint finds, by rule, with what each is about."""
    found = installation.json("issue", "lint", issue)
    return {one["rule"]: one["about"] for one in found}


def test_a_page_that_went_away_is_a_dead_link_in_the_draft(
    install: Callable[..., Installation], site: LocalSite
) -> None:
    installation = install(fetch_hosts="127.0.0.1")
    pages = [f"{site.url}/view_cir_articles.php?recordNo={number}" for number in (1, 2)]
    installation.run("article", "add", *pages)
    issue = installation.run("issue", "draft", "gp-alert").strip()
    site.gone.add(2)
    assert "link-dead" not in rules(installation, issue)

    worker = installation.start("worker")
    redis = EmbeddedRedis(Settings(data_dir=installation.folder / "var").data_dir)
    queue = CeleryTaskQueue(celery_for(redis.broker_url), redis_url=redis.url)
    wait_for(lambda: queue.enqueue(Task.CHECK_LINKS, 1, queue=Queue.PREPARATION))
    wait_for(lambda: "link-dead" in rules(installation, issue))
    assert rules(installation, issue)["link-dead"] == pages[1]
    # Dead is a warning: whoever knows better may still approve.
    installation.run("issue", "approve", issue)
    installation.kill(worker)
