"""Every mail that leaves the house is signed: issues, test copies, confirmations."""

import asyncio
from dataclasses import replace
from email import message_from_bytes
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from sqlalchemy.orm import Session
from structlog.testing import capture_logs
from typer.testing import CliRunner

from alerts.cli.whole import app
from alerts.clock import FixedClock
from alerts.config import Settings
from alerts.database import Database
from alerts.delivery.catcher import CatcherStore
from alerts.delivery.confirming import Confirmations
from alerts.delivery.dkim.keys import Ed25519Key, RsaKey
from alerts.delivery.preview import issue_envelope, write_preview
from alerts.delivery.publishing import lint_issue, render_issue
from alerts.delivery.trial import send_test_copy
from alerts.errors import Invalid
from alerts.newsletters.issues import draft_issue
from alerts.newsletters.models import Issue, Newsletter
from alerts.newsletters.service import ensure_built_in
from alerts.subscribers.links import SubscriberLinks
from alerts.subscribers.models import Subscriber, SubscriberState
from alerts.tokens import Tokens
from tests.data.delivery.house import House, ScriptedTransport
from tests.data.delivery.signing import ED25519, RSA, SIGNED_AT, a_signer, holds, signatures, tags
from tests.factories import RENDERER, SETTINGS, add_readers, an_article


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key.pem"
    path.write_bytes(
        RSA.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


def signing_settings(tmp_path: Path, key_file: Path) -> Settings:
    return Settings(
        data_dir=tmp_path,
        base_url=SETTINGS.base_url,
        sender=SETTINGS.sender,
        dkim_key_file=(key_file,),
        dkim_selector=("rsa",),
        dkim_domain="example.org",
    )


def drafted(session: Session, clock: FixedClock) -> Issue:
    ensure_built_in(session, clock=clock)
    an_article(session, clock)
    return draft_issue(session, "gp-alert", clock=clock)


def only_mail(data_dir: Path) -> bytes:
    store = CatcherStore(data_dir)
    [listed] = store.newest(limit=10)
    caught = store.get(listed.id)
    store.close()
    assert caught is not None
    return caught.raw


def test_each_readers_copy_of_an_issue_is_signed_by_both_keys(
    database: Database, clock: FixedClock, tmp_path: Path
) -> None:
    house = House(database, clock, tmp_path)
    house.send_to("ama", "kofi")
    signer = a_signer(rsa=RsaKey(RSA), ed=Ed25519Key(ED25519))
    sender = replace(house.sender, signer=signer)
    for batch in house.batches():
        sender.work_off(batch)
    assert house.transport.got == {"ama": 1, "kofi": 1}
    for _, raw in house.transport.mails:
        assert holds(raw, 0)
        assert holds(raw, 1)
        assert {"feedback-id", "list-unsubscribe", "list-unsubscribe-post"} < set(
            tags(signatures(raw)[0])["h"].lower().split(":")
        )
        issue, newsletter, program, sender_id = message_from_bytes(raw)["Feedback-ID"].split(":")
        assert (issue, newsletter, program) == (str(house.issue_id), "gp-alert", "alerts")
        assert 5 <= len(sender_id) <= 15


def test_a_confirmation_is_signed(database: Database, clock: FixedClock) -> None:
    with database.transaction() as session:
        ensure_built_in(session, clock=clock)
        [number] = add_readers(session, ["ama"], now=clock.now(), state=SubscriberState.UNCONFIRMED)
        session.get_one(Subscriber, number).confirmation_due_at = clock.now()
    transport = ScriptedTransport(database)
    links = SubscriberLinks(Tokens(("k" * 40,)), SETTINGS.base_url)
    signer = a_signer(rsa=RsaKey(RSA))
    sender = Confirmations(database, SETTINGS, RENDERER, links, transport, clock, signer)
    assert asyncio.run(sender.send(number))
    [(_, raw)] = transport.mails
    assert holds(raw)
    assert message_from_bytes(raw)["Feedback-ID"] is None


def test_a_test_copy_is_signed_and_a_preview_is_not(
    session: Session, clock: FixedClock, tmp_path: Path, key_file: Path
) -> None:
    settings = signing_settings(tmp_path, key_file)
    issue = drafted(session, clock)
    rendered = render_issue(session, issue, settings=settings, renderer=RENDERER)
    copy = send_test_copy(
        rendered,
        "editor@example.org",
        envelope=issue_envelope(session, issue, settings=settings, clock=clock),
        settings=settings,
        redis_url="",
        clock=FixedClock(SIGNED_AT),
    )
    asyncio.run(copy)
    assert holds(only_mail(tmp_path))
    paths = write_preview(
        session, issue, rendered, tmp_path / "look", settings=settings, clock=clock
    )
    assert paths[-1].name == "message.eml"
    assert signatures(paths[-1].read_bytes()) == []


def test_a_newsletter_of_another_domain_is_told_of_and_goes_unsigned(
    session: Session, clock: FixedClock, tmp_path: Path, key_file: Path
) -> None:
    settings = signing_settings(tmp_path, key_file)
    issue = drafted(session, clock)
    assert "sender-unsigned" not in rules(session, issue, settings)
    newsletter = session.get_one(Newsletter, "gp-alert")
    newsletter.definition = newsletter.definition | {"sender": "Else <else@example.com>"}
    session.flush()
    assert "sender-unsigned" in rules(session, issue, settings)
    assert "sender-unsigned" not in rules(session, issue, SETTINGS)
    copy = send_test_copy(
        render_issue(session, issue, settings=settings, renderer=RENDERER),
        "editor@example.org",
        envelope=issue_envelope(session, issue, settings=settings, clock=clock),
        settings=settings,
        redis_url="",
        clock=FixedClock(SIGNED_AT),
    )
    with capture_logs() as logs:
        asyncio.run(copy)
    raw = only_mail(tmp_path)
    assert b"From: Else <else@example.com>" in raw
    assert signatures(raw) == []
    assert "dkim_does_not_cover_sender" in [line["event"] for line in logs]


def rules(session: Session, issue: Issue, settings: Settings) -> list[str]:
    found = lint_issue(session, issue, settings=settings, renderer=RENDERER)
    return [finding.rule for finding in found]


def test_a_worker_with_a_wrong_key_does_not_start(
    monkeypatch: pytest.MonkeyPatch, key_file: Path
) -> None:
    monkeypatch.setenv("ALERTS_SENDER", SETTINGS.sender)
    monkeypatch.setenv("ALERTS_DKIM_KEY_FILE", str(key_file))
    monkeypatch.setenv("ALERTS_DKIM_SELECTOR", "rsa")
    monkeypatch.setenv("ALERTS_DKIM_DOMAIN", "example.org")
    key_file.write_text("no key any more")
    result = CliRunner().invoke(app, ["worker"])
    assert isinstance(result.exception, Invalid)
    assert str(key_file) in str(result.exception)
