"""A relay of a test's own: aiosmtpd, with TLS, a login and a limit where they are asked for."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiosmtpd.smtp import AuthResult, LoginPassword

from alerts.delivery.transports.smtp import SmtpServer
from alerts.mail_server import MailServer
from tests.functional.installation import free_port

PASSWORD = "p@ssword of the relay"


class Relay(MailServer):
    """Takes no mail; `sessions` counts those who logged in, `mails` what was begun."""

    def __init__(self, context: ssl.SSLContext | None, *, implicit: bool, **options: Any) -> None:  # noqa: ANN401 - aiosmtpd's own
        super().__init__(
            self,
            hostname="127.0.0.1",
            port=free_port(),
            ssl_context=context if implicit else None,
            tls_context=None if implicit else context,
            server_hostname="mx.example.org",
            auth_require_tls=not implicit,
            authenticator=self._known,
            **options,
        )
        self.logins: list[str] = []
        self.mails = 0

    async def handle_MAIL(self, *_: object) -> str:  # noqa: N802 - aiosmtpd's name
        """Refuse, and remember."""
        self.mails += 1
        return "550 5.7.1 no mail here"

    def _known(
        self, _server: object, _session: object, _envelope: object, *said: object
    ) -> AuthResult:
        login = said[1]
        right = isinstance(login, LoginPassword) and login.password == PASSWORD.encode()
        if isinstance(login, LoginPassword) and right:
            self.logins.append(login.login.decode())
        return AuthResult(success=right, handled=False)


@contextmanager
def running_relay(
    context: ssl.SSLContext | None = None,
    *,
    implicit: bool = False,
    **options: Any,  # noqa: ANN401 - aiosmtpd's own
) -> Iterator[tuple[Relay, SmtpServer]]:
    """Run a relay; yield it, and how to reach it as `localhost`."""
    relay = Relay(context, implicit=implicit, **options)
    relay.start()
    try:
        yield relay, SmtpServer("localhost", relay.port, tls="implicit" if implicit else "offered")
    finally:
        relay.stop()
