"""The pictures of the documentation: each that is named is there, and none lies there unnamed."""

import re

from tests.conftest import REPOSITORY

PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
_NAMED = re.compile(r"!\[([^\]]*)\]\((?:docs/)?pictures/([\w-]+)\.png\)")


def test_every_picture_that_is_named_is_there_and_back() -> None:
    named = {name for page in PAGES for _, name in _NAMED.findall(page.read_text())}
    there = {path.stem for path in (REPOSITORY / "docs" / "pictures").iterdir()}
    assert named == there


def test_every_picture_is_taken_by_the_browser_tests() -> None:
    source = (REPOSITORY / "tests" / "browser" / "test_pictures.py").read_text()
    taken = set(re.findall(r'camera\.take\(\w+, "([\w-]+)"', source))
    assert taken == {path.stem for path in (REPOSITORY / "docs" / "pictures").iterdir()}


def test_every_picture_says_in_words_what_it_shows() -> None:
    for page in PAGES:
        for words, name in _NAMED.findall(page.read_text()):
            assert len(words) > 10, f"{page.name}: {name}"
