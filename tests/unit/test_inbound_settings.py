"""The settings of mail that comes back: keys of providers' calls."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import ValidationError

from alerts.config import Settings
from alerts.config_inbound import verification_key

KEY = ec.generate_private_key(ec.SECP256R1()).public_key()
DER = KEY.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
PEM = KEY.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.mark.parametrize("text", [base64.b64encode(DER).decode(), PEM, PEM.replace("\n", " ")])
def test_sendgrids_key_is_read_with_or_without_its_lines(text: str) -> None:
    assert verification_key(text).public_numbers() == KEY.public_numbers()


def _rsa() -> str:
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    return base64.b64encode(
        made.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).decode()


@pytest.mark.parametrize("text", ["nonsense", "QUJD", PEM[:60], _rsa()])
def test_another_key_is_refused_when_the_program_starts(text: str) -> None:
    with pytest.raises(ValidationError, match="SendGrid"):
        Settings(webhook_sendgrid_key=text)


def test_a_secret_that_is_guessed_in_no_time_is_refused() -> None:
    with pytest.raises(ValidationError, match="24 characters"):
        Settings(webhook_postmark_secret="secret")
    assert Settings(webhook_ses_topic="arn:a arn:b").webhook_ses_topic == ("arn:a", "arn:b")
