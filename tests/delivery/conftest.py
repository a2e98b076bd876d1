"""A published month with mails, and real servers that take them and drop no doubles."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from assets.send import Sending, Wanted, send_month
from pipeline.period import Month
from pipeline.settings import load
from reports.mail import Letterhead, render_mails
from reports.month import open_month
from reports.render import month_pages
from tests.reports.conftest import CAUSES, MATERIALITY, make_month

__all__ = ["make_month"]

TALLYSTICK = str(Path(sys.executable).with_name("tallystick"))
PASSWORD = "pass word #1"  # noqa: S105
FROM = '"Bills" <bills@acme.example>'
CONFIG = f"""
company = "Acme"
[delivery]
from = '{FROM}'
reply_to = "help@acme.example"
finance = ["cfo@acme.example"]
[[delivery.recipients]]
team = "payments"
to = ["ann@acme.example", "bob@acme.example"]
[[delivery.recipients]]
team = "search"
to = ["ann@acme.example"]
"""
WANTED = Counter(
    {("index", "cfo@acme.example"): 1, ("payments", "ann@acme.example"): 1,
     ("payments", "bob@acme.example"): 1, ("search", "ann@acme.example"): 1}
)  # fmt: skip
"""Who is to get what, once."""


@pytest.fixture
def month_folder(tmp_path: Path, make_month: Any) -> Path:
    """A configuration beside a published month that has mails; nobody to send them with yet."""
    tables = make_month()
    close = tables["report.close"]
    tables["report.close"] = close.with_columns(price_card_version=close["close_id"])
    mails = render_mails(month_pages(open_month(tables, CAUSES, "Acme", MATERIALITY)), Letterhead(FROM))
    for path, mail in mails.items():
        target = tmp_path / "output" / "2026-10" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(mail, "ascii", newline="")
    (tmp_path / "tallystick.toml").write_text(CONFIG, "utf-8")
    return tmp_path


def which(data: bytes) -> str:
    """Return whose report a mail holds."""
    import email  # noqa: PLC0415
    from email import policy  # noqa: PLC0415

    subject = email.message_from_bytes(data, policy=policy.default)["Subject"]
    return next((team for team in ("payments", "search") if f": {team} was" in subject), "index")


class Mailbox:
    """Takes every mail; a test can look on, answer otherwise, or kill the client at any event."""

    def __init__(self, *, is_closed: bool) -> None:
        self.is_closed = is_closed
        self.taken: list[tuple[str, bytes]] = []
        self.events: list[str] = []
        self.answer: Callable[[str, str], str | None] = lambda event, to: None
        self.seconds = 0.0

    def counts(self) -> Counter[tuple[str, str]]:
        return Counter((which(data), to) for to, data in self.taken)

    def _met(self, event: str, to: str) -> str | None:
        self.events.append(f"{event} {to}")
        time.sleep(self.seconds)
        return self.answer(event, to)

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if self.is_closed and not session.authenticated:
            return "530 5.7.0 Authentication required"
        answer = self._met("MAIL", address)
        envelope.mail_from = address
        return answer or "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        answer = self._met("RCPT", address)
        if answer is None:
            envelope.rcpt_tos.append(address)
        return answer or "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        [to] = envelope.rcpt_tos
        answer = self.answer("REFUSE", to)
        if answer is None:
            self.taken.append((to, envelope.original_content))
            self._met("DATA", to)
        return answer or "250 2.0.0 queued"


class Server(Controller):
    """One that must be spoken to with TLS and a password, or with neither."""

    mailbox: Mailbox
    lines: str


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _login(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    is_right = isinstance(data, LoginPassword) and (data.login, data.password) == (
        b"bills",
        PASSWORD.encode(),
    )
    return AuthResult(success=is_right, handled=is_right)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[trustme.CA, Path]:
    ca = trustme.CA()
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    ca.cert_pem.write_to_path(path)
    return ca, path


def start_server(
    authority: tuple[trustme.CA, Path], tls: str = "starttls", host: str = "127.0.0.1"
) -> Server:
    """Start a server; its `lines` belong under [delivery.smtp]. Whoever starts it stops it."""
    ca, ca_file = authority
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert(host).configure_cert(context)
    ways: dict[str, dict[str, Any]] = {
        "starttls": {"tls_context": context, "require_starttls": True},
        "tls": {"ssl_context": context, "auth_require_tls": False},
        "none": {},
    }
    if tls != "none":
        ways[tls]["authenticator"] = _login
    mailbox = Mailbox(is_closed=tls != "none")
    server = Server(mailbox, hostname="127.0.0.1", port=free_port(), **ways[tls])
    server.start()
    server.mailbox = mailbox
    user = f'user = "bills"\nca_file = "{ca_file}"\n' if tls != "none" else ""
    server.lines = f'[delivery.smtp]\nhost = "127.0.0.1"\nport = {server.port}\ntls = "{tls}"\n{user}'
    return server


@pytest.fixture
def serve(authority: tuple[trustme.CA, Path]) -> Iterator[Callable[..., Server]]:
    """Start servers that are stopped at the end of the test."""
    running = []

    def start(tls: str = "starttls", host: str = "127.0.0.1") -> Server:
        running.append(start_server(authority, tls, host))
        return running[-1]

    yield start
    for server in running:
        if server.server is not None:
            server.stop()


@pytest.fixture(autouse=True)
def _password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALLYSTICK_SMTP_PASSWORD", PASSWORD)


def configure(folder: Path, lines: str) -> None:
    (folder / "tallystick.toml").write_text(CONFIG + lines, "utf-8")


def start_send(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [TALLYSTICK, "send", "2026-10", *words],
        cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ},
    )  # fmt: skip


def run_send(folder: Path, *words: str) -> tuple[int, str]:
    process = start_send(folder, *words)
    said, told = process.communicate(timeout=300)
    return process.returncode, said + told


class Assassin:
    """Kills the client it is told of, once, from any thread."""

    def __init__(self) -> None:
        self._known = threading.Event()
        self._pid = 0

    def aim(self, process: subprocess.Popen[str]) -> None:
        self._pid = process.pid
        self._known.set()

    def __call__(self) -> None:
        assert self._known.wait(60)
        os.kill(self._pid, signal.SIGKILL)


def sent(folder: Path, pauses: list[float] | None = None, **wanted: Any) -> Sending:
    """Send the mails of the month in this process; pauses are noted, not made."""
    pause = (pauses if pauses is not None else []).append
    return send_month(load(folder / "tallystick.toml"), Month.parse("2026-10"), Wanted(**wanted), pause)
