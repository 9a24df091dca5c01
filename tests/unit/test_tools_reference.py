"""The reference in the documentation is whole: nothing that the program has is missing from it."""

import re
from pathlib import Path

import pytest
import yaml

from alerts.config import Settings
from tests.conftest import REPOSITORY
from tools.reference import (
    PAGES,
    api_page,
    commands,
    commands_page,
    meaning_of,
    openapi,
    settings_page,
    write,
)


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_explained(name: str) -> None:
    assert meaning_of(name), "say in the docstring of the settings, as `name`, what it means"
    assert f"| `ALERTS_{name.upper()}` |" in settings_page()


def test_no_default_of_a_setting_shows_this_machine(tmp_path: Path) -> None:
    assert str(REPOSITORY) not in settings_page()
    assert str(tmp_path) not in settings_page()


def test_every_command_and_option_is_there() -> None:
    page = commands_page()
    found = dict(commands())
    assert {"up", "doctor", "issue send", "alarm silence", "inbound serve"} <= set(found)
    for words, command in found.items():
        part = page.partition(f"## `alerts {words}`")[2].partition("\n## ")[0]
        assert command.help, f"alerts {words} says nothing of itself"
        for parameter in command.params:
            if parameter.name != "help":
                [*names] = parameter.opts if parameter.param_type_name == "option" else []
                assert all(f"`{name}`" in part for name in names), f"{words}: {names}"


def test_every_call_of_the_api_is_there() -> None:
    page = api_page()
    for path, calls in openapi()["paths"].items():
        for method in calls:
            assert f"## `{method.upper()} /api{path}`" in page


def test_no_table_is_broken_by_what_stands_in_it(tmp_path: Path) -> None:
    write(tmp_path)
    for name in PAGES:
        rows = [line for line in (tmp_path / name).read_text().splitlines() if line[:1] == "|"]
        for row in rows:
            assert row.endswith("|"), row
            columns = len(re.findall(r"(?<!\\)\|", row)) - 1
            assert columns in {2, 3, 4}, row


def test_the_site_fetches_nothing_from_elsewhere() -> None:
    site = yaml.safe_load((REPOSITORY / "mkdocs.yml").read_text())
    assert site["theme"]["font"] is False
    assert "http" not in str({name: site.get(name) for name in ("extra_css", "extra_javascript")})
