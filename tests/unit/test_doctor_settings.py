"""The settings that the doctor alone reads."""

import pytest

from alerts.config import host_and_port, load_settings
from alerts.errors import Invalid


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("192.0.2.53", ("192.0.2.53", 53)),
        ("192.0.2.53:5353", ("192.0.2.53", 5353)),
        ("2001:db8::53", ("2001:db8::53", 53)),
        ("[2001:db8::53]", ("2001:db8::53", 53)),
        ("[2001:db8::53]:5353", ("2001:db8::53", 5353)),
    ],
)
def test_a_name_servers_address(text: str, read: tuple[str, int]) -> None:
    assert host_and_port(text) == read


@pytest.mark.parametrize(
    "text", ["dns.example.org", ":53", "192.0.2.53:", "192.0.2.53:0", "192.0.2.53:65536", "x:y:z"]
)
def test_no_address_of_a_name_server(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERTS_DNS_SERVER", text)
    with pytest.raises(Invalid, match=r"ALERTS_DNS_SERVER.*IP address of a name server"):
        load_settings()


def test_sending_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERTS_SENDING_ADDRESSES", "192.0.2.25 2001:DB8::25")
    assert load_settings().sending_addresses == ("192.0.2.25", "2001:db8::25")
    monkeypatch.setenv("ALERTS_SENDING_ADDRESSES", "mail.example.org")
    with pytest.raises(Invalid, match=r"ALERTS_SENDING_ADDRESSES.*192\.0\.2\.25"):
        load_settings()
