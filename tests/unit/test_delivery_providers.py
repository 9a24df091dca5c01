"""What providers' answers mean, and what becomes of a message's parts. No connection is made."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from string import ascii_letters, digits
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.delivery.assembly import CompiledMessage, Envelope, Reader
from alerts.delivery.transports.base import Lane, Outgoing
from alerts.delivery.transports.providers.answers import Answer, Kind, Reply, retry_after
from alerts.delivery.transports.providers.mailgun import Mailgun
from alerts.delivery.transports.providers.parts import parts_of
from alerts.delivery.transports.providers.postmark import Postmark
from alerts.delivery.transports.providers.provider import Mail, Provider, Unsuited
from alerts.delivery.transports.providers.sendgrid import SendGrid
from alerts.delivery.transports.providers.ses import Ses
from alerts.delivery.transports.providers.ses_tags import as_tag, from_tag
from tests.conftest import NOW

SES = Ses(key="AK", secret="s", region="eu-west-1", endpoint="https://x", configuration="news")
MAILGUN = Mailgun(key="k", domain="mg.example.org", endpoint="https://x")
POSTMARK = Postmark(token="t", endpoint="https://x", stream="broadcast")
SENDGRID = SendGrid(key="k", endpoint="https://x")
PROVIDERS = [SES, MAILGUN, POSTMARK, SENDGRID]


def read(provider: Provider, status: int, body: object = b"", **headers: str) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    [found] = provider.read(Reply(status, named, raw), 1, now=NOW)
    return found


def ses(status: int, error: str, message: str) -> tuple[Provider, int, object, dict[str, str]]:
    named = {"x_amzn_errortype": f"{error}:http://internal.amazon.com/coral/"}
    return SES, status, {"message": message}, named


def postmark(code: int, message: str) -> tuple[Provider, int, object, dict[str, str]]:
    return POSTMARK, 200, [{"ErrorCode": code, "Message": message}], {}


def mailgun(status: int, message: str) -> tuple[Provider, int, object, dict[str, str]]:
    return MAILGUN, status, {"message": message}, {}


def sendgrid(status: int, field: str, text: str) -> tuple[Provider, int, object, dict[str, str]]:
    return SENDGRID, status, {"errors": [{"message": text, "field": field, "help": None}]}, {}


@pytest.mark.parametrize(
    ("case", "kind"),
    [
        ((SES, 200, {"MessageId": "0102-x"}, {}), Kind.ACCEPTED),
        ((SES, 200, b"<html>", {}), Kind.UNSURE),
        (ses(400, "MessageRejected", "Message contains invalid content."), Kind.MESSAGE),
        (
            ses(400, "MessageRejected", "Email address is not verified. The following identities…"),
            Kind.US,
        ),
        (ses(400, "BadRequestException", "Illegal address"), Kind.READER),
        (ses(400, "BadRequestException", "Domain contains dot-dot"), Kind.READER),
        (ses(400, "BadRequestException", "Header is broken"), Kind.MESSAGE),
        (ses(400, "AccountSuspendedException", ""), Kind.US),
        (ses(400, "SendingPausedException", ""), Kind.US),
        (ses(400, "MailFromDomainNotVerifiedException", ""), Kind.US),
        (ses(400, "LimitExceededException", ""), Kind.US),
        (ses(404, "NotFoundException", "no such configuration set"), Kind.US),
        (ses(403, "SignatureDoesNotMatch", ""), Kind.US),
        (ses(403, "UnrecognizedClientException", ""), Kind.US),
        (ses(429, "TooManyRequestsException", "Maximum sending rate exceeded."), Kind.BUSY),
        (ses(429, "TooManyRequestsException", "Daily message quota exceeded."), Kind.US),
        (ses(400, "ThrottlingException", "Rate exceeded"), Kind.BUSY),
        (ses(400, "ThrottlingException", "Daily sending quota exceeded"), Kind.US),
        (ses(400, "BadRequestException", "Local address starts with dot"), Kind.READER),
        (ses(400, "BadRequestException", "Missing final '@domain'"), Kind.READER),
        (ses(400, "BadRequestException", "Invalid tag value <a.b>: only …"), Kind.MESSAGE),
        (ses(500, "InternalFailure", ""), Kind.SICK),
        ((MAILGUN, 200, {"id": "<x@mg>", "message": "Queued. Thank you."}, {}), Kind.ACCEPTED),
        ((MAILGUN, 200, b"Mailgun Magnificent API", {}), Kind.US),
        ((MAILGUN, 200, [], {}), Kind.UNSURE),
        (mailgun(400, "'to' parameter is not a valid address. please check"), Kind.READER),
        (mailgun(400, "Send options are limited to 16 kB total"), Kind.MESSAGE),
        (mailgun(400, "Sandbox subdomains are for test purposes only."), Kind.US),
        (mailgun(403, "Domain mg.example.org is not allowed to send"), Kind.US),
        (mailgun(420, "Domain mg.example.org is not allowed to send: recipient limit"), Kind.BUSY),
        (mailgun(429, "Account limit exceeded"), Kind.BUSY),
        ((MAILGUN, 401, b"Forbidden", {}), Kind.US),
        (mailgun(404, "Domain not found: mg.example.org"), Kind.US),
        (mailgun(413, "too large"), Kind.MESSAGE),
        (
            (POSTMARK, 200, [{"ErrorCode": 0, "Message": "OK", "MessageID": "b7"}], {}),
            Kind.ACCEPTED,
        ),
        ((POSTMARK, 200, [{"Message": "Accepted, delayed", "MessageID": "b7"}], {}), Kind.ACCEPTED),
        ((POSTMARK, 200, [{"ErrorCode": 0}], {}), Kind.UNSURE),
        ((POSTMARK, 200, [7], {}), Kind.UNSURE),
        ((POSTMARK, 200, [], {}), Kind.UNSURE),
        ((POSTMARK, 200, {"surprise": 1}, {}), Kind.UNSURE),
        (postmark(300, "Invalid 'To' address: 'x'."), Kind.READER),
        (postmark(300, "Error parsing 'To': Illegal email domain 'x'"), Kind.READER),
        (postmark(300, "Invalid 'From' address: 'x'."), Kind.US),
        (postmark(300, "Invalid metadata content."), Kind.MESSAGE),
        (postmark(400, "The 'From' address is no Sender Signature"), Kind.US),
        (postmark(405, "Not allowed to send: out of credits"), Kind.US),
        (postmark(406, "You tried to send to an inactive recipient"), Kind.READER),
        (postmark(412, "Account is pending"), Kind.US),
        (postmark(100, "Maintenance"), Kind.BUSY),
        (postmark(411, "Forbidden attachment type"), Kind.MESSAGE),
        ((POSTMARK, 401, {"ErrorCode": 10, "Message": "Bad or missing API token"}, {}), Kind.US),
        ((POSTMARK, 422, {"ErrorCode": 412, "Message": "pending"}, {}), Kind.US),
        ((POSTMARK, 429, {"ErrorCode": 429, "Message": "Rate limit"}, {}), Kind.BUSY),
        ((SENDGRID, 202, b"", {"x_message_id": "f1"}), Kind.ACCEPTED),
        ((SENDGRID, 202, b"", {}), Kind.ACCEPTED),
        ((SENDGRID, 200, b"a portal's page", {}), Kind.UNSURE),
        (sendgrid(400, "personalizations.0.to.0.email", "Does not contain a valid"), Kind.READER),
        (sendgrid(400, "content", "The content value must be a string"), Kind.MESSAGE),
        (sendgrid(400, "from.email", "Does not contain a valid address."), Kind.US),
        (sendgrid(403, "from", "The from address does not match a verified Sender"), Kind.US),
        (sendgrid(401, "", "Maximum credits exceeded"), Kind.US),
        ((SENDGRID, 400, {"errors": "x"}, {}), Kind.MESSAGE),
        *[((p, 301, b"", {}), Kind.US) for p in PROVIDERS],
        *[((p, 408, b"", {}), Kind.SICK) for p in PROVIDERS],
        *[((p, 429, b"", {}), Kind.BUSY) for p in PROVIDERS],
        *[((p, 500, b"\xff", {}), Kind.SICK) for p in PROVIDERS],
        *[((p, 502, b"", {}), Kind.UNSURE) for p in PROVIDERS],
        *[((p, 503, b"", {}), Kind.SICK) for p in PROVIDERS],
        *[((p, 503, b"", {"retry_after": "3"}), Kind.BUSY) for p in PROVIDERS],
        *[((p, 504, b"[" * 100_000, {}), Kind.UNSURE) for p in PROVIDERS],
    ],
)
def test_each_answer_has_a_meaning(
    case: tuple[Provider, int, object, dict[str, str]], kind: Kind
) -> None:
    provider, status, body, headers = case
    found = read(provider, status, body, **headers)
    assert found.kind is kind
    assert len(found.text) <= 300
    assert "\n" not in found.text


def test_the_providers_number_is_in_the_answer() -> None:
    assert read(SES, 200, {"MessageId": "0102-x"}).text == "0102-x"
    assert read(SENDGRID, 202, x_message_id="f1").text == "f1"


def test_an_answer_to_a_whole_batch_condemns_none_of_its_messages() -> None:
    reply = Reply(422, {}, b'{"ErrorCode": 403, "Message": "Incompatible JSON"}')
    assert [a.kind for a in POSTMARK.read(reply, 3, now=NOW)] == [Kind.US] * 3
    assert [a.kind for a in POSTMARK.read(reply, 1, now=NOW)] == [Kind.MESSAGE]
    short = Reply(200, {}, b'[{"ErrorCode": 0, "MessageID": "x"}]')
    assert [a.kind for a in POSTMARK.read(short, 2, now=NOW)] == [Kind.UNSURE] * 2


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        ("1.5", 1.5),
        ("-4", 0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(days=9), usegmt=True), 0),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("Mon, 99 Xyz 2026 99:99:99 GMT", None),
        ("Mon, 23 Nov 2026 06:00:00", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str, seconds: float | None) -> None:
    assert retry_after(value, now=NOW) == seconds


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"x_ratelimit_reset": str(int(NOW.timestamp()) + 45)}, 45),
        (429, {"x_ratelimit_reset": str(int(NOW.timestamp()) - 45)}, 1),
        (429, {"x_ratelimit_reset": str(int(NOW.timestamp()) + 45), "retry_after": "7"}, 7),
        (429, {"x_ratelimit_reset": "soon"}, None),
        (429, {"x_ratelimit_reset": "30"}, None),
        # Told with every answer: no reason to wait.
        (500, {"x_ratelimit_reset": str(int(NOW.timestamp()) + 45)}, None),
    ],
)
def test_the_end_of_a_limits_span_is_waited_for(
    status: int, headers: dict[str, str], seconds: float | None
) -> None:
    assert read(SENDGRID, status, **headers).wait == seconds


@pytest.mark.parametrize(
    ("stated", "seconds"),
    [
        (f"try again after {format_datetime(NOW + timedelta(minutes=9), usegmt=True)}", 540),
        (f"try again after {NOW + timedelta(minutes=9):%a, %d %b %Y %H:%M:%S} UTC", 540),
        (f"try again after {NOW - timedelta(minutes=9):%a, %d %b %Y %H:%M:%S} UTC", 1),
        ("try again after a while", None),
        ("see your plan", None),
    ],
)
def test_mailgun_states_when_a_limit_ends(stated: str, seconds: float | None) -> None:
    text = f"Domain mg.example.org is not allowed to send: recipient limit exceeded, {stated}"
    found = read(*mailgun(420, text)[:3])
    assert (found.kind, found.wait) == (Kind.BUSY, seconds)


@given(st.text(max_size=60))
def test_whatever_a_tag_says_comes_back_in_the_letters_that_ses_takes(text: str) -> None:
    tag = as_tag(text)
    assert len(tag) <= 256
    assert set(tag) <= set(ascii_letters + digits + "_-")
    assert tag == "" or from_tag(tag) == text


def test_tags_of_earlier_versions_are_read_as_they_are() -> None:
    assert from_tag("k3.7.12@news.example.org") == "k3.7.12@news.example.org"


def message(**changes: str) -> bytes:
    envelope = Envelope(
        sender=changes.get("sender", '"Ελένη, Desk" <alerts@example.org>'),
        reply_to="Desk <desk@example.org>",
        list_id="gp-alert.example.org",
        list_title="GP Alert – täglich",
        date=datetime(2026, 11, 23, tzinfo=UTC),
    )
    compiled = CompiledMessage(
        envelope, "Länder – “news”", "<p>é @@UNSUBSCRIBE_URL@@</p>", "é ~ @@UNSUBSCRIBE_URL@@"
    )
    return compiled.fill(
        Reader(
            name=changes.get("name", "O'Brien, Ama “A”"),
            email="ama@example.org",
            message_id="m.1.2@example.org",
            unsubscribe_url="https://alerts.example.org/u/" + "x" * 90,
            preferences_url="https://alerts.example.org/p",
        )
    )


def encoded(provider: Provider, *, lane: Lane = Lane.DIGEST, envelope_id: str = "") -> bytes:
    content = message()
    outgoing = Outgoing(
        1, "a@x.org", "ama@example.org", lambda _: content, lane=lane, envelope_id=envelope_id
    )
    return provider.encode(Mail(outgoing, "ama@example.org", content))


def document(provider: Provider, *, lane: Lane = Lane.DIGEST, envelope_id: str = "") -> Any:  # noqa: ANN401 - JSON
    return json.loads(encoded(provider, lane=lane, envelope_id=envelope_id))


def test_a_message_comes_apart_whole() -> None:
    parts = parts_of(message(), recipient="ama@example.org")
    assert (parts.sender.name, parts.sender.address) == ("Ελένη, Desk", "alerts@example.org")
    assert (parts.recipient.name, parts.recipient.address) == (
        "O'Brien, Ama “A”",
        "ama@example.org",
    )
    assert str(parts.reply_to) == "Desk <desk@example.org>"
    assert parts.subject == "Länder – “news”"
    url = "https://alerts.example.org/u/" + "x" * 90
    assert parts.text.strip() == f"é ~ {url}"
    assert parts.html.strip() == f"<p>é {url}</p>"
    headers = dict(parts.headers)
    assert headers.keys() == {"Message-ID", "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post"}
    assert headers["Message-ID"] == "<m.1.2@example.org>"
    assert headers["List-Unsubscribe"] == f"<{url}>"
    assert headers["List-Id"].endswith("<gp-alert.example.org>")


def test_what_cannot_be_passed_on_is_refused_and_never_left_out() -> None:
    attached = (
        b"From: a@x.org\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
        b"Content-Type: text/plain\r\n\r\nhi\r\n--b\r\n"
        b"Content-Type: image/png\r\n\r\nx\r\n--b--\r\n"
    )
    with pytest.raises(Unsuited, match="image/png"):
        parts_of(attached, recipient="r@x.org")
    with pytest.raises(Unsuited, match="no sender"):
        parts_of(b"Subject: x\r\n\r\nhi\r\n", recipient="r@x.org")


def test_postmark_gets_everything_by_its_names() -> None:
    sent = document(POSTMARK, envelope_id="e1")
    assert sent["From"] == '"Ελένη, Desk" <alerts@example.org>'
    assert sent["To"] == '"O\'Brien, Ama “A”" <ama@example.org>'
    assert sent["ReplyTo"] == "Desk <desk@example.org>"
    assert (sent["TrackOpens"], sent["TrackLinks"]) == (False, "None")
    assert sent["MessageStream"] == "broadcast"
    assert sent["Metadata"] == {"envelope": "e1"}
    assert "Metadata" not in document(POSTMARK, envelope_id="e" * 81), "it would be refused"
    headers = {header["Name"]: header["Value"] for header in sent["Headers"]}
    assert headers["X-PM-KeepID"] == "true"
    assert headers["Message-ID"] == "<m.1.2@example.org>"
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert document(POSTMARK, lane=Lane.TRANSACTIONAL)["MessageStream"] == "outbound"


def test_sendgrid_gets_everything_by_its_names() -> None:
    sent = document(SENDGRID, envelope_id="e1")
    assert sent["personalizations"] == [
        {"to": [{"email": "ama@example.org", "name": "O'Brien Ama “A”"}]}
    ]
    assert sent["from"] == {"email": "alerts@example.org", "name": "Ελένη, Desk"}
    assert [part["type"] for part in sent["content"]] == ["text/plain", "text/html"]
    assert sent["headers"]["Message-ID"] == "<m.1.2@example.org>"
    assert not any(options["enable"] for options in sent["tracking_settings"].values())
    assert sent["custom_args"] == {"envelope": "e1"}


def test_ses_gets_a_tag_of_the_letters_it_takes() -> None:
    sent = document(SES, envelope_id="k3.7.12@news-desk.example.org")
    tag = "k3_2E7_2E12_40news-desk_2Eexample_2Eorg"
    assert sent["EmailTags"] == [{"Name": "envelope", "Value": tag}]
    assert "EmailTags" not in document(SES, envelope_id="x" * 257)
    assert sent["ConfigurationSetName"] == "news"
    assert "FromEmailAddress" not in sent, "it would replace the From field"


def test_mailgun_gets_the_message_byte_by_byte() -> None:
    body = encoded(MAILGUN, envelope_id="e1\r\nx")
    assert message() in body
    assert b'name="v:envelope"\r\n\r\ne1 x\r\n' in body
