"""What an import would do, without writing any of it: later rows must see what earlier ones did."""

import pickle
import sqlite3
from collections.abc import Iterable
from typing import Any

from alerts.subscribers.storing.planning import Known, Plan


class Rehearsal:
    """Remembers in a temporary file what would have been written, by address."""

    def __init__(self) -> None:
        # An empty name is a file of SQLite's own, gone when it is closed.
        self._file = sqlite3.connect("", isolation_level=None)
        self._file.execute("CREATE TABLE readers (key TEXT PRIMARY KEY, kept BLOB) WITHOUT ROWID")
        self._file.execute("CREATE TABLE banned (key TEXT PRIMARY KEY, why TEXT) WITHOUT ROWID")

    def close(self) -> None:
        """Forget all."""
        self._file.close()

    def correct(self, known: Known, addresses: Iterable[str]) -> None:
        """Change what the database knows of addresses into what it would know by now."""
        for address in addresses:
            if kept := self._one("SELECT kept FROM readers WHERE key = ?", address):
                # Written by this process into a file that nobody else has.
                known.readers[address] = pickle.loads(kept)  # noqa: S301 - as said above
            if why := self._one("SELECT why FROM banned WHERE key = ?", address):
                known.suppressed[address] = why

    def keep(self, plan: Plan) -> None:
        """Remember what a plan would write."""
        self._file.execute("BEGIN")
        self._file.executemany(
            "INSERT OR REPLACE INTO readers VALUES (?, ?)",
            [(reader.key, pickle.dumps(reader)) for reader in plan.known.readers.values()],
        )
        self._file.executemany("INSERT OR REPLACE INTO banned VALUES (?, ?)", plan.suppressions)
        self._file.execute("COMMIT")

    def _one(self, query: str, address: str) -> Any:  # noqa: ANN401 - whatever the column holds
        row = self._file.execute(query, (address,)).fetchone()
        return row[0] if row else None
