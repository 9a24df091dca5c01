"""Posted forms as the pages see them: the one-click request in all its spellings, and no other."""

import time

import pytest

from alerts.web.forms import LARGEST_FORM, Fields

BUTTON = (("button", "leave"),)


@pytest.mark.parametrize(
    ("body", "is_one_click"),
    [
        (b"List-Unsubscribe=One-Click", True),
        (b"list-unsubscribe=one-click", True),
        (b"List-Unsubscribe = One-Click", True),
        (b"List-Unsubscribe: One-Click", True),
        (b'form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--', True),
        (b'form-data; name="List-Unsubscribe"\n\nOne-Click', True),
        (b"button=leave&undo_token=", False),
        (b"List-Unsubscribe=Two-Clicks", False),
        (b"", False),
    ],
)
def test_what_is_a_one_click_request(body: bytes, is_one_click: bool) -> None:
    assert Fields(BUTTON, body).is_one_click is is_one_click


@pytest.mark.parametrize("filling", [b"\n", b"\r\n\r\n", b" ", b"\t", b'"', b"=", b":"])
def test_no_form_keeps_the_pages_busy(filling: bytes) -> None:
    body = b"button=leave&List-Unsubscribe" + filling * LARGEST_FORM
    began = time.process_time()
    assert not Fields(BUTTON, body[:LARGEST_FORM]).is_one_click
    # It took eleven seconds where every way to part the line feeds was tried.
    assert time.process_time() - began < 1
