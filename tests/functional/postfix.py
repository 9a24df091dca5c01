"""A real mail server of a test's own: Debian's Postfix, private in a folder, on loopback alone.

It takes mail for readers of `readers.example` and bounces some of it with reports of its own; what
comes back to `bounce.example.org` it hands over by LMTP or SMTP.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from tests.functional.installation import free_port, wait_for

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
relay_domains = readers.example, bounce.example.org
relay_recipient_maps =
smtpd_relay_restrictions = permit_mynetworks, reject
transport_maps = texthash:{folder}/transport
recipient_delimiter = +
smtputf8_enable = no
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
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
gone unix - n n - - pipe
  user=nobody argv=/bin/sh -c {{echo 5.1.1 there is no such mailbox here; exit 67}}
full unix - n n - - pipe
  user=nobody argv=/bin/sh -c {{echo 5.2.2 the mailbox is over its quota; exit 69}}
spam unix - n n - - pipe
  user=nobody argv=/bin/sh -c {{echo 5.7.1 the message looks like spam to us; exit 69}}
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
_TRANSPORT = """
gone@readers.example gone:
full@readers.example full:
spam@readers.example spam:
readers.example discard:
bounce.example.org {back}
"""


class Postfix:
    """A Postfix on `port`; `back` is where mail for bounce.example.org goes, as a transport."""

    def __init__(self, back: str) -> None:
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
        settings = {"folder": self.folder, "port": self.port, "back": back}
        settings |= {"commands": Path(program).parent, "daemons": "/usr/lib/postfix/sbin"}
        for name, text in (("main.cf", _MAIN), ("master.cf", _MASTER), ("transport", _TRANSPORT)):
            (self.folder / name).write_text(text.format(**settings).lstrip())

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

    def __enter__(self) -> Self:
        self._command("start")
        wait_for(lambda: "daemon started" in self.log())
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
