"""aiosmtpd's server in a thread of its own, which leaves nothing open when it stops."""

import asyncio
import weakref
from asyncio.trsock import TransportSocket
from contextlib import suppress
from socket import SHUT_RDWR
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP
from typing_extensions import override

# A connection that was aborted, or whose client has gone, is closed within a few turns of the
# loop: one to see it, one for the TLS layer, one for the socket below.
_TURNS = 10
_SECONDS = 5.0


class MailServer(Controller):
    """A Controller that hangs up on its clients before it ends its loop.

    The library ends the loop over open connections; their sockets then stay open until the
    garbage collector finds them. `speaks` is the protocol: SMTP, or LMTP.
    """

    def __init__(self, handler: object, *, speaks: type[SMTP] = SMTP, **options: Any) -> None:  # noqa: ANN401 - aiosmtpd's own
        super().__init__(handler, **options)
        self._speaks = speaks
        # Touched in the thread of the loop only; the sockets of those who were there.
        self._clients: weakref.WeakKeyDictionary[SMTP, TransportSocket] = (
            weakref.WeakKeyDictionary()
        )

    @override
    def factory(self) -> SMTP:
        client = self._speaks(self.handler, **self.SMTP_kwargs)
        connection_made = client.connection_made

        def note(transport: asyncio.BaseTransport) -> None:
            self._clients[client] = transport.get_extra_info("socket")
            connection_made(transport)

        client.connection_made = note  # type: ignore[method-assign]
        return client

    @override
    def stop(self, no_assert: bool = False) -> None:
        if self.loop.is_running():
            asyncio.run_coroutine_threadsafe(self._hang_up(), self.loop).result(_SECONDS)
        super().stop(no_assert)

    async def _hang_up(self) -> None:
        if self.server is not None:
            self.server.close()
        for client, socket in list(self._clients.items()):
            if client.transport is None:
                continue
            # A TLS transport that was closed twice lets go of its protocol, and has nothing to
            # abort then (in Python 3.11.2, which is Debian's, it fails at that).
            with suppress(AttributeError):
                cast("asyncio.WriteTransport", client.transport).abort()
            with suppress(OSError):
                socket.shutdown(SHUT_RDWR)
        for _ in range(_TURNS):
            await asyncio.sleep(0)
