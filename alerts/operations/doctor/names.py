"""The port to DNS: what a name has, has not, or could not be asked for."""

import socket
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver
import dns.reversename
from typing_extensions import override

from alerts.operations.doctor.findings import shown

T = TypeVar("T")
_QUESTION_SECONDS = 5.0
_TRY_SECONDS = 2.0
_SILENCES = 2


class CouldNotAsk(Exception):
    """DNS gave no answer: no network, no name server, a time-out, or SERVFAIL; the text says which.

    It says nothing about the name.
    """


class NoSuchName(Exception):
    """There is no such name at all (NXDOMAIN), or it can be none."""


class Names(Protocol):
    """Asks DNS. Each question returns an empty answer where the name has no such record.

    All raise `NoSuchName` and `CouldNotAsk`.
    """

    def texts(self, name: str) -> Sequence[str]:
        """Return the TXT records, the strings of each put together."""
        ...

    def addresses(self, name: str) -> Sequence[str]:
        """Return the IPv4 and IPv6 addresses."""
        ...

    def exchangers(self, name: str) -> Sequence[tuple[int, str]]:
        """Return the MX records: preference and host, the best first; "." takes no mail."""
        ...

    def pointers(self, address: str) -> Sequence[str]:
        """Return the names that an IP address has (PTR)."""
        ...


class DnsNames(Names):
    """Asks a name server: the one given, else those the system is set to.

    Answers are kept. After two questions in a row that met with silence the others are not asked:
    without a network each would take seconds.
    """

    def __init__(
        self, server: tuple[str, int] | None = None, *, seconds: float = _QUESTION_SECONDS
    ) -> None:
        self._server = server
        self._seconds = seconds
        self._made: dns.resolver.Resolver | None = None
        self._kept: dict[tuple[str, str], list[dns.rdata.Rdata] | Exception] = {}
        self._silences = 0

    @override
    def texts(self, name: str) -> Sequence[str]:
        return [
            b"".join(record.strings).decode("utf-8", "replace")  # type: ignore[attr-defined]  # TXT has them
            for record in self._ask(name, "TXT")
        ]

    @override
    def addresses(self, name: str) -> Sequence[str]:
        return [
            record.address  # type: ignore[attr-defined]  # A and AAAA have it
            for kind in ("A", "AAAA")
            for record in self._ask(name, kind)
        ]

    @override
    def exchangers(self, name: str) -> Sequence[tuple[int, str]]:
        return sorted(
            (record.preference, _plain(record.exchange))  # type: ignore[attr-defined]  # MX has them
            for record in self._ask(name, "MX")
        )

    @override
    def pointers(self, address: str) -> Sequence[str]:
        try:
            records = self._ask(dns.reversename.from_address(address).to_text(), "PTR")
        except NoSuchName:
            return []
        return [_plain(record.target) for record in records]  # type: ignore[attr-defined]  # PTR has it

    def _ask(self, name: str, kind: str) -> list[dns.rdata.Rdata]:
        key = (name.lower().rstrip("."), kind)
        if key not in self._kept:
            try:
                self._kept[key] = self._question(name, kind)
            except (CouldNotAsk, NoSuchName) as error:
                self._kept[key] = error
        kept = self._kept[key]
        if isinstance(kept, Exception):
            raise kept
        return kept

    def _question(self, name: str, kind: str) -> list[dns.rdata.Rdata]:
        if self._silences >= _SILENCES:
            raise CouldNotAsk("no name server answered before")
        try:
            asked = dns.name.from_text(name.rstrip(".") + ".")
        except (dns.exception.DNSException, UnicodeError) as error:
            raise NoSuchName(f"{shown(name)} is no name in DNS") from error
        try:
            answer = self._resolver().resolve(asked, kind, search=False, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN as error:
            self._silences = 0
            raise NoSuchName(f"{shown(name)} does not exist") from error
        except dns.resolver.LifetimeTimeout as error:
            self._silences += 1
            raise CouldNotAsk(f"no answer from DNS within {self._seconds:g} seconds") from error
        except dns.resolver.NoNameservers as error:
            raise CouldNotAsk(self._told(error)) from error
        except dns.resolver.NoResolverConfiguration as error:
            raise CouldNotAsk("this machine has no name server set") from error
        except (dns.exception.DNSException, OSError) as error:
            raise CouldNotAsk(shown(error)) from error
        self._silences = 0
        return list(answer.rrset or ())

    def _told(self, error: dns.resolver.NoNameservers) -> str:
        """Return in words why no server could help: none reached, or all that were refused."""
        reasons = [entry[3] for entry in error.kwargs.get("errors", ())]
        if reasons and all(isinstance(reason, OSError) for reason in reasons):
            self._silences += 1
            return f"no way to a name server ({shown(reasons[-1])})"
        return f"the name server answered {shown(reasons[-1] if reasons else 'nothing of use')}"

    def _resolver(self) -> dns.resolver.Resolver:
        if self._made is None:
            self._made = dns.resolver.Resolver(configure=self._server is None)
            if self._server is not None:
                self._made.nameservers = [self._server[0]]
                self._made.port = self._server[1]
            self._made.lifetime = self._seconds
            self._made.timeout = min(_TRY_SECONDS, self._seconds)
        return self._made


def system_addresses(host: str) -> Sequence[str]:
    """Return a host's addresses as this machine finds them, its own tables included."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))


def asked(question: Callable[[str], Sequence[T]], name: str) -> Sequence[T]:
    """Ask, taking a name that does not exist for one without such a record."""
    try:
        return question(name)
    except NoSuchName:
        return []


def _plain(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower() or "."
