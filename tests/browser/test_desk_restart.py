"""The desk is started anew while a page listens: it ends soon, and the page goes on by itself."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.functional.desk import EMAIL, PASSWORD, answers, at_the_desk
from tests.functional.installation import ARTICLES, Installation, free_port, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.processes, pytest.mark.timeout(600)]

PATIENCE = 120_000
NOBODY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
# A stream is given up after five seconds in any case, and closing takes some time too.
SOON = 20


def carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65_536):
            target.sendall(piece)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def stand_between(client: socket.socket, port: int) -> None:
    with client:
        try:
            server = socket.create_connection(("127.0.0.1", port), timeout=5)
        except OSError:
            client.sendall(NOBODY)
            return
        with server:
            server.settimeout(None)
            back = threading.Thread(target=carry, args=(server, client), daemon=True)
            back.start()
            carry(client, server)
            back.join()


@contextmanager
def proxy(port: int) -> Iterator[int]:
    """Stand before a port as a web server does: while nobody is there, the answer is 502."""
    with socket.create_server(("127.0.0.1", 0)) as front:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _ = front.accept()
                    threading.Thread(target=stand_between, args=(client, port), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield front.getsockname()[1]
        front.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path)
    yield made
    made.stop()


def log_in(page: Page, url: str) -> None:
    page.set_default_timeout(PATIENCE)
    page.goto(f"{url}/desk/login")
    page.get_by_label("Your email address").fill(EMAIL)
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible(timeout=PATIENCE)


@pytest.mark.parametrize("behind_proxy", [False, True])
def test_a_page_that_listens_keeps_no_desk_from_ending_and_goes_on_after_it(
    browser: Browser, installation: Installation, behind_proxy: bool
) -> None:
    house, port = installation, free_port()
    with proxy(port) as front:
        url = f"http://127.0.0.1:{front if behind_proxy else port}"
        house.environment["ALERTS_BASE_URL"] = url
        house.run("init")
        house.run("article", "add", str(ARTICLES))
        reader = ("ama@example.net", "--newsletter", "gp-alert", "--confirmed")
        house.run("subscriber", "add", *reader)
        issue = house.run("issue", "draft", "gp-alert").strip()
        house.run("issue", "approve", issue)
        house.run("issue", "send", issue, "--at", "2099-01-01T08:00Z")
        web = house.start("web", "--port", str(port))
        wait_for(lambda: answers(url), seconds=120)
        with at_the_desk(house, url):
            pass
        context = browser.new_context()
        page = context.new_page()
        log_in(page, url)
        page.goto(f"{url}/desk/issues/{issue}/send")
        expect(page.get_by_text("This page moves by itself.")).to_be_visible(timeout=PATIENCE)
        began = time.monotonic()
        os.kill(web.pid, signal.SIGTERM)
        assert web.wait(SOON) == 0
        assert time.monotonic() - began < SOON
        expect(page.get_by_text("The desk does not answer")).to_be_visible(timeout=PATIENCE)
        # It has been away for longer than a browser takes to ask once.
        page.wait_for_timeout(5_000)
        house.run("issue", "cancel", issue)
        house.start("web", "--port", str(port))
        expect(page.locator("[data-state=cancelled]")).to_be_attached(timeout=PATIENCE)
        context.close()
