import csv
from collections import Counter
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import available_timezones

import pytest

import alerts.newsletters
from alerts.articles.gazetteer import region_of_country
from alerts.articles.placing import place
from alerts.articles.reading.header import dates_in
from alerts.articles.reading.read import read_html, read_text
from alerts.articles.reading.record import ReadArticle
from alerts.regions import REGIONS, find_region
from alerts.sample import newsroom
from alerts.sample.newsroom import (
    PHOTOS,
    SampleArticle,
    load_manifest,
    write_pages,
    write_subscribers,
)
from alerts.subscribers.models import Frequency

BASE_URL = "http://127.0.0.1:8000"
PAGES = Path(newsroom.__file__).parent / "pages"
TODAY = date(2026, 11, 23)
ARTICLES = load_manifest().articles
NEWSLETTERS = {
    path.stem for path in (Path(alerts.newsletters.__file__).parent / "builtin").glob("*.toml")
}
# Any day will do; these are where months and years are short, long or new.
DAYS = [TODAY, date(2027, 1, 1), date(2028, 2, 29), date(2027, 3, 1), date(2030, 12, 31)]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("newsroom")
    return {path.name: path for path in write_pages(folder, today=TODAY, base_url=BASE_URL)}


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    path = tmp_path_factory.mktemp("readers") / "subscribers.csv"
    count = write_subscribers(path)
    with path.open(encoding="utf-8", newline="") as rows:
        found = list(csv.DictReader(rows))
    assert len(found) == count
    return found


def read_page(path: Path) -> ReadArticle:
    if path.suffix == ".html":
        return read_html(path.read_bytes(), url=None, source=path.name)
    return read_text(path.read_text(encoding="utf-8"), source=path.name)


def listed(text: str) -> list[str]:
    return [piece for piece in text.split(";") if piece]


def test_manifest_and_pages_are_the_same_files() -> None:
    files = [article.file for article in ARTICLES]
    assert len(files) == len(set(files)) == 30
    assert set(files) == {path.name for path in PAGES.iterdir()}


def test_each_shape_is_in_use_and_fits_its_file() -> None:
    shapes = Counter(article.shape for article in ARTICLES)
    assert set(shapes) == {"site", "table", "copy", "debris"}
    for article in ARTICLES:
        assert article.file.endswith(".html") == (article.shape in {"site", "table"})


def test_addresses_differ_and_the_oldest_article_comes_first() -> None:
    assert len({article.url for article in ARTICLES}) == len(ARTICLES)
    assert all(one.days_ago >= next_.days_ago for one, next_ in pairwise(ARTICLES))
    assert ARTICLES[0].days_ago <= 21


@pytest.mark.parametrize("today", DAYS, ids=str)
def test_pages_print_their_day_and_none_that_is_still_to_come(today: date, tmp_path: Path) -> None:
    for path, article in zip(
        write_pages(tmp_path, today=today, base_url=BASE_URL), ARTICLES, strict=True
    ):
        text = path.read_text(encoding="utf-8")
        own = today - timedelta(days=article.days_ago)
        assert f"{own.day} {own:%B %Y}" in text
        assert max(dates_in(text)) == own, f"{article.file} names a day after its own"
        assert "{{" not in text


@pytest.mark.parametrize("article", ARTICLES, ids=lambda article: article.file)
def test_a_page_reads_back_as_the_manifest_has_it(
    article: SampleArticle, written: dict[str, Path]
) -> None:
    page = read_page(written[article.file])

    assert page.title == article.title
    assert page.series == article.series
    assert page.published_on == TODAY - timedelta(days=article.days_ago)
    assert page.photo.credit == article.credit
    assert page.flags == ()
    assert page.team == article.team
    if article.authors:
        assert [(a.name, a.about) for a in page.authors] == [
            (author.name, author.about) for author in article.authors
        ]
    assert page.url == (article.url if article.shape in {"site", "table"} else None)
    photo = article.photo
    assert page.photo.url == (photo and f"{BASE_URL}/sample/photos/{photo.file}")
    assert page.photo.alt == (photo and photo.alt)


def test_roundups_come_apart_into_signed_parts(written: dict[str, Path]) -> None:
    weekly = read_page(written["africa-weekly-85-86.html"])
    assert (weekly.number, weekly.volume, weekly.volume_number) == ("85-86", "2", "39-40")
    assert [part.in_focus for part in weekly.parts] == [True, False, False, False]
    assert all(part.authors for part in weekly.parts)
    assert all(author.about for author in weekly.authors)
    assert len(read_page(written["week-in-three-places.html"]).parts) == 3


def test_there_is_enough_for_an_issue_about_africa(written: dict[str, Path]) -> None:
    recent, countries, essays = 0, set(), []
    for article in ARTICLES:
        page = read_page(written[article.file])
        found = place(page.title, page.body_text, series=page.series)
        if "africa" in found.regions:
            recent += article.days_ago <= 7
            countries |= {code for code in found.countries if region_of_country(code)}
            essays.append((page.words, article.file))
    assert recent >= 5
    assert len(essays) >= 14
    assert max(essays)[1] == "kariba-at-the-edge.html"
    regions = {region_of_country(code) for code in countries}
    assert {slug for slug, region in REGIONS.items() if region.parent == "africa"} <= regions


def test_photos_are_small_and_all_in_use() -> None:
    used = [article.photo.file for article in ARTICLES if article.photo]
    assert sorted(used) == sorted(path.name for path in PHOTOS.iterdir())
    assert all(path.stat().st_size < 40_000 for path in PHOTOS.iterdir())


def test_readers_live_at_addresses_nobody_can_have(readers: list[dict[str, str]]) -> None:
    assert len({row["email"].casefold() for row in readers}) == len(readers) == 200
    reserved = {"example.org", "example.net", "example.com"}
    for row in readers:
        host, _, domain = row["email"].partition("@")[2].partition(".")
        assert host
        assert domain in reserved


def test_readers_wish_for_what_there_is(readers: list[dict[str, str]]) -> None:
    zones = available_timezones()
    for row in readers:
        assert set(listed(row["newsletters"])) <= NEWSLETTERS
        assert row["newsletters"]
        assert all(find_region(name).name == name for name in listed(row["regions"]))
        assert row["frequency"] in {"", *Frequency}
        assert row["time_zone"] in {"", *zones}
    assert Counter(row["status"] for row in readers) == {"confirmed": 188, "unconfirmed": 12}


def test_each_newsletter_has_readers_of_its_own(readers: list[dict[str, str]]) -> None:
    wishes = Counter(row["newsletters"] for row in readers)
    assert len(wishes) == 3
    assert min(wishes.values()) >= 30
    assert sum(not row["frequency"] for row in readers) >= 140
    assert sum(not row["regions"] for row in readers) >= 80
