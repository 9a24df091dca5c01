"""Mail providers that call: events in their documented shapes, signed as each of them signs."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from alerts.delivery.transports.providers.ses_tags import as_tag

TOPIC = "arn:aws:sns:eu-west-1:123456789012:returned"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a1b2c3d.pem"
SUBSCRIBE_URL = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"
MAILGUN_KEY = "a-signing-key-of-the-tests"
POSTMARK_SECRET = "a-secret-of-the-tests-for-postmark"
_SENDGRID = ec.generate_private_key(ec.SECP256R1())
_SNS = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SENDGRID_KEY = base64.b64encode(
    _SENDGRID.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
).decode()
SETTINGS: dict[str, Any] = {
    "webhook_ses_topic": TOPIC,
    "webhook_mailgun_key": MAILGUN_KEY,
    "webhook_postmark_secret": POSTMARK_SECRET,
    "webhook_sendgrid_key": SENDGRID_KEY,
}


class Amazon:
    """Where SNS keeps its certificates; `asked` are the addresses that were fetched."""

    def __init__(self, *, begins: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self.asked: list[str] = []
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(_SNS.public_key())
            .serial_number(7)
            .not_valid_before(begins)
            .not_valid_after(begins + timedelta(days=400))
            .sign(_SNS, SHA256())
        )
        self.pem = made.public_bytes(Encoding.PEM)

    def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        return self.pem


def sns(message: object, *, now: datetime, **fields: str) -> dict[str, str]:
    """Return a signed message of SNS; `fields` stand in it instead of the usual ones."""
    kind = fields.get("Type", "Notification")
    document = {
        "Type": kind,
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Message": message if isinstance(message, str) else json.dumps(message),
        "Timestamp": now.strftime("%Y-%m-%dT%H:%M:%S.123Z"),
        "SignatureVersion": "2",
        "SigningCertURL": CERTIFICATE_URL,
    }
    if kind != "Notification":
        document |= {"Token": "t" * 200, "SubscribeURL": SUBSCRIBE_URL}
    document |= fields
    names = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
    if kind != "Notification":
        names = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    lines = "".join(f"{name}\n{document[name]}\n" for name in names if name in document)
    hashed = SHA1() if document["SignatureVersion"] == "1" else SHA256()  # noqa: S303 - as SNS does
    signature = _SNS.sign(lines.encode(), padding.PKCS1v15(), hashed)
    return {"Signature": base64.b64encode(signature).decode()} | document


def ses_bounce(
    address: str,
    message_id: str = "",
    *,
    kind: str = "Permanent",
    subtype: str = "General",
    status: str = "5.1.1",
    said: str = "smtp; 550 5.1.1 user unknown",
) -> dict[str, Any]:
    recipient = {"emailAddress": address, "action": "failed"}
    recipient |= {"status": status} if status else {}
    recipient |= {"diagnosticCode": said} if said else {}
    return {
        "eventType": "Bounce",
        "bounce": {
            "bounceType": kind,
            "bounceSubType": subtype,
            "bouncedRecipients": [recipient],
            "timestamp": "2026-11-23T06:00:00.000Z",
            "feedbackId": "0100-f",
        },
        "mail": _ses_mail(message_id, address),
    }


def ses_complaint(address: str, message_id: str = "", *, kind: str = "abuse") -> dict[str, Any]:
    return {
        "notificationType": "Complaint",
        "complaint": {
            "complainedRecipients": [{"emailAddress": address}],
            "complaintFeedbackType": kind,
            "feedbackId": "0100-c",
        },
        "mail": _ses_mail("", address)
        | {"headers": [{"name": "Message-ID", "value": f"<{message_id}>"}]},
    }


def _ses_mail(message_id: str, address: str) -> dict[str, Any]:
    tags = {"tags": {"envelope": [as_tag(message_id)]}} if message_id else {}
    return {"messageId": "0100-m", "destination": [address], "source": "a@news.example.org"} | tags


def mailgun(event: dict[str, Any], *, now: datetime, token: str = "1" * 32) -> dict[str, Any]:
    stamp = str(int(now.timestamp()))
    right = hmac.new(MAILGUN_KEY.encode(), f"{stamp}{token}".encode(), hashlib.sha256)
    signature = {"timestamp": stamp, "token": token, "signature": right.hexdigest()}
    return {"signature": signature, "event-data": event}


def mailgun_event(
    name: str,
    address: str,
    message_id: str = "",
    *,
    severity: str = "permanent",
    reason: str = "bounce",
    code: int = 550,
    said: str = "5.1.1 The email account that you tried to reach does not exist",
) -> dict[str, Any]:
    return {
        "event": name,
        "id": "G9Bn5sl1TC6nu79C8C0bwg",
        "timestamp": 1_795_413_600.5,
        "severity": severity,
        "reason": reason,
        "recipient": address,
        "delivery-status": {"code": code, "message": said, "description": "", "attempt-no": 1},
        "message": {"headers": {"message-id": message_id or "20261123.1@mailgun.example"}},
        "user-variables": {"envelope": message_id} if message_id else {},
    }


def postmark_bounce(
    address: str, message_id: str = "", *, kind: str = "HardBounce", number: int = 4_323_372_036
) -> dict[str, Any]:
    return {
        "RecordType": "SpamComplaint" if kind == "SpamComplaint" else "Bounce",
        "MessageStream": "broadcast",
        "ID": number,
        "Type": kind,
        "TypeCode": 1,
        "Metadata": {"envelope": message_id} if message_id else {},
        "Email": address,
        "Details": "smtp;550 5.1.1 The email account that you tried to reach does not exist."
        if kind == "HardBounce"
        else "",
        "Description": "The server was unable to deliver your message",
        "BouncedAt": "2026-11-23T06:00:00Z",
        "Inactive": kind == "HardBounce",
    }


def postmark_change(address: str, *, reason: str, origin: str = "Recipient") -> dict[str, Any]:
    return {
        "RecordType": "SubscriptionChange",
        "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483",
        "MessageStream": "broadcast",
        "ChangedAt": "2026-11-23T06:00:00Z",
        "Recipient": address,
        "Origin": origin,
        "SuppressSending": True,
        "SuppressionReason": reason,
        "Metadata": {},
    }


def sendgrid_event(
    name: str, address: str, message_id: str = "", *, serial: int = 1, **fields: str
) -> dict[str, Any]:
    return {
        "email": address,
        "timestamp": 1_795_413_600,
        "event": name,
        "sg_event_id": f"ZGVmZXJyZWQtMC0xNzI2{serial}",
        "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001",
        "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>",
        **({"envelope": message_id} if message_id else {}),
        **fields,
    }


def sendgrid_headers(body: bytes, *, now: datetime) -> dict[str, str]:
    stamp = str(int(now.timestamp()))
    signature = _SENDGRID.sign(stamp.encode() + body, ec.ECDSA(SHA256()))
    return {
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": stamp,
        "Content-Type": "application/json",
    }
