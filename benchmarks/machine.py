"""Where a run was: the machine and the versions, for the head of the report."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

from benchmarks.servers import Postgres, redis_version
from benchmarks.sink import sink_name
from benchmarks.source import source_name


def facts(postgres: Postgres) -> dict[str, str]:
    """Return what the figures depend on, by name."""
    load = os.getloadavg()[0]
    return {
        "machine": f"{os.cpu_count()} cores, {_cpu()}, {_memory()} of memory",
        "system": f"{platform.system()} {platform.release()}, load {load:.1f} at the start",
        "Python": platform.python_version(),
        "packages": ", ".join(
            f"{name} {version(name)}" for name in ("celery", "kombu", "sqlalchemy", "psycopg")
        ),
        "servers": f"PostgreSQL {postgres.version()} as it comes, Redis {redis_version()}",
        "sink": sink_name(),
        "reference sender": source_name(),
    }


def _cpu() -> str:
    return _first_value("/proc/cpuinfo", "model name") or platform.machine()


def _memory() -> str:
    kilobytes = _first_value("/proc/meminfo", "MemTotal").partition(" ")[0]
    return f"{int(kilobytes) / 2**20:.0f} GB" if kilobytes.isdecimal() else "unknown size"


def _first_value(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""
