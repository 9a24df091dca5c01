"""What may be fetched, and what a server's answers mean."""

from datetime import UTC, datetime, timedelta

import pytest

from alerts.articles.fetching.answers import FetchFailed, failure_of, wait_of
from alerts.articles.fetching.guard import check_url, is_inside
from alerts.articles.fetching.pacing import OwnPace
from alerts.articles.fetching.robots import Robots

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.9.1", "0.0.0.1", "10.0.0.8", "172.16.3.4", "192.168.1.1"),
        *("169.254.169.254", "100.64.0.1", "192.0.2.7", "224.0.0.1", "240.0.0.1"),
        "255.255.255.255",
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "fec0::1", "ff02::1"),
        "2001:db8::1",
        # The same addresses of IPv4, written into IPv6 in every way there is.
        *("::ffff:127.0.0.1", "::ffff:10.0.0.8", "::127.0.0.1", "::169.254.169.254"),
        *("2002:7f00:1::", "2002:a9fe:a9fe::1", "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.8"),
        *("64:ff9b:1::808:808", "2001:0:0a00:1::f5ff:fffe"),
    ],
)
def test_no_address_inside_passes(address: str) -> None:
    assert is_inside(address)


@pytest.mark.parametrize(
    "address",
    [*("93.184.215.14", "1.1.1.1", "2606:4700::1111", "64:ff9b::1.1.1.1", "::ffff:1.1.1.1")],
)
def test_the_public_web_passes(address: str) -> None:
    assert not is_inside(address)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:///etc/passwd", "no web address"),
        ("ftp://newsroom.example.org/", "no web address"),
        ("data:text/html,hello", "no web address"),
        ("gopher://example.org:70/", "no web address"),
        ("javascript:alert(1)", "no web address"),
        ("https://", "no web address"),
        ("//example.org/x", "no web address"),
        ("http://[::1", "no web address"),
        ("http://example.org:99999/", "no web address"),
        (f"http://example.org/{'a' * 3000}", "no web address"),
        ("http://admin:secret@example.org/", "name or password"),
        ("http://example.org@127.0.0.1/", "name or password"),
        ("http://example.org:25/", "port 25"),
        ("http://example.org:6379/", "port 6379"),
    ],
)
def test_what_is_no_web_address_is_refused_in_a_line(url: str, reason: str) -> None:
    with pytest.raises(FetchFailed, match=reason) as refused:
        check_url(url, ())
    assert refused.value.permanent
    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("port", ["", ":80", ":443", ":8080"])
def test_a_web_server_may_stand_on_its_usual_ports(port: str) -> None:
    check_url(f"https://example.org{port}/view.php?recordNo=1", ())


def test_a_host_that_the_operator_names_may_have_any_port() -> None:
    check_url("http://intranet:5000/", {"intranet"})


@pytest.mark.parametrize(
    ("field", "wait"),
    [
        ("120", timedelta(minutes=2)),
        (" 7 ", timedelta(seconds=7)),
        ("Mon, 23 Nov 2026 12:05:00 GMT", timedelta(minutes=5)),
        ("Mon, 23 Nov 2026 11:05:00 GMT", timedelta()),
        ("Mon, 23 Nov 2026 12:05:00 -0000", timedelta(minutes=5)),
        ("999999999999999", timedelta(days=1)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", timedelta(days=1)),
        ("-5", None),
        ("soon", None),
        ("٣", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_in_both_forms(field: str | None, wait: timedelta | None) -> None:
    assert wait_of(field, now=NOW) == wait


@pytest.mark.parametrize(
    ("status", "gone", "permanent"),
    [
        *((404, True, True), (410, True, True), (403, False, True), (451, False, True)),
        *((429, False, False), (500, False, False), (503, False, False)),
    ],
)
def test_an_answer_says_whether_to_ask_again(status: int, gone: bool, permanent: bool) -> None:
    failure = failure_of(status, "60", now=NOW)
    assert (failure.gone, failure.permanent) == (gone, permanent)
    assert failure.retry_after == (None if permanent else timedelta(minutes=1))


def test_each_host_has_a_pace_of_its_own() -> None:
    slept: list[float] = []
    clock = [100.0]

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += seconds

    pace = OwnPace(lambda: clock[0], sleep)
    for host in ("a", "b", "a", "a"):
        pace.wait(host, 2.0)
    clock[0] += 10
    pace.wait("a", 2.0)

    assert slept == [2.0, 2.0]


class Files:
    """Serves robots.txt files, or failures, and counts how often."""

    def __init__(self, *answers: bytes | FetchFailed) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def get(self, url: str, most: int) -> bytes:
        assert most == 500 * 1024
        self.asked.append(url)
        answer = self.answers.pop(0)
        if isinstance(answer, FetchFailed):
            raise answer
        return answer


RULES = b"User-agent: *\nDisallow: /\n\nUser-agent: GP-Alerts\nCrawl-delay: 3\nDisallow: /admin/\n"


def test_a_sites_rules_are_kept_for_hours() -> None:
    files, clock = Files(RULES, b""), [0.0]
    robots = Robots(files.get, lambda: clock[0])

    robots.check("https://example.org/view.php?recordNo=1")
    with pytest.raises(FetchFailed, match=r"robots\.txt asks not to") as refused:
        robots.check("https://example.org/admin/x")
    assert refused.value.permanent
    assert robots.delay("https://example.org/") == 3.0
    clock[0] += 7 * 3600
    robots.check("https://example.org/admin/x")

    assert files.asked == ["https://example.org/robots.txt"] * 2


def test_without_a_file_everything_may_be_fetched() -> None:
    Robots(Files(failure_of(404, None, now=NOW)).get).check("https://example.org/x")


def test_a_site_in_trouble_is_left_alone_for_a_while() -> None:
    files, clock = Files(failure_of(503, None, now=NOW), b""), [0.0]
    robots = Robots(files.get, lambda: clock[0])

    for _ in range(2):
        with pytest.raises(FetchFailed, match=r"left alone until its robots\.txt") as refused:
            robots.check("https://example.org/x")
        assert not refused.value.permanent
    clock[0] += 400
    robots.check("https://example.org/x")

    assert len(files.asked) == 2


def test_a_robots_file_that_leads_inside_is_no_permission() -> None:
    inside = FetchFailed("example.org is inside this network (10.0.0.1)", permanent=True)
    with pytest.raises(FetchFailed, match="inside this network"):
        Robots(Files(inside).get).check("https://example.org/x")


@pytest.mark.parametrize("junk", [b"\xff\xfe\0\0", b"Disallow" * 50_000, b"\0" * 1000])
def test_a_robots_file_of_junk_forbids_nothing(junk: bytes) -> None:
    Robots(Files(junk).get).check("https://example.org/x")
