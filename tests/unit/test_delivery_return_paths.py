"""Envelope senders that say which delivery came back, and that nobody else can make."""

import pytest

from alerts.delivery.return_paths import ForgedReturnPath, ReturnPaths

OLD, NEW = "an-old-key-" + "o" * 32, "a-new-key-" + "n" * 32
ADDRESS = "bounces@bounce.example.org"


def test_it_comes_back_as_it_went_whatever_the_case() -> None:
    paths = ReturnPaths((OLD, NEW), ADDRESS)
    made = paths.address(4_711)
    assert made.startswith("bounces+4711.")
    assert made.endswith("@bounce.example.org")
    assert paths.delivery_of(made) == 4_711
    assert paths.delivery_of(f"<{made.upper()}>") == 4_711
    # RFC 5321 section 4.5.3.1.1.
    assert len(paths.address(10**19 - 1).partition("@")[0]) <= 64


def test_a_key_that_was_replaced_still_reads_and_one_that_was_dropped_does_not() -> None:
    made = ReturnPaths((OLD,), ADDRESS).address(7)
    assert ReturnPaths((OLD, NEW), ADDRESS).delivery_of(made) == 7
    assert ReturnPaths((OLD, NEW), ADDRESS).address(7) != made
    with pytest.raises(ForgedReturnPath):
        ReturnPaths((NEW,), ADDRESS).delivery_of(made)


@pytest.mark.parametrize(
    "tag",
    ["8.{check}", "7.{wrong}", "7", "7.", ".{check}", "\uff17.{check}", "7.é", "9" * 40, "+7.x"],
)
def test_what_is_made_like_ours_and_is_not_is_forged(tag: str) -> None:
    paths = ReturnPaths((NEW,), ADDRESS)
    check = paths.address(7).partition(".")[2].partition("@")[0]
    wrong = ("b" if check[0] == "a" else "a") + check[1:]
    with pytest.raises(ForgedReturnPath):
        paths.delivery_of(f"bounces+{tag.format(check=check, wrong=wrong)}@bounce.example.org")


@pytest.mark.parametrize(
    "address",
    ["", "<>", "bounces@bounce.example.org", "alerts@news.example.org", "bounces+7.x@b.c"],
)
def test_other_addresses_are_none_of_its_business(address: str) -> None:
    assert ReturnPaths((NEW,), ADDRESS).delivery_of(address) is None


def test_without_an_address_there_are_none() -> None:
    assert ReturnPaths.of((NEW,), "") is None
