"""The settings of looking after the system; part of `alerts.config.Settings`."""

from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode

from alerts.config_sending import is_host_name, is_local_part
from alerts.durations import parse_duration
from alerts.errors import Invalid

# 24 characters of base64 are 144 bits.
_SHORTEST_SECRET = 24
# The database itself keeps entries of a year; a leap year and a clock that is off go on top.
LOG_KEPT_AT_LEAST = timedelta(days=367)
_SHORTEST_WAIT, _LONGEST_WAIT = timedelta(minutes=1), timedelta(days=1)


class OperationsSettings(BaseSettings):
    """Who is told when something is broken, how arrival is watched, and what is kept.

    `alarm_to` are the addresses that alarms are mailed to; they are posted to `alarm_webhook`
    too, signed with `alarm_webhook_secret`. `canary` is an address of the operator's whose mail
    comes back to this program: a copy of every issue goes there, and an alarm is raised when it has
    not come within `canary_within`. After `keep_ledger` the rows of an issue's ledger become
    totals; alarms that are over go after `keep_alarms`, entries of the audit log after `keep_log`,
    which is a year at least. The parts log what is as grave as `log_level`, or graver; `INFO`
    follows what happens.
    """

    alarm_to: Annotated[tuple[str, ...], NoDecode] = ()
    alarm_webhook: str = Field(default="", repr=False)
    alarm_webhook_secret: str = Field(default="", repr=False, validate_default=True)
    canary: str = ""
    canary_within: timedelta = timedelta(minutes=30)
    keep_ledger: timedelta | None = timedelta(days=400)
    keep_alarms: timedelta | None = timedelta(days=365)
    keep_log: timedelta | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "WARNING"

    @field_validator("alarm_to", mode="before")
    @classmethod
    def _addresses_apart(cls, value: object) -> object:
        return tuple(value.split()) if isinstance(value, str) else value

    @field_validator("alarm_to")
    @classmethod
    def _plain_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for address in value:
            _check_address(address)
        return tuple(dict.fromkeys(value))

    @field_validator("canary")
    @classmethod
    def _plain_address(cls, value: str) -> str:
        if value:
            _check_address(value)
            if "+" in value:
                raise ValueError("an address without a + is needed: the program adds its own")
        return value

    @field_validator("alarm_webhook")
    @classmethod
    def _webhook(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in {"https", "http"} or not parts.hostname):
            # Whatever stands there may be a secret: it is not shown.
            raise ValueError("an address such as https://chat.example.org/hooks/1 is needed")
        return value

    @field_validator("alarm_webhook_secret")
    @classmethod
    def _signed(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("alarm_webhook") and len(value) < _SHORTEST_SECRET:
            raise ValueError(
                "what is posted to ALERTS_ALARM_WEBHOOK is signed: at least 24 characters are"
                " needed, from `openssl rand -base64 33`"
            )
        return value

    @field_validator("keep_log")
    @classmethod
    def _a_year_at_least(cls, value: timedelta | None) -> timedelta | None:
        if value is not None and value < LOG_KEPT_AT_LEAST:
            raise ValueError("367 days at least would be right, such as 800 days, or for ever")
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _in_capitals(cls, value: object) -> object:
        return (value.strip().upper() or "WARNING") if isinstance(value, str) else value

    @field_validator("canary_within", mode="before")
    @classmethod
    def _wait(cls, value: object) -> object:
        try:
            wait = parse_duration(value) if isinstance(value, str) else value
        except Invalid as error:
            raise ValueError(str(error)) from error
        if isinstance(wait, timedelta) and not _SHORTEST_WAIT <= wait <= _LONGEST_WAIT:
            raise ValueError("between a minute and a day would be right, such as 30 minutes")
        return wait


def _check_address(text: str) -> None:
    local, at, domain = text.rpartition("@")
    known = at and is_local_part(local) and is_host_name(domain)
    if not (known and text.isascii() and text.isprintable()):
        raise ValueError(
            f"{text!r} is no address such as ops@example.org; several are separated by spaces"
        )
