"""A real mail server of a test's own: Debian's Postfix, private in a folder, on loopback alone."""

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import pytest

from tests.functional.installation import free_port

# For tests that start one.
needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="Postfix starts its daemons as root alone"
)

_PATIENCE_SECONDS = 60.0
_MAIN = """
compatibility_level = 3.6
config_directory = {folder}
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
command_directory = {commands}
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.relay.example
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
smtpd_relay_restrictions = permit_mynetworks, reject
minimal_backoff_time = 1s
maximal_backoff_time = 2s
"""
# One process each, none of them in a jail: the folder has no files for one.
_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
lmtp unix - - n - - lmtp
virtual unix - n n - - virtual
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class PostfixServer:
    """A Postfix on `port`, with main.cf and master.cf as they are plus what the test adds.

    In both `{folder}` and `{port}` stand for its own, as do the names in `values`.
    """

    def __init__(self, main: str, services: str = "", **values: object) -> None:
        program = shutil.which("postfix", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        assert program, "postfix is missing; `make from-debian` installs it"
        self._program = program
        self._kept = tempfile.TemporaryDirectory(prefix="alerts-postfix-")
        self.folder = Path(self._kept.name)
        self.port = free_port()
        # Its daemons run as a user of their own.
        self.folder.chmod(0o755)
        for name in ("queue", "data"):
            (self.folder / name).mkdir()
        shutil.chown(self.folder / "data", "postfix")
        self._values: Mapping[str, object] = {
            "folder": self.folder,
            "port": self.port,
            "commands": Path(program).parent,
            "daemons": "/usr/lib/postfix/sbin",
        } | values
        self.write("main.cf", _MAIN + main)
        self.write("master.cf", _MASTER + services)

    def write(self, name: str, text: str) -> None:
        """Write a file into its folder, with the values filled in."""
        (self.folder / name).write_text(text.format(**self._values).lstrip())

    def log(self) -> str:
        """Return what it wrote into its log."""
        log = self.folder / "log"
        return log.read_text() if log.exists() else "it wrote no log"

    def waiting(self) -> bool:
        """Tell whether any mail is still in its queue."""
        folders = ("incoming", "active", "deferred", "maildrop")
        return any(
            path.is_file() for name in folders for path in (self.folder / "queue" / name).rglob("*")
        )

    def until_logged(self, pattern: str, times: int = 1) -> list[str]:
        """Wait until something stands in the log so many times; return all it found."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while len(found := re.findall(pattern, self.log())) < times:
            assert time.monotonic() < deadline, f"no {pattern!r} in the log: {self.log()}"
            time.sleep(0.05)
        return found

    def __enter__(self) -> Self:
        self._command("start")
        self.until_logged("daemon started")
        return self

    def __exit__(self, *_: object) -> None:
        self._command("stop")
        self._kept.cleanup()

    def _command(self, verb: str) -> None:
        done = subprocess.run(
            [self._program, "-c", str(self.folder), verb],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, f"{verb}: {done.stdout}{done.stderr}{self.log()}"
