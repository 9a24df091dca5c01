"""Where secrets are: in no text of the settings, and in the database only as what opens nothing."""

import pytest

from alerts.config import Settings
from alerts.database import Base
from alerts.tables import ALL_MODELS

# Every column that could hold a secret by its name, and what it holds instead.
KEPT_AS = {
    "staff_accounts.password_hash": "Argon2id",
    "staff_accounts.password_set_at": "a moment",
    "staff_accounts.totp_sealed": "sealed with a key that follows from ALERTS_SECRET_KEY",
    "staff_accounts.totp_pending": "sealed likewise",
    "staff_accounts.totp_counter": "the interval of the last code",
    "staff_api_tokens.digest": "a digest: the token itself is shown once",
    "staff_audit_entries.token_id": "the number of a token",
    "staff_password_links.digest": "a digest",
    "staff_recovery_codes.digest": "a digest",
    "staff_sessions.digest": "a digest",
    "webhook_endpoints.secrets": "sealed",
}
_SUSPICIOUS = ("secret", "password", "token", "totp", "credential", "private", "api_key")
SECRETS = {
    "database_url": "postgresql://alerts:s3cret-db@db/alerts",
    "redis_url": "redis://:s3cret-redis@redis/0",
    "mail_url": "smtp://user:s3cret-mail@relay.example.org",
    "secret_key": "s3cret-key-of-more-than-32-characters-long",
    "push_tokens": "s3cret-push-token-of-24-characters",
    "metrics_token": "s3cret-metrics-token-of-24",
    "inbound_url": "imaps://user:s3cret-imap@mail.example.org/INBOX",
    "webhook_mailgun_key": "s3cret-mailgun",
    "webhook_postmark_secret": "s3cret-postmark-of-24-characters",
    "alarm_webhook": "https://chat.example.org/s3cret-hook",
    "alarm_webhook_secret": "s3cret-of-the-alarm-webhook",
}


def test_no_text_of_the_settings_shows_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(f"ALERTS_{name.upper()}", value)
    settings = Settings()
    for shown in (repr(settings), str(settings), f"{settings!r:>3}"):
        assert "s3cret" not in shown


def test_every_setting_that_sounds_like_a_secret_is_looked_at() -> None:
    sounding = {
        name
        for name in Settings.model_fields
        if name.endswith(("_url", "_key", "_token", "_tokens", "_secret", "_password"))
    }
    # Where links lead, and SendGrid's public key: both may be seen.
    assert sounding - {"base_url", "webhook_sendgrid_key"} - set(SECRETS) == set()


def test_no_secret_is_kept_in_the_database_as_it_is() -> None:
    assert ALL_MODELS
    found = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.tables.values()
        for column in table.columns
        if any(word in column.name for word in _SUSPICIOUS)
        or (column.name == "digest" and table.name.startswith("staff_"))
    }
    assert found - set(KEPT_AS) == set(), "say how it is kept; a provider's credential is sealed"
    assert set(KEPT_AS) - found == set(), "these are gone"
