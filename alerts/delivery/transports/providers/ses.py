"""Amazon SES, API version 2: SendEmail with the whole message (Content.Raw), one in a request.

The message passes as it is, but for its Message-ID and Date, which SES writes anew; the answer
names the new Message-ID. Requests are signed with Signature Version 4.
"""

import base64
import json
import re
from collections.abc import Sequence
from datetime import datetime

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from typing_extensions import override

from alerts.delivery.transports.base import Outgoing
from alerts.delivery.transports.providers.answers import Answer, Kind, Reply, answer, by_status
from alerts.delivery.transports.providers.provider import Call, Mail, Provider
from alerts.delivery.transports.providers.ses_tags import as_tag

_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d\Z")
# "Daily message quota exceeded", "Daily sending quota exceeded".
_DAILY_QUOTA = re.compile(r"\bdaily\b.{0,20}\bquota\b", re.IGNORECASE)
_HOST = re.compile(r"email(-fips)?\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?\Z")
_BY_ERROR = {
    "AccountSuspendedException": Kind.US,
    "MailFromDomainNotVerifiedException": Kind.US,
    "NotFoundException": Kind.US,
    "SendingPausedException": Kind.US,
    "LimitExceededException": Kind.US,
    "IncompleteSignature": Kind.US,
    "RequestExpired": Kind.US,
    "TooManyRequestsException": Kind.BUSY,
    "Throttling": Kind.BUSY,
    "ThrottlingException": Kind.BUSY,
}


def region_of(host: str) -> str | None:
    """Return the region of a URL's host: a region's name, or an SES host name; else None."""
    named = _HOST.match(host)
    region = named["region"] if named else host
    return region if _REGION.match(region) else None


class Ses(Provider):
    """SES in a region; `endpoint` is its base URL, `configuration` a configuration set's name."""

    name = "ses"
    batch = 1
    # 40 MB in base64, by version 2 of its API.
    largest_message = (40 << 20) * 3 // 4

    def __init__(
        self, *, key: str, secret: str, region: str, endpoint: str, configuration: str = ""
    ) -> None:
        self._signer = SigV4Auth(Credentials(key, secret), "ses", region)
        self._url = f"{endpoint}/v2/email/outbound-emails"
        self._configuration = configuration

    @override
    def group(self, outgoing: Outgoing) -> str:
        return ""

    @override
    def encode(self, mail: Mail) -> bytes:
        # Without FromEmailAddress SES takes the sender from the message; with it, SES would
        # replace the From field and lose the sender's name.
        document: dict[str, object] = {
            "Destination": {"ToAddresses": [mail.recipient]},
            "Content": {"Raw": {"Data": base64.b64encode(mail.content).decode("ascii")}},
        }
        if self._configuration:
            document["ConfigurationSetName"] = self._configuration
        tag = as_tag(mail.outgoing.envelope_id)
        if tag:
            document["EmailTags"] = [{"Name": "envelope", "Value": tag}]
        return json.dumps(document).encode()

    @override
    def call(self, parts: Sequence[bytes]) -> Call:
        [body] = parts
        request = AWSRequest(
            method="POST", url=self._url, data=body, headers={"Content-Type": "application/json"}
        )
        self._signer.add_auth(request)
        return Call(self._url, dict(request.headers.items()), body)

    @override
    def read(self, reply: Reply, count: int, *, now: datetime) -> list[Answer]:
        return [self._read(reply, now)] * count

    def _read(self, reply: Reply, now: datetime) -> Answer:
        if reply.ok and reply.field("MessageId"):
            return answer(Kind.ACCEPTED, reply, reply.field("MessageId"))
        error = _error(reply)
        text = f"{error}: {reply.field('message') or reply.field('Message')}"
        if reply.ok or not error:
            return by_status(reply, "", now=now)
        if _DAILY_QUOTA.search(text):
            # Slowing down would not help today: others may have places left.
            return answer(Kind.US, reply, text)
        # The sandbox names readers here, too: it is the account that may not write to them.
        if error == "MessageRejected" and "not verified" in text:
            return answer(Kind.US, reply, text)
        if error == "BadRequestException" and _names_reader(text):
            return answer(Kind.READER, reply, text)
        kind = _BY_ERROR.get(error)
        return answer(kind, reply, text) if kind else by_status(reply, text, now=now)


def _error(reply: Reply) -> str:
    """Return the error's name; the header may have a colon and a URL behind it."""
    named = reply.headers.get("x-amzn-errortype", "") or reply.field("__type")
    return named.partition(":")[0].rpartition("#")[2]


def _names_reader(text: str) -> bool:
    lowered = text.lower()
    return any(
        phrase in lowered
        for phrase in (
            "illegal address",
            "local address ",
            "domain contains ",
            "domain starts with dot",
            "domain ends with dot",
            "missing final '@domain'",
            "invalid to",
        )
    )
