"""Mails over SMTP: certificates are verified, and the end of the mail is sent after it is written down.

A server takes a mail when it has read the line with the dot that ends it (RFC 5321, 4.1.1.4 and 4.2.5). All
before that line is sent first, then `leaving` is called, then the line follows; smtplib's own `data` sends
both at once.
"""

import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.delivery_settings import Smtp
from pipeline.errors import ConfigError
from pipeline.transport import NotTaken, Undecided, told

COMMAND_SECONDS = 60.0
END_SECONDS = 600.0
"""How long a server may think about a whole mail (RFC 5321, 4.5.3.2.6)."""


class SmtpTransport:
    """A server that speaks SMTP; one connection for all mails as long as it holds."""

    def __init__(self, smtp: Smtp, root: Path, password: str | None) -> None:
        if smtp.user is not None and not password:
            raise ConfigError(
                f"delivery.smtp names the user {smtp.user!r} and there is no password. "
                "Set TALLYSTICK_SMTP_PASSWORD in the environment."
            )
        if not f"{smtp.user}{password}".isascii():  # smtplib signs on with nothing else
            raise ConfigError("User and password of delivery.smtp must be ASCII. Set another password.")
        self._smtp, self._password = smtp, password or ""
        self._context = None if smtp.tls == "none" else _context(smtp, root)
        self._server: smtplib.SMTP | None = None

    def deliver(self, sender: str, to: str, data: bytes, leaving: Callable[[], None]) -> str:
        """Give a mail to the server and return its answer; see Transport."""
        with self._giving():
            server = self._connected()
            _expect(server.mail(sender), 250, is_of_all=True)
            _expect(server.rcpt(to), 250, 251)
            _expect(server.docmd("DATA"), 354)
            server.send(_dotted(data))
        leaving()
        try:
            server.send(b".\r\n")
            _socket_of(server).settimeout(END_SECONDS)
            code, answer = server.getreply()
            _socket_of(server).settimeout(COMMAND_SECONDS)
        except (OSError, smtplib.SMTPException):
            self._drop()
            raise Undecided(f"{self._name} broke off before it answered to the whole mail") from None
        with self._giving():
            _expect((code, answer), 250)
        return told(f"{code} ".encode() + answer)

    def close(self) -> None:
        """Say goodbye."""
        if self._server is not None:
            with suppress(OSError, smtplib.SMTPException):
                self._server.quit()
        self._drop()

    @property
    def _name(self) -> str:
        return f"{self._smtp.host}:{self._smtp.port}"

    @contextmanager
    def _giving(self) -> Iterator[None]:
        """What is raised before the last line is sent means that nothing was taken."""
        try:
            yield
        except NotTaken:
            self._reset()
            raise
        except smtplib.SMTPResponseException as error:
            self._drop()
            raise _refusal(error.smtp_code, error.smtp_error, is_of_all=True) from None
        except ssl.SSLCertVerificationError as error:
            self._drop()
            why = f"the certificate of {self._name} cannot be trusted: {told(error.verify_message)}"
            advice = "name the authority's file as ca_file under [delivery.smtp]"
            raise NotTaken(f"{why}; {advice}", is_final=True, is_of_all=True) from None
        except smtplib.SMTPNotSupportedError as error:
            self._drop()
            raise NotTaken(f"{self._name}: {told(str(error))}", is_final=True, is_of_all=True) from None
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            why = told(str(error)) or type(error).__name__
            raise NotTaken(f"{self._name} cannot be reached: {why}", is_of_all=True) from None

    def _connected(self) -> smtplib.SMTP:
        if self._server is None:
            self._server = self._connect()
        return self._server

    def _connect(self) -> smtplib.SMTP:
        place, seconds = (self._smtp.host, self._smtp.port), COMMAND_SECONDS
        if self._smtp.tls == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(*place, timeout=seconds, context=self._context)
        else:
            server = smtplib.SMTP(*place, timeout=seconds)
        try:
            if self._smtp.tls == "starttls":
                server.starttls(context=self._context)  # raises where it is not offered: never in the clear
            if self._smtp.user is not None:
                server.login(self._smtp.user, self._password)
            else:
                server.ehlo_or_helo_if_needed()
        except BaseException:
            server.close()
            raise
        return server

    def _reset(self) -> None:
        if self._server is not None:
            try:
                if self._server.rset()[0] == 250:
                    return
            except (OSError, smtplib.SMTPException):
                pass
            self._drop()

    def _drop(self) -> None:
        if self._server is not None:
            self._server.close()
        self._server = None


def _context(smtp: Smtp, root: Path) -> ssl.SSLContext:
    if smtp.ca_file is None:
        return ssl.create_default_context()
    path = root / smtp.ca_file
    try:
        return ssl.create_default_context(cafile=str(path))
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"delivery.smtp.ca_file: {path} holds no certificates: {error}.") from None


def _dotted(data: bytes) -> bytes:
    """Return the mail with its leading dots doubled and a line end at its end (RFC 5321, 4.5.2)."""
    whole = data if data.endswith(b"\r\n") else data + b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", whole)


def _expect(reply: tuple[int, bytes], *wanted: int, is_of_all: bool = False) -> None:
    code, answer = reply
    if code not in wanted:
        raise _refusal(code, answer, is_of_all=is_of_all)


def _refusal(code: int, answer: str | bytes, *, is_of_all: bool) -> NotTaken:
    """4yz may be tried again, 5yz may not (RFC 5321, 4.2.1); anything else is no SMTP."""
    reason = told(f"{code} ".encode() + (answer if isinstance(answer, bytes) else answer.encode()))
    return NotTaken(reason, is_final=not 400 <= code < 500, is_of_all=is_of_all)


def _socket_of(server: smtplib.SMTP) -> socket.socket:
    if server.sock is None:
        raise smtplib.SMTPServerDisconnected("closed")
    return server.sock
