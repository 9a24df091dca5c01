"""A real relay for the sender: Debian's Postfix on several ports, with dovecot for the logins.

It keeps what readers of `readers.example` get in the folder `mail/box`, bounces what goes to
`gone@readers.example`, and puts what comes back to `example.org` into `mail/back`.
"""

import os
import pwd
import re
import subprocess
from collections import Counter
from typing import Self

from typing_extensions import override

from tests.data.delivery.certificate import self_signed
from tests.data.delivery.postfix import PostfixServer
from tests.data.delivery.token_office import DOVECOT, TokenOffice
from tests.data.inbound.dovecot import dovecot_program
from tests.functional.installation import free_port, wait_for

USER, PASSWORD = "desk", "s3cret/with@marks"
LARGEST = 200_000
# A port each, for one trait of a relay each.
_TRAITS = {
    "usual": "",
    "no-chunking": "-o smtpd_discard_ehlo_keywords=chunking",
    "in-step": "-o smtpd_discard_ehlo_keywords=chunking,pipelining",
    "old": "-o smtpd_discard_ehlo_keywords=chunking,8bitmime,smtputf8,dsn,size",
    "no-tls": "-o smtpd_tls_security_level=none",
    "submission": "-o smtpd_tls_security_level=encrypt {login}",
    "by-login": "-o smtpd_tls_security_level=encrypt {login} -o smtpd_sasl_mechanism_filter=login",
    "by-token": (
        "-o smtpd_tls_security_level=encrypt {login} -o smtpd_sasl_mechanism_filter=xoauth2"
    ),
    "smtps": "-o smtpd_tls_wrappermode=yes {login}",
    "expired": "{expired}",
    "expired-smtps": "-o smtpd_tls_wrappermode=yes {expired}",
    "two-connections": "-o smtpd_client_connection_count_limit=2 {counted}",
    "metered": "-o smtpd_client_message_rate_limit=20 {counted}",
    "few-recipients": "-o smtpd_client_recipient_rate_limit=20 {counted}",
}
_LOGIN = (
    "-o smtpd_sasl_auth_enable=yes -o smtpd_tls_auth_only=yes"
    " -o smtpd_relay_restrictions=permit_sasl_authenticated,reject"
)
_EXPIRED = (
    "-o smtpd_tls_cert_file={folder}/expired/localhost-both.pem"
    " -o smtpd_tls_key_file={folder}/expired/localhost-both.pem"
)
_COUNTED = "-o smtpd_client_event_limit_exceptions= -o anvil_rate_time_unit=600s"
_MAIN = """
virtual_mailbox_domains = readers.example, many.example, others.example, example.org
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = regexp:{folder}/boxes
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
transport_maps = texthash:{folder}/transport
message_size_limit = {largest}
smtpd_tls_cert_file = {folder}/localhost-both.pem
smtpd_tls_key_file = {folder}/localhost-both.pem
smtpd_tls_security_level = may
smtpd_tls_loglevel = 1
smtpd_sasl_type = dovecot
smtpd_sasl_path = {folder}/auth
"""
_GONE = """
gone unix - n n - - pipe
  user=nobody argv=/bin/sh -c {{echo 5.1.1 there is no such mailbox here; exit 67}}
"""
_DOVECOT = """
base_dir = {folder}/dovecot
state_dir = {folder}/dovecot-state
log_path = {folder}/dovecot.log
protocols =
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login xoauth2 oauthbearer
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {folder}/tokens
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {folder}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}
}}
service anvil {{
  chroot =
}}
service auth {{
  unix_listener {folder}/auth {{
    mode = 0666
  }}
}}
"""


class RelayPostfix(PostfixServer):
    """The relay: its `ports` by trait, its certificate for localhost in the file `ca`.

    At the port `by-token` it takes tokens that its `office` calls good. What it shows at `expired`
    ran out yesterday, whoever trusts `expired_ca`.
    """

    def __init__(self) -> None:
        self.ports = {name: free_port() for name in _TRAITS}
        parts = {"login": _LOGIN, "counted": _COUNTED, "expired": _EXPIRED}
        services = "".join(
            f"127.0.0.1:{self.ports[name]} inet n - n - - smtpd\n"
            f"  -o syslog_name={name} {trait.format(**parts)}\n"
            for name, trait in _TRAITS.items()
        )
        nobody = pwd.getpwnam("nobody")
        owner = {"uid": nobody.pw_uid, "gid": nobody.pw_gid}
        super().__init__(_MAIN, services + _GONE, largest=LARGEST, **owner)
        _, self.ca = self_signed(self.folder, "localhost")
        (self.folder / "expired").mkdir()
        _, self.expired_ca = self_signed(self.folder / "expired", "localhost", days=-1)
        self.write("boxes", "/@example\\.org$/ back/\n/./ box/\n")
        self.write("transport", "gone@readers.example gone:\n")
        self.write("users", f"{USER}:{PASSWORD}\n")
        self.write("dovecot.conf", _DOVECOT)
        self.office = TokenOffice()
        self.write("tokens", DOVECOT.format(url=self.office.url))
        for name in ("mail", "mail/box", "mail/back"):
            (self.folder / name).mkdir()
            os.chown(self.folder / name, nobody.pw_uid, nobody.pw_gid)
        self._logins: subprocess.Popen[bytes] | None = None

    @override
    def __enter__(self) -> Self:
        self.office.__enter__()
        self._logins = subprocess.Popen(
            [dovecot_program(), "-F", "-c", str(self.folder / "dovecot.conf")]
        )
        wait_for((self.folder / "auth").exists)
        return super().__enter__()

    @override
    def __exit__(self, *_: object) -> None:
        if self._logins is not None:
            self._logins.terminate()
            self._logins.wait(60)
        self.office.__exit__()
        super().__exit__()

    def until_sessions_end(self, trait: str) -> None:
        """Wait until as many sessions at a port are over as were begun."""

        def over() -> bool:
            begun, ended = (
                len(re.findall(rf" {trait}/smtpd\[[0-9]+\]: {word} from ", self.log()))
                for word in ("connect", "disconnect")
            )
            return begun == ended

        wait_for(over)

    def sessions(self, trait: str) -> Counter[str]:
        """Return how often each command was carried out at a port, in sessions that are over."""
        counted: Counter[str] = Counter()
        for line in self.log().splitlines():
            if f" {trait}/smtpd[" in line and " disconnect from " in line:
                counted["sessions"] += 1
                for name, times in re.findall(r" (\w+)=([0-9]+)", line):
                    counted[name] += int(times)
        return counted

    def mails(self, box: str = "box") -> list[bytes]:
        """Wait until the queue is empty; return the mails in a mailbox, and empty it."""
        wait_for(lambda: not self.waiting())
        paths = list((self.folder / "mail" / box / "new").glob("*"))
        mails = [path.read_bytes() for path in paths]
        for path in paths:
            path.unlink()
        return mails
