"""An issue goes out through a real Postfix, which bounces some of it, and the bounces come back."""

import signal
from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from alerts.database import Database
from alerts.inbound.models import InboundMail, MailState
from tests.data.delivery.postfix import needs_root
from tests.functional.installation import ARTICLES, Installation, free_port, wait_for
from tests.functional.postfix import Postfix

pytestmark = [
    pytest.mark.processes,
    pytest.mark.timeout(900),
    needs_root,
]
READERS = ("here", "gone", "full", "spam", "there")


@pytest.mark.parametrize("protocol", ["lmtp", "smtp"])
def test_who_is_not_there_is_suppressed_by_the_servers_own_report(
    install: Callable[..., Installation], protocol: str
) -> None:
    port = free_port()
    with Postfix(f"{protocol}:inet:127.0.0.1:{port}".replace("smtp:inet:", "smtp:")) as postfix:
        where = {"inbound_lmtp_port" if protocol == "lmtp" else "inbound_port": str(port)}
        installation = install(
            mail_url=f"smtp://127.0.0.1:{postfix.port}?tls=off",
            bounce_domain="bounce.example.org",
            sender="GP Alerts <alerts@news.example.org>",
            worker_processes="1",
            **where,
        )
        installation.run("article", "add", str(ARTICLES))
        readers = installation.folder / "readers.csv"
        rows = "".join(f"{name}@readers.example,confirmed\n" for name in READERS)
        readers.write_text(f"email,status\n{rows}")
        installation.run("subscriber", "import", str(readers), "--consent", "on paper")
        issue = installation.run("issue", "draft", "gp-alert").strip()
        installation.run("issue", "approve", issue)
        process = installation.start("up", "--port", str(free_port()))

        installation.run("issue", "send", issue, "--wait")

        audit = installation.json("issue", "audit", issue)
        assert (audit["audience"], audit["sent"]) == (len(READERS), len(READERS))

        # A command each time would take a slow machine longer than what is waited for.
        database = Database(f"sqlite:///{installation.folder / 'var' / 'alerts.db'}")

        def done() -> int:
            query = select(func.count()).where(InboundMail.state == MailState.DONE)
            with database.read() as session:
                return session.scalar(query) or 0

        wait_for(lambda: done() == 3, seconds=300)
        database.dispose()
        bounces = installation.json("inbound", "list")
        wait_for(lambda: not postfix.waiting())
        assert {(mail["kind"], mail["class"], mail["way"]) for mail in bounces} == {
            ("bounce", kind, protocol) for kind in ("hard", "soft", "policy")
        }
        assert sorted(str(mail["note"]) for mail in bounces) == [
            "hard bounce 5.1.1: suppressed (by its return path)",
            "policy bounce 5.7.1: about us, not the reader (by its return path)",
            "soft bounce 5.2.2: counted (by its return path)",
        ]
        listed = installation.json("subscriber", "list")
        states = {one["email"].partition("@")[0]: one["state"] for one in listed}
        assert states == dict.fromkeys(READERS, "confirmed") | {"gone": "suppressed"}
        report = installation.json("issue", "report", issue)
        assert report["bounced"] == 3
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=100) == 0
