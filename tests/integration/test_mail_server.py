"""The server under every mail taken in: what it leaves behind when it stops."""

import asyncio
import gc
import smtplib
import ssl
import warnings
from pathlib import Path

import pytest
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import SMTP
from typing_extensions import override

from alerts.mail_server import MailServer
from tests.data.delivery.certificate import self_signed
from tests.functional.installation import free_port


@pytest.mark.parametrize("tls", ["off", "starttls", "implicit"])
@pytest.mark.parametrize("still_there", [False, True], ids=["gone", "there"])
def test_no_connection_outlives_the_server(tmp_path: Path, tls: str, *, still_there: bool) -> None:
    context, _ = self_signed(tmp_path)
    client_context = ssl._create_unverified_context()  # noqa: S323 - the certificate is not the point
    server = MailServer(
        Sink(),
        hostname="127.0.0.1",
        port=free_port(),
        ssl_context=context if tls == "implicit" else None,
        tls_context=context if tls == "starttls" else None,
    )
    server.start()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        clients = []
        for _ in range(5):
            if tls == "implicit":
                client: smtplib.SMTP = smtplib.SMTP_SSL(
                    "127.0.0.1", server.port, context=client_context
                )
            else:
                client = smtplib.SMTP("127.0.0.1", server.port)
            if tls == "starttls":
                client.starttls(context=client_context)
            client.ehlo()
            if not still_there:
                client.close()
            clients.append(client)
        server.stop()
        gc.collect()
        for client in clients:
            client.close()
    assert [str(one.message) for one in caught] == []
    with pytest.raises(ConnectionRefusedError):
        smtplib.SMTP("127.0.0.1", server.port)


def test_a_connection_that_was_closed_twice_holds_up_nobody(tmp_path: Path) -> None:
    """Some of Python's TLS transports have nothing left to abort then, and say so by an error."""
    context, _ = self_signed(tmp_path)
    there: list[SMTP] = []

    class Noting(SMTP):
        @override
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            there.append(self)
            super().connection_made(transport)

    server = MailServer(
        Sink(), speaks=Noting, hostname="127.0.0.1", port=free_port(), ssl_context=context
    )
    server.start()
    client_context = ssl._create_unverified_context()  # noqa: S323 - the certificate is not the point
    with smtplib.SMTP_SSL("127.0.0.1", server.port, context=client_context) as client:
        client.ehlo()
        transport = there[-1].transport
        assert transport is not None

        async def close_twice() -> None:
            transport.close()
            transport.close()

        asyncio.run_coroutine_threadsafe(close_twice(), server.loop).result(5)
        server.stop()
    with pytest.raises(ConnectionRefusedError):
        smtplib.SMTP("127.0.0.1", server.port)
