"""`[delivery]` of the configuration: who gets which mail, and over what it is sent."""

import re
from email.headerregistry import Address
from email.utils import getaddresses
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from pipeline.sections import Section

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)*[A-Za-z0-9-]{1,63}")
_HOST = re.compile(r"[A-Za-z0-9.:_-]{1,255}")
_URL = re.compile(r"https?://[^\s/@?#<>\"]+(/[^\s@?#<>\"]*)?")


def _address(value: str) -> str:
    """Return an address as SMTP takes it."""
    local, _, domain = value.rpartition("@")
    if (
        not _ADDRESS.fullmatch(value)
        or len(value) > 254
        or ".." in value
        or local[:1] == "."
        or local[-1:] == "."
    ):
        raise ValueError(
            "this is no address of e-mail; write name@example.com in ASCII, without spaces or angle brackets"
            + (", and the domain in its xn-- form" if not domain.isascii() else "")
        )
    return value


def _mailbox(value: str) -> str:
    """Return an address with or without a name before it, in one form."""
    found = getaddresses([value])
    if not value.isprintable() or len(found) != 1 or not found[0][1]:
        raise ValueError('write an address, or a name and an address: "Tallystick <bills@example.com>"')
    [(name, address)] = found
    return str(Address(name, addr_spec=_address(address)))


Addr = Annotated[str, AfterValidator(_address)]
_Mailbox = Annotated[str, AfterValidator(_mailbox)]


class Recipients(Section):
    """Who gets the mail of a team."""

    team: str
    to: Annotated[tuple[Addr, ...], Field(min_length=1)]


class Smtp(Section):
    """A server that takes mail; the password stands in $TALLYSTICK_SMTP_PASSWORD."""

    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    tls: Literal["starttls", "tls", "none"] = "starttls"
    """starttls (port 587), tls from the first byte (port 465), or none, for a relay on this machine."""
    user: str | None = None
    ca_file: str | None = None
    """Certificates to trust instead of the system's, relative to the configuration's folder."""

    @field_validator("host")
    @classmethod
    def _is_a_host(cls, value: str) -> str:
        if not _HOST.fullmatch(value):
            raise ValueError("write the name of a host, without a scheme")
        return value

    @model_validator(mode="after")
    def _no_password_in_the_clear(self) -> "Smtp":
        if self.tls == "none" and self.user is not None:
            raise ValueError(
                'a password is never sent in the clear: set tls = "starttls" or "tls", or remove user'
            )
        if self.tls == "none" and self.ca_file is not None:
            raise ValueError("ca_file says whom to trust with tls; remove it, or set tls")
        return self


class Ses(Section):
    """Amazon SES; credentials are the environment's matter."""

    region: str | None = None
    """Else what the environment says."""
    endpoint_url: str | None = None
    """Another server that speaks SES; without it AWS_ENDPOINT_URL_SESV2, else Amazon's."""

    @field_validator("endpoint_url")
    @classmethod
    def _is_a_url(cls, value: str | None) -> str | None:
        if value is not None and not _URL.fullmatch(value):
            raise ValueError("write http:// or https://, the host and the port, and no credentials")
        return value


class Delivery(Section):
    """Mails: from whom, to whom, over what. Without `smtp` and `ses` nothing is ever sent."""

    sender: Annotated[_Mailbox | None, Field(alias="from")] = None
    """Whom the mails are from."""
    reply_to: _Mailbox | None = None
    base_url: str | None = None
    """Where people open the published months; mails link to <base_url>/<month>/index.html."""
    finance: tuple[Addr, ...] = ()
    """Who gets the mail of all teams."""
    recipients: tuple[Recipients, ...] = ()
    smtp: Smtp | None = None
    ses: Ses | None = None

    @field_validator("base_url")
    @classmethod
    def _is_a_url(cls, value: str | None) -> str | None:
        if value is not None and not _URL.fullmatch(value):
            raise ValueError("write http:// or https:// and no credentials, query or fragment")
        return value.rstrip("/") if value else value

    @model_validator(mode="after")
    def _is_whole(self) -> "Delivery":
        if self.smtp and self.ses:
            raise ValueError("smtp and ses are both set; mails go one way, remove one of them")
        if (self.smtp or self.ses) and self.sender is None:
            raise ValueError('from is missing: write from = "Tallystick <bills@example.com>"')
        teams = [each.team for each in self.recipients]
        if twice := sorted({team for team in teams if teams.count(team) > 1}):
            raise ValueError(f"team '{twice[0]}' has two lists of recipients; make one of them")
        for to in (self.finance, *(each.to for each in self.recipients)):
            lower = [address.lower() for address in to]
            if again := sorted({address for address in lower if lower.count(address) > 1}):
                raise ValueError(f"{again[0]} stands twice in one list; write it once")
        return self

    @property
    def is_configured(self) -> bool:
        """Whether mails can be sent."""
        return self.smtp is not None or self.ses is not None
