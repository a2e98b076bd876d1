"""A server that hangs up: before the end of a mail nothing was taken, after it nobody knows."""

import socketserver
import threading
from pathlib import Path

import pytest

from pipeline.delivery_settings import Smtp
from pipeline.smtp import SmtpTransport
from pipeline.transport import NotTaken, Undecided
from tests.delivery.conftest import configure, sent

pytestmark = pytest.mark.system


class Script(socketserver.BaseRequestHandler):
    """A server that says what it is told to, and hangs up where it is told to."""

    hang_up_at = ""
    body = b""

    def handle(self) -> None:
        self.request.sendall(b"220 here\r\n")
        stream = self.request.makefile("rb")
        while line := stream.readline():
            word = line.split()[0].upper().decode()
            if word == "DATA":
                self.request.sendall(b"354 go on\r\n")
                type(self).body = b""
                while (line := stream.readline()) not in (b".\r\n", b""):
                    type(self).body += line
                    if self.hang_up_at == "body":
                        return
                if self.hang_up_at == "end" or not line:
                    return
                self.request.sendall(b"250 taken\r\n")
            else:
                if self.hang_up_at == word:
                    return
                self.request.sendall(b"250 fine\r\n")


@pytest.fixture
def script():
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), type("Own", (Script,), {})) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server
        server.shutdown()


def over(script, data: bytes, left: list[str]) -> str:
    port = script.server_address[1]
    transport = SmtpTransport(Smtp(host="127.0.0.1", port=port, tls="none"), Path(), None)
    try:
        return transport.deliver("a@b.example", "c@d.example", data, lambda: left.append("left"))
    finally:
        transport.close()


def test_lines_that_begin_with_a_dot_arrive_as_they_are(script) -> None:
    left: list[str] = []
    assert over(script, b"Subject: x\r\n\r\n.\r\n..\r\n.a\r\nb", left) == "250 taken"
    assert script.RequestHandlerClass.body == b"Subject: x\r\n\r\n..\r\n...\r\n..a\r\nb\r\n"
    assert left == ["left"]


@pytest.mark.parametrize("moment", ["EHLO", "MAIL", "RCPT"])
def test_a_server_that_hangs_up_before_the_mail_has_not_taken_it(script, moment) -> None:
    script.RequestHandlerClass.hang_up_at = moment
    left: list[str] = []
    with pytest.raises(NotTaken) as told:
        over(script, b"x\r\n", left)
    assert left == []
    assert (told.value.is_final, told.value.is_of_all) == (False, True)


def test_a_server_that_hangs_up_after_the_mail_leaves_it_undecided(script) -> None:
    script.RequestHandlerClass.hang_up_at = "end"
    left: list[str] = []
    with pytest.raises(Undecided, match="broke off before it answered"):
        over(script, b"x\r\n", left)
    assert left == ["left"]


def test_what_is_undecided_is_sent_again_only_when_asked_for(month_folder, script) -> None:
    script.RequestHandlerClass.hang_up_at = "end"
    configure(
        month_folder,
        f'[delivery.smtp]\nhost = "127.0.0.1"\nport = {script.server_address[1]}\ntls = "none"\n',
    )
    pauses: list[float] = []
    for _ in range(2):
        done = sent(month_folder, pauses)
        assert {each.state for each in done.outcomes} == {"undecided"}
        assert all("Message-ID is <" in each.told for each in done.outcomes)
    assert pauses == []
    script.RequestHandlerClass.hang_up_at = ""
    assert not sent(month_folder).is_well
    assert sent(month_folder, again=True).is_well
