"""aiosmtpd's server in a thread of its own, which leaves nothing open when it stops."""

import asyncio
import weakref
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
        # Touched in the thread of the loop only.
        self._clients: weakref.WeakSet[SMTP] = weakref.WeakSet()

    @override
    def factory(self) -> SMTP:
        client = self._speaks(self.handler, **self.SMTP_kwargs)
        self._clients.add(client)
        return client

    @override
    def stop(self, no_assert: bool = False) -> None:
        if self.loop.is_running():
            asyncio.run_coroutine_threadsafe(self._hang_up(), self.loop).result(_SECONDS)
        super().stop(no_assert)

    async def _hang_up(self) -> None:
        if self.server is not None:
            self.server.close()
        for client in list(self._clients):
            if client.transport is not None:
                cast("asyncio.WriteTransport", client.transport).abort()
        for _ in range(_TURNS):
            await asyncio.sleep(0)
