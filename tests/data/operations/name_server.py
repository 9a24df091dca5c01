"""A name server of a test's own, on UDP and TCP of the loopback, that knows what it is told."""

import socketserver
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
from typing_extensions import override

from alerts.operations.doctor.names import DnsNames

_MOST_UDP = 1_232
SILENT = "silent"


@dataclass
class Zone:
    """Records by name and type; `troubles` are names with an RCODE in words, or `SILENT`."""

    records: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    troubles: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, name: str, kind: str, *values: str) -> None:
        """Give a name records; texts of TXT are put in quotation marks in pieces of 255."""
        if kind == "TXT":
            values = tuple(_quoted(value) for value in values)
        self.records.setdefault((name.lower(), kind), []).extend(values)

    def answer(self, query: dns.message.Message, way: str) -> dns.message.Message | None:
        """Return the answer to a query, or None for silence."""
        [question] = query.question
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind, way))
        trouble = self.troubles.get(name) or self.troubles.get("*")
        if trouble == SILENT:
            return None
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if trouble:
            response.set_rcode(dns.rcode.from_text(trouble))
        elif found := self.records.get((name, kind)):
            response.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", kind, found))
        elif not any(known == name or known.endswith(f".{name}") for known, _ in self.records):
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response

    @contextmanager
    def served(self) -> Iterator[tuple[str, int]]:
        """Answer on a free port; yield the address."""
        with (
            _Tcp(("127.0.0.1", 0), _TcpHandler) as tcp,
            _Udp(("127.0.0.1", tcp.server_address[1]), _UdpHandler) as udp,
        ):
            tcp.zone = udp.zone = self
            threads = [
                threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.02})
                for one in (tcp, udp)
            ]
            for thread in threads:
                thread.start()
            try:
                yield ("127.0.0.1", tcp.server_address[1])
            finally:
                for server in (tcp, udp):
                    server.shutdown()
                for thread in threads:
                    thread.join()


def zone_of(records: Mapping[tuple[str, str], str | Sequence[str]]) -> Zone:
    """Return a zone with records, each a value or several."""
    zone = Zone()
    for (name, kind), values in records.items():
        zone.add(name, kind, *([values] if isinstance(values, str) else values))
    return zone


@contextmanager
def asking(
    records: Mapping[tuple[str, str], str | Sequence[str]], **troubles: str
) -> Iterator[DnsNames]:
    """Yield the port to a name server with these records; `all` is a trouble with every name."""
    zone = zone_of(records)
    if troubles:
        zone.troubles["*"] = troubles["all"]
    with zone.served() as server:
        yield DnsNames(server)


def _quoted(text: str) -> str:
    escaped = [text[at : at + 255] for at in range(0, len(text), 255)] or [""]
    return " ".join('"' + one.replace("\\", "\\\\").replace('"', '\\"') + '"' for one in escaped)


class _Tcp(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    zone: Zone


class _Udp(socketserver.ThreadingUDPServer):
    zone: Zone


class _UdpHandler(socketserver.BaseRequestHandler):
    server: _Udp

    @override
    def handle(self) -> None:
        wire, socket = self.request
        answer = self.server.zone.answer(dns.message.from_wire(wire), "udp")
        if answer is None:
            return
        whole = answer.to_wire(max_size=65_535)
        if len(whole) > _MOST_UDP:
            answer.answer.clear()
            answer.flags |= dns.flags.TC
            whole = answer.to_wire()
        socket.sendto(whole, self.client_address)


class _TcpHandler(socketserver.StreamRequestHandler):
    server: _Tcp

    @override
    def handle(self) -> None:
        size = int.from_bytes(self.rfile.read(2))
        answer = self.server.zone.answer(dns.message.from_wire(self.rfile.read(size)), "tcp")
        if answer is not None:
            wire = answer.to_wire(max_size=65_535)
            self.wfile.write(len(wire).to_bytes(2) + wire)
