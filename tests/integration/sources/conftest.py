"""A newsroom's site, served on this machine, that sources are polled from."""

from collections.abc import Iterator

import pytest

from tests.data.articles.site import LocalSite, served


@pytest.fixture
def site() -> Iterator[LocalSite]:
    with served(LocalSite()) as site:
        yield site
