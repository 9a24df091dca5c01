"""A real IMAP and POP3 server on loopback: Debian's dovecot with a configuration of its own."""

import grp
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.data.delivery.certificate import self_signed

USER, PASSWORD = "returns", "s3cret/with@marks"
_PATIENCE_SECONDS = 60.0
_CONFIGURATION = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap pop3
listen = 127.0.0.1
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
disable_plaintext_auth = no
auth_mechanisms = plain
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
first_valid_uid = 1
mail_location = maildir:{folder}/mail
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {folder}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/home
}}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
    ssl = yes
  }}
}}
"""


@dataclass(frozen=True)
class Dovecot:
    """The running server; its certificate is for `localhost`, in the file `ca`."""

    folder: Path
    ports: dict[str, int]
    ca: Path

    def url(self, protocol: str, rest: str = "", **options: str) -> str:
        """Return the mailbox's URL with options; the server's certificate is trusted."""
        asked = {"ca": str(self.ca)} | options
        query = "&".join(f"{name}={value}" for name, value in asked.items() if value)
        password = PASSWORD.replace("/", "%2F").replace("@", "%40")
        port = self.ports[protocol]
        return f"{protocol}://{USER}:{password}@localhost:{port}{rest}?{query}"

    def deliver(self, raw: bytes) -> None:
        """Put a mail into the inbox, under a name that no mail had before."""
        name = f"{time.time_ns()}.{secrets.token_hex(8)}.localhost"
        draft = self.folder / "mail" / "tmp" / name
        draft.write_bytes(raw)
        os.chown(draft, *_mail_owner())
        draft.rename(self.folder / "mail" / "new" / name)

    def mails(self, folder: str = "") -> list[str]:
        """Return the names of the files in a folder of the mailbox; the inbox without a name."""
        place = self.folder / "mail" / (f".{folder}" if folder else "")
        return sorted(p.name for part in ("new", "cur") for p in (place / part).glob("*"))


def dovecot_program() -> str:
    """Return the path of Debian's dovecot."""
    program = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    assert program, "dovecot is missing; `make from-debian` installs it"
    return program


@contextmanager
def dovecot(folder: Path) -> Iterator[Dovecot]:
    """Run the server until the block ends; nothing of the system's own configuration is used."""
    _, ca = self_signed(folder, "localhost")
    both = folder / "localhost-both.pem"
    ports = dict(zip(("imap", "imaps", "pop3", "pop3s"), _free_ports(4), strict=True))
    uid, gid = _mail_owner()
    for name in ("mail/new", "mail/cur", "mail/tmp", "home"):
        (folder / name).mkdir(parents=True)
    for path in (folder / "mail", *(folder / "mail").iterdir(), folder / "home"):
        os.chown(path, uid, gid)
    (folder / "users").write_text(f"{USER}:{PASSWORD}\n")
    os.chown(both, uid, gid)
    internal, login = _service_users()
    configuration = folder / "dovecot.conf"
    configuration.write_text(
        _CONFIGURATION.format(
            folder=folder,
            certificate=both,
            key=both,
            internal=internal,
            internal_group=grp.getgrgid(pwd.getpwnam(internal).pw_gid).gr_name,
            login=login,
            uid=uid,
            gid=gid,
            **ports,
        )
    )
    process = subprocess.Popen([dovecot_program(), "-F", "-c", str(configuration)])
    try:
        _wait_for(ports["imaps"], process, folder / "log")
        yield Dovecot(folder, ports, ca)
    finally:
        process.terminate()
        process.wait(_PATIENCE_SECONDS)


def _mail_owner() -> tuple[int, int]:
    """Return whose the mails are: dovecot lets nobody read mail as root."""
    if os.geteuid():
        return os.geteuid(), os.getegid()
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _service_users() -> tuple[str, str]:
    if os.geteuid():
        own = pwd.getpwuid(os.geteuid()).pw_name
        return own, own
    return "dovecot", "dovenull"


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    told = log.read_text() if log.exists() else "it wrote no log"
    raise AssertionError(f"dovecot did not start: {told}")
