"""All that the doctor asks the world by; tests put small stand-ins here."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from alerts.clock import Clock
from alerts.config import Settings, host_and_port
from alerts.delivery.transports.smtp import SmtpServer
from alerts.operations.doctor.machine import Space
from alerts.operations.doctor.names import DnsNames, Names, system_addresses
from alerts.operations.doctor.relay import Seen
from alerts.operations.doctor.relay_look import look_at
from alerts.operations.doctor.web import HttpWeb, Web


def _space(folder: Path) -> Space:
    usage = shutil.disk_usage(folder)
    return Space(usage.total, usage.free)


@dataclass(frozen=True, slots=True)
class Ports:
    """DNS, the web, relays, hosts' addresses as this machine finds them, room on a disk."""

    clock: Clock
    names: Names
    web: Web
    relay: Callable[[SmtpServer], Seen] = look_at
    addresses: Callable[[str], Sequence[str]] = system_addresses
    space: Callable[[Path], Space] = _space
    env_file: Path = Path(".env")

    @classmethod
    def real(cls, settings: Settings, clock: Clock) -> Self:
        """Return the ports to the real world, DNS as the settings say."""
        server = host_and_port(settings.dns_server) if settings.dns_server else None
        return cls(clock, DnsNames(server), HttpWeb(clock))
