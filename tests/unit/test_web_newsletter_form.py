"""The form of a newsletter: every setting has a field; what is typed becomes a document."""

from importlib.resources import files
from typing import Any, Literal

import pytest
from pydantic.fields import FieldInfo

from alerts.newsletters.definitions import NewsletterDefinition
from alerts.newsletters.mistakes import Mistake
from alerts.newsletters.toml import read_definition
from alerts.web.desk.newsletters.filled import elsewhere, filled, typed
from alerts.web.desk.newsletters.settings import GROUPS, Setting, by_type, groups
from alerts.web.forms import Fields

BUILT_IN = files("alerts.newsletters") / "builtin"


def test_every_setting_of_a_newsletter_has_a_field() -> None:
    shown = {
        one.name.partition(".")[0]
        for each in groups(is_new=True, templates=[])
        for one in each.settings
    }
    assert shown == set(NewsletterDefinition.model_fields)


@pytest.mark.parametrize("name", ["rule", "numbering"])
def test_every_setting_of_its_tables_has_one_too(name: str) -> None:
    table = NewsletterDefinition.model_fields[name].annotation
    assert isinstance(table, type)
    shown = {
        one.name.partition(".")[2]
        for each in GROUPS
        for one in each.settings
        if one.name.startswith(f"{name}.")
    }
    assert shown == set(table.model_fields)


def test_every_setting_has_a_place_and_words_of_its_own() -> None:
    shown = groups(is_new=True, templates=[])
    assert "Further" not in [each.title for each in shown]
    settings = [one for each in shown for one in each.settings]
    for one in settings + [column for each in settings for column in each.columns]:
        bare = [words for value, words in one.options if value and value == words]
        assert bare == [], f"{one.name} shows {bare} by no words of a person"


def test_a_setting_that_has_no_words_yet_is_shown_by_its_type() -> None:
    def kind(annotation: Any) -> str | None:  # noqa: ANN401 - any type there is
        found = by_type("new_one", FieldInfo(annotation=annotation))
        return found.kind if found else None

    assert (kind(bool), kind(str), kind(int | None)) == ("tick", "line", "number")
    assert (kind(Literal["a", "b"]), kind(tuple[str, ...])) == ("choice", "lines")
    assert (kind(dict), kind(tuple[int, ...]), kind(str | int)) == (None, None, None)
    assert by_type("new_one", FieldInfo(annotation=bool)) == Setting("new_one", "New one", "tick")


def posted(pairs: dict[str, str]) -> Fields:
    return Fields(tuple(pairs.items()))


def test_what_the_form_does_not_show_stays_as_it_was() -> None:
    shown = groups(is_new=False, templates=[])
    base = {
        "slug": "x",
        "theme": {"ink": "red"},
        "sections": [{"key": "a", "title": "A", "kind": "cards", "colour": "blue"}],
    }
    fields = {
        "title": "T",
        "sections.0.key": "b",
        "sections.0.title": "B",
        "sections.3.key": "a",
        "sections.3.title": "New A",
        "sections.3.limit": "4",
        "sections.3.place": "0",
        "sections.7.key": "",
        "sections.x.key": "no",
    }
    found = typed(shown, posted(fields), base)
    assert (found["slug"], found["theme"]) == ("x", {"ink": "red"})
    assert found["sections"] == [
        {"colour": "blue", "key": "a", "title": "New A", "kind": "", "limit": 4},
        {"key": "b", "title": "B", "kind": ""},
    ]
    assert base["sections"] == [{"key": "a", "title": "A", "kind": "cards", "colour": "blue"}]


def test_a_mistake_that_has_no_field_is_told_above() -> None:
    definition = read_definition((BUILT_IN / "gp-alert.toml").read_text(), source="x")
    document = definition.model_dump(mode="json")
    mistakes = [
        Mistake(("rule", "regions", 1), "no such region"),
        Mistake(("sections", 0, "colour"), "is not known here"),
        Mistake((), "something of the whole"),
    ]
    shown = filled(groups(is_new=False, templates=["gp-alert"]), document, mistakes)
    problems = {one.name: one.problem for each in shown for one in each.fields if one.problem}
    assert problems["rule.regions"] == "no such region"
    assert "the whole file: something of the whole" in elsewhere(shown, mistakes)
