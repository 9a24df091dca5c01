"""What is posted goes to the public web and to hosts that are named, and nowhere else inside."""

import pytest

from alerts.articles.fetching.answers import FetchFailed
from alerts.articles.fetching.posting import post
from tests.data.operations.web_server import web_server

TAKEN: tuple[int, dict[str, str], bytes] = (204, {}, b"")


def test_a_call_reaches_a_host_that_is_named() -> None:
    with web_server({"/hook": TAKEN}) as (url, asked):
        # The test's server is inside, and on a port that is no web server's.
        assert post(f"{url}/hook", b"{}", {}, allowed_hosts=("localhost",)) == 204
    assert asked == [("POST", "/hook")]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000/hook",
        "http://localhost/hook",
        "http://[::1]:8000/hook",
        "http://[::ffff:127.0.0.1]:8000/hook",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/hook",
        "http://0.0.0.0:8000/hook",
        "http://2130706433:8000/hook",
    ],
)
def test_nothing_inside_is_posted_to(url: str) -> None:
    with pytest.raises(FetchFailed, match=r"inside this network|no host|only https"):
        post(url, b"{}", {})


def test_a_name_that_leads_inside_is_not_posted_to() -> None:
    with pytest.raises(FetchFailed, match="inside this network"):
        post("https://hooks.example.org/1", b"{}", {}, look_up=lambda *_: ["192.168.1.1"])


@pytest.mark.parametrize("url", ["ftp://example.org/", "https://user:pass@example.org/", "x"])
def test_what_is_no_web_address_is_not_posted_to(url: str) -> None:
    with pytest.raises(FetchFailed, match=r"is needed|is not fetched"):
        post(url, b"{}", {})


def test_a_redirect_is_not_followed() -> None:
    inside = (307, {"Location": "http://127.0.0.1:8000/secret"}, b"")
    with (
        web_server({"/hook": inside}) as (url, asked),
        pytest.raises(FetchFailed, match="the server answered 307"),
    ):
        post(f"{url}/hook", b"{}", {}, allowed_hosts=("localhost",))
    assert len(asked) == 1
