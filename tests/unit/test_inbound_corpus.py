"""A collection of mails that come back, one for each dialect: what is read out of each."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from alerts.inbound.reading.read import read_mail

HERE = Path(__file__).parents[1] / "data" / "inbound"
EXPECTED: dict[str, dict[str, Any]] = tomllib.loads((HERE / "expected.toml").read_text("utf-8"))
OURS = ("alerts@newsroom.example",)


@pytest.mark.parametrize("name", EXPECTED)
def test_each_mail_is_read_as_expected(name: str) -> None:
    expected = EXPECTED[name]
    shown = read_mail((HERE / f"{name}.eml").read_bytes(), ours=OURS).to_json(name)
    assert {key: shown[key] for key in ("kind", "class", "code", "recipients", "command")} == {
        "kind": expected["kind"],
        "class": expected.get("class"),
        "code": expected.get("code"),
        "recipients": expected.get("recipients", []),
        "command": expected.get("command"),
    }


def test_every_mail_of_the_collection_is_expected_to_be_something() -> None:
    assert {path.stem for path in HERE.glob("*.eml")} == set(EXPECTED)
    assert len(EXPECTED) >= 60
    assert {one["kind"] for one in EXPECTED.values()} == {
        *("bounce", "delay", "complaint", "command", "auto-reply", "reply", "unknown"),
    }
