"""The port to DNS against a real name server: what is there, what is not, what was not asked."""

import pytest

from alerts.operations.doctor.names import CouldNotAsk, DnsNames, NoSuchName, asked
from tests.data.operations.name_server import SILENT, zone_of

QUICK = 1.0


def test_each_kind_of_record_is_read() -> None:
    long = "v=DKIM1; p=" + "A" * 400
    zone = zone_of(
        {
            ("example.org", "TXT"): ["v=spf1 -all", long],
            ("example.org", "MX"): ["20 b.example.org.", "10 A.example.org."],
            ("a.example.org", "A"): "192.0.2.1",
            ("a.example.org", "AAAA"): "2001:db8::1",
            ("1.2.0.192.in-addr.arpa", "PTR"): "A.example.org.",
            ("nothing.example.org", "MX"): "0 .",
        }
    )
    with zone.served() as server:
        names = DnsNames(server)
        assert sorted(names.texts("example.org")) == sorted(["v=spf1 -all", long])
        assert names.exchangers("example.org") == [(10, "a.example.org"), (20, "b.example.org")]
        assert names.exchangers("nothing.example.org") == [(0, ".")]
        assert names.addresses("A.EXAMPLE.org.") == ["192.0.2.1", "2001:db8::1"]
        assert names.pointers("192.0.2.1") == ["a.example.org"]
        assert names.pointers("192.0.2.2") == []


def test_a_long_answer_is_fetched_over_tcp() -> None:
    zone = zone_of({("example.org", "TXT"): [f"{number}:" + "x" * 500 for number in range(9)]})
    with zone.served() as server:
        assert len(DnsNames(server).texts("example.org")) == 9
    assert [way for _, _, way in zone.asked] == ["udp", "tcp"]


def test_a_name_without_the_record_is_told_from_no_name() -> None:
    with zone_of({("a.example.org", "A"): "192.0.2.1"}).served() as server:
        names = DnsNames(server)
        assert names.texts("a.example.org") == []
        with pytest.raises(NoSuchName, match=r"b\.example\.org does not exist"):
            names.texts("b.example.org")
        assert asked(names.texts, "b.example.org") == []


@pytest.mark.parametrize("name", ["x" * 64 + ".example.org", "a..b", "a." * 130, "x\x00y.org"])
def test_what_can_be_no_name_does_not_exist(name: str) -> None:
    with zone_of({}).served() as server, pytest.raises(NoSuchName):
        DnsNames(server).texts(name)


@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED"])
def test_a_server_that_cannot_help_says_nothing_of_the_name(rcode: str) -> None:
    zone = zone_of({})
    zone.troubles["*"] = rcode
    with zone.served() as server, pytest.raises(CouldNotAsk, match=rcode):
        DnsNames(server, seconds=QUICK).texts("example.org")


def test_silence_is_told_and_not_waited_for_often() -> None:
    zone = zone_of({("here.example.org", "A"): "192.0.2.1"})
    zone.troubles["*"] = SILENT
    with zone.served() as server:
        names = DnsNames(server, seconds=QUICK)
        for number in range(2):
            with pytest.raises(CouldNotAsk, match="no answer from DNS within"):
                names.texts(f"{number}.example.org")
        zone.troubles.clear()
        with pytest.raises(CouldNotAsk, match="answered before"):
            names.texts("here.example.org")


def test_one_silent_name_does_not_end_the_questions() -> None:
    zone = zone_of({("here.example.org", "A"): "192.0.2.1"})
    zone.troubles["gone.example.org"] = SILENT
    with zone.served() as server:
        names = DnsNames(server, seconds=QUICK)
        for _ in range(3):
            with pytest.raises(CouldNotAsk):
                names.texts("gone.example.org")
        assert names.addresses("here.example.org") == ["192.0.2.1"]
    assert {name for name, _, _ in zone.asked} == {"gone.example.org", "here.example.org"}


def test_nobody_at_the_address_is_no_way_to_a_server() -> None:
    with zone_of({}).served() as server:
        pass
    with pytest.raises(CouldNotAsk, match=r"no way to a name server|no answer from DNS"):
        DnsNames(server, seconds=QUICK).texts("example.org")


def test_an_answer_is_kept() -> None:
    zone = zone_of({("example.org", "TXT"): "v=spf1 -all"})
    with zone.served() as server:
        names = DnsNames(server)
        for name in ("example.org", "EXAMPLE.org", "example.org."):
            assert names.texts(name) == ["v=spf1 -all"]
    assert len(zone.asked) == 1
