"""Of what class a bounce is, by the codes and the words that servers and mail systems use."""

import pytest

from alerts.inbound.reading.classes import judged


@pytest.mark.parametrize(
    ("status", "text", "bounce"),
    [
        ("", "550 5.2.1 The email account that you tried to reach is over quota", "soft"),
        ("", "452 4.2.2 The email account that you tried to reach is over quota", "soft"),
        ("5.7.1", "550 5.7.1 Recipient address rejected: Nonexistent user", "hard"),
        ("", "552 Account(s) <a@b.lv> does not have enough space", "soft"),
        ("", "550 ** No mail box available for this user **", "hard"),
        ("", "550 User has too many messages on the server", "soft"),
        ("5.4.4", "Host or domain name not found", "hard"),
        ("4.4.3", "Host not found, try again", "soft"),
        ("5.4.0", "loops back to myself", "soft"),
        ("5.5.0", "550 5.5.0 Requested action not taken: mailbox unavailable", "hard"),
        ("", "421 4.7.0 Try again later, closing connection", "policy"),
        ("", "550 Blocked - see https://ipcheck.proofpoint.com/?ip=1.2.3.4", "policy"),
        (
            "",
            "554 5.7.1 Service unavailable; Client host [1.2.3.4] blocked using Spamhaus",
            "policy",
        ),
        ("5.1.0", "550 5.1.0 sender denied", "policy"),
        ("", "550 relay not permitted", "policy"),
        ("", "550 5.1.1 unknown or illegal alias: x@y.com", "hard"),
        ("", "550 Administrative prohibition", "policy"),
        ("", "550 Mailbox does not exist", "hard"),
        ("", "550 mailbox is disabled", "hard"),
        ("", "550 #5.1.0 Address rejected.", "hard"),
        (
            "",
            (
                "550 5.7.1 TRANSPORT.RULES.RejectMessage; the message was "
                "rejected by organization policy"
            ),
            "policy",
        ),
        ("", "550 5.2.0 STOREDRV.Deliver; delivery result banner", "soft"),
        ("", "550 5.7.64 TenantAttribution; Relay Access Denied", "policy"),
        ("5.7.1", "550 5.7.1 RESOLVER.RST.AuthRequired; authentication required", "policy"),
        ("", "550 5.2.2 STOREDRV.Deliver; mailbox full", "soft"),
        ("4.4.1", "connect to mx[1.2.3.4]:25: Connection timed out", "soft"),
        ("5.4.1", "No answer from host", "soft"),
        ("5.3.4", "message size exceeds fixed limit", "soft"),
        ("", "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", "policy"),
        ("", "554 5.4.14 Hop count exceeded - possible mail loop", "soft"),
        ("5.0.0", "550 Access denied - Invalid HELO name", "policy"),
        (
            "5.1.1",
            (
                "550 5.1.1 <x@y>: Recipient address rejected: undeliverable "
                "address: host said 550 no such user"
            ),
            "hard",
        ),
        ("", "The user has moved to a new address", "hard"),
        ("", "utilisateur inconnu", "hard"),
        ("", "Der Benutzer ist unbekannt", "hard"),
        ("", "Postfach ist voll", "soft"),
        ("", "buzón lleno", "soft"),
        ("", "宛先のメールアドレスは存在しません", "hard"),
        (
            "5.7.9",
            "550 5.7.9 This mail has been blocked because the sender is unauthenticated",
            "policy",
        ),
        ("5.1.6", "moved", "hard"),
        ("", "501 5.1.3 Bad recipient address syntax", "hard"),
        ("5.2.1", "550 5.2.1 receiving mail at a rate that prevents additional messages", "soft"),
        (
            "",
            (
                "554 30 Sorry, your message to x@yahoo.com cannot be "
                "delivered. This mailbox is disabled (554.30)"
            ),
            "hard",
        ),
        ("", "552 1 Requested mail action aborted, mailbox not found", "hard"),
        (
            "",
            (
                "550-5.7.1 likely unsolicited mail. To reduce the amount of "
                "spam sent to Gmail, this message has been blocked"
            ),
            "policy",
        ),
        ("", "550 SC-001 Mail rejected by Outlook for policy reasons", "policy"),
        ("", "550 5.7.606 Access denied, banned sending IP", "policy"),
        ("", "DNS Error: Domain name not found", "hard"),
        ("", "DNS Error: DNS type 'mx' lookup of x responded with code NXDOMAIN", "hard"),
        ("", "DNS Error: server failure SERVFAIL", "soft"),
        ("", "450 4.2.0 Greylisted", "soft"),
        ("5.7.1", "554 5.7.1 <x>: Recipient address rejected: Greylisted, see http://", "soft"),
        ("", "The recipient's mailbox is full and can't accept messages now", "soft"),
        ("", "user is inactive for too long", "hard"),
        ("", "550 Unknown account", "hard"),
        ("", "550 recipient unknown", "hard"),
        ("", "550 no valid recipients", "hard"),
        ("5.4.7", "Delivery time expired", "soft"),
        ("", "Message expired, timed out", "soft"),
        ("", "retry time not reached for any host after a long failure period", "soft"),
        ("", "all relevant MX records point to non-existent hosts", "hard"),
        ("", "lowest numbered MX record points to local host", "soft"),
        ("5.3.0", "550 5.3.0 Rejected for policy", "policy"),
        ("", "554 5.6.0 Message contains invalid header", "policy"),
        ("", "550 5.6.0 attachment type not allowed", "policy"),
        ("", "local delivery failed: disk quota exceeded", "soft"),
        ("5.1.2", "domain not found", "hard"),
        ("", "551 5.1.1 not our customer", "hard"),
        ("5.2.3", "Message too large", "soft"),
        ("", "550 account closed", "hard"),
        ("", "554 Message not allowed - [PH01] Email not accepted for policy reasons", "policy"),
        ("", "550 Verification failed for <alerts@x>: no such user", "policy"),
        ("", "550 Sender verify failed", "policy"),
        ("", "550 mailbox suspended, contact your provider", "soft"),
        ("", "550 user account is frozen", "soft"),
        ("", "La cuenta está bloqueada", "soft"),
        ("", "Das Konto ist gesperrt", "soft"),
        ("", "Почтовый ящик заблокирован", "soft"),
        ("5.1.1", "550 5.1.1 account suspended", "hard"),
        ("", "550 sender is blocked, your account is not listed", "policy"),
        ("", "550 You were blocked by the recipient", "policy"),
        ("", "550 rejected by the recipient's server: no such user", "hard"),
        ("", "您沒有在此群組張貼留言的權限", "policy"),
        ("5.7.27", "550 5.7.27 the sender's domain takes no mail", "policy"),
        ("5.7.27", "550 Host does not accept mail", "hard"),
        ("5.6.0", "550 5.6.0 <a@b.example>: Recipient address rejected: Media error", "policy"),
        ("5.7.1", "554 5.7.1 <a@b.example>: Recipient address rejected", "hard"),
    ],
)
def test_a_failure_is_judged_by_its_codes_and_words(status: str, text: str, bounce: str) -> None:
    assert judged(status, text).bounce == bounce


@pytest.mark.parametrize(
    ("status", "text", "code"),
    [
        ("5.0.0", "550 5.1.1 no such user", "5.1.1"),
        ("5.1.1", "550 5.7.1 rejected", "5.1.1"),
        ("5.0.0", "554 5.7.1 rejected", "5.7.1"),
        ("", "550 no such user", "550"),
        ("", "no such user", None),
        ("", "host 5.188.10.2 said: 450 later", "450"),
        ("5.0.0", "", "5.0.0"),
    ],
)
def test_the_code_that_says_most_is_kept(status: str, text: str, code: str | None) -> None:
    assert judged(status, text).code == code


def test_where_nothing_tells_nothing_is_said() -> None:
    assert judged("", "It is a fine day.") == (None, None)
