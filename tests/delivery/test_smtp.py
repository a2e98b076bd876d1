"""Mails over a real SMTP server on loopback, with TLS and a password, that drops no doubles."""

import email
import json
import random
import socketserver
import threading
from collections import Counter
from email import policy

import pytest

from assets.send import Wanted, journal_file, send_month
from pipeline.delivery_journal import read_journal
from pipeline.delivery_settings import Smtp
from pipeline.errors import ConfigError
from pipeline.period import Month
from pipeline.settings import load
from pipeline.smtp import SmtpTransport
from pipeline.transport import NotTaken, Undecided
from tests.delivery.conftest import WANTED, Assassin, configure, run_send, start_send

pytestmark = pytest.mark.system

MONTH = Month.parse("2026-10")


def sent(folder, pauses=None, **wanted):
    pause = (pauses if pauses is not None else []).append
    return send_month(load(folder / "tallystick.toml"), MONTH, Wanted(**wanted), pause)


@pytest.mark.parametrize("tls", ["starttls", "tls", "none"])
def test_everybody_gets_every_mail_once_however_often_it_is_sent(month_folder, serve, tls) -> None:
    server = serve(tls)
    configure(month_folder, server.lines)
    code, told = run_send(month_folder)
    assert code == 0, told
    assert "4 mails sent, 0 sent before, 0 not." in told
    assert server.mailbox.counts() == WANTED
    assert sent(month_folder, again=True).is_well
    assert server.mailbox.counts() == WANTED
    for to, data in server.mailbox.taken:
        message = email.message_from_bytes(data, policy=policy.default)
        assert message["To"] == to
        assert message["From"] == "Bills <bills@acme.example>"
        assert [part.get_content_type() for part in message.walk()][1:] == ["text/plain", "text/html"]
        assert not any(part.defects for part in message.walk())


def test_what_arrives_is_byte_for_byte_what_was_published(month_folder, serve) -> None:
    server = serve()
    configure(month_folder, server.lines)
    sent(month_folder)
    published = (month_folder / "output" / "2026-10" / "index.eml").read_bytes()
    [arrived] = [data for to, data in server.mailbox.taken if to.startswith("cfo")]
    assert arrived.partition(b"\r\n\r\n")[2] == published.partition(b"\r\n\r\n")[2]


def test_a_new_version_goes_out_again_and_a_changed_address_only_there(month_folder, serve) -> None:
    server = serve()
    configure(month_folder, server.lines)
    sent(month_folder)
    for path in (month_folder / "output").rglob("*.eml"):
        path.write_bytes(path.read_bytes().replace(b"c7f41a90be22d3a1", b"d7f41a90be22d3a1"))
    assert sent(month_folder).is_well
    assert server.mailbox.counts() == WANTED + WANTED
    config = month_folder / "tallystick.toml"
    config.write_text(config.read_text("utf-8").replace("cfo@", "coo@"), "utf-8")
    assert sent(month_folder).is_well
    assert server.mailbox.counts() - (WANTED + WANTED) == Counter({("index", "coo@acme.example"): 1})


def test_a_server_that_cannot_prove_who_it_is_gets_nothing(month_folder, serve) -> None:
    server = serve()
    for lines in (
        "\n".join(line for line in server.lines.splitlines() if not line.startswith("ca_file")),
        server.lines.replace('host = "127.0.0.1"', 'host = "localhost"'),
    ):
        configure(month_folder, lines)
        code, told = run_send(month_folder)
        assert code == 1
        assert "cannot be trusted" in told
        assert "not tried, for no mail is taken" in told
    assert server.mailbox.events == []


def test_a_server_without_tls_gets_no_password_and_no_mail(month_folder, serve) -> None:
    server = serve("none")
    configure(month_folder, server.lines.replace('"none"', '"starttls"') + 'user = "bills"\n')
    done = sent(month_folder)
    assert {each.state for each in done.outcomes} == {"failed", "waiting"}
    assert "STARTTLS" in done.outcomes[0].told
    assert server.mailbox.events == []


def test_a_wrong_password_stops_and_is_not_tried_again_and_the_right_one_sends(
    month_folder, serve, monkeypatch
) -> None:
    server = serve()
    configure(month_folder, server.lines)
    pauses: list[float] = []
    monkeypatch.setenv("TALLYSTICK_SMTP_PASSWORD", "wrong")
    done = sent(month_folder, pauses)
    assert [each.state for each in done.outcomes] == ["failed", "waiting", "waiting", "waiting"]
    assert "535" in done.outcomes[0].told
    assert pauses == []
    monkeypatch.undo()
    monkeypatch.setenv("TALLYSTICK_SMTP_PASSWORD", "pass word #1")
    assert sent(month_folder).is_well
    assert server.mailbox.counts() == WANTED


def test_without_a_password_nothing_starts(month_folder, serve, monkeypatch) -> None:
    configure(month_folder, serve().lines)
    monkeypatch.delenv("TALLYSTICK_SMTP_PASSWORD")
    with pytest.raises(ConfigError, match="TALLYSTICK_SMTP_PASSWORD"):
        sent(month_folder)
    monkeypatch.setenv("TALLYSTICK_SMTP_PASSWORD", "pass wörd")
    with pytest.raises(ConfigError, match="must be ASCII"):
        sent(month_folder)


@pytest.mark.parametrize("event", ["MAIL", "RCPT", "REFUSE"])
def test_what_may_be_tried_again_is_with_pauses_and_arrives_once(month_folder, serve, event) -> None:
    server = serve()
    configure(month_folder, server.lines)
    answers = iter(["451 4.7.1 greylisted", "450 busy"])
    server.mailbox.answer = lambda what, to: next(answers, None) if what == event else None
    pauses: list[float] = []
    done = sent(month_folder, pauses)
    assert done.is_well
    assert pauses == [1.0, 5.0]
    assert server.mailbox.counts() == WANTED


def test_what_may_not_be_tried_again_is_listed_and_others_get_theirs(month_folder, serve) -> None:
    server = serve()
    configure(month_folder, server.lines)
    server.mailbox.answer = lambda what, to: (
        "550 5.1.1 no such user" if what == "RCPT" and to.startswith("bob") else None
    )
    pauses: list[float] = []
    for _ in range(2):
        done = sent(month_folder, pauses)
        assert {(each.letter.to[:3], each.state) for each in done.outcomes} >= {("bob", "rejected")}
    code, told = run_send(month_folder)
    assert code == 1
    assert "bob@acme.example: rejected, 550 5.1.1 no such user" in told
    assert pauses == []
    bob = ("payments", "bob@acme.example")
    assert server.mailbox.counts() == WANTED - Counter([bob])
    assert sum(line == "RCPT bob@acme.example" for line in server.mailbox.events) == 1
    server.mailbox.answer = lambda what, to: None
    assert sent(month_folder, again=True).is_well
    assert server.mailbox.counts() == WANTED


def test_what_fails_for_good_is_listed_and_sent_by_the_next_run(month_folder, serve) -> None:
    server = serve()
    configure(month_folder, server.lines)
    server.mailbox.answer = lambda what, to: "452 full" if what == "RCPT" and to.startswith("ann") else None
    pauses: list[float] = []
    done = sent(month_folder, pauses)
    assert [each.state for each in done.outcomes] == ["sent", "failed", "sent", "failed"]
    assert pauses == [1.0, 5.0, 25.0] * 2
    server.mailbox.answer = lambda what, to: None
    assert sent(month_folder).is_well
    assert server.mailbox.counts() == WANTED


def test_a_server_that_is_not_there_is_tried_and_said(month_folder, serve) -> None:
    server = serve()
    configure(month_folder, server.lines)
    server.stop()
    pauses: list[float] = []
    done = sent(month_folder, pauses)
    assert [each.state for each in done.outcomes] == ["failed", "waiting", "waiting", "waiting"]
    assert pauses == [1.0, 5.0, 25.0]
    assert "cannot be reached" in done.outcomes[0].told


def killed_at(folder, server, nth: int) -> tuple[str, bool]:
    """Send, killed when the server has met its nth event; the event, and whether it came to that."""
    kill, seen = Assassin(), len(server.mailbox.events)

    def answer(what: str, to: str) -> None:
        if what != "REFUSE" and len(server.mailbox.events) - seen == nth:
            kill()

    server.mailbox.answer = answer
    process = start_send(folder)
    kill.aim(process)
    process.communicate(timeout=300)
    server.mailbox.answer = lambda what, to: None
    events = server.mailbox.events[seen:]
    return (events[nth - 1] if len(events) >= nth else ""), process.returncode == -9


@pytest.mark.parametrize("nth", [1, 2, 3, 7, 8, 9, 12])
def test_killed_at_any_step_and_repeated_it_delivers_exactly_once(month_folder, serve, nth) -> None:
    """Every mail is three steps: MAIL, RCPT, and the whole of it taken but not answered yet."""
    server = serve()
    configure(month_folder, server.lines)
    event, was_killed = killed_at(month_folder, server, nth)
    assert was_killed
    assert event.split()[0] == ("MAIL", "RCPT", "DATA")[(nth - 1) % 3]
    for _ in range(2):
        done = sent(month_folder)
        assert server.mailbox.counts() == WANTED
        undecided = [each for each in done.outcomes if each.state == "undecided"]
        assert len(undecided) == event.startswith("DATA")
        assert done.is_well is not bool(undecided)


def test_killed_at_any_moment_nobody_gets_two_and_who_has_none_is_listed(month_folder, serve) -> None:
    server, chance = serve(), random.Random(3)  # noqa: S311
    configure(month_folder, server.lines)
    server.mailbox.seconds = 0.02
    config = load(month_folder / "tallystick.toml")
    ends = Counter()
    for _ in range(6):
        server.mailbox.taken.clear()
        journal_file(config).unlink(missing_ok=True)
        started, moment = threading.Event(), chance.random() * 0.3
        server.mailbox.answer = lambda what, to, started=started: started.set()  # type: ignore[misc]
        process = start_send(month_folder)
        assert started.wait(120)
        threading.Timer(moment, process.kill).start()
        process.communicate(timeout=300)
        sent(month_folder)
        counts = server.mailbox.counts()
        assert max(counts.values()) == 1
        undecided = [each for each in sent(month_folder, deliver=False).outcomes if each.state == "undecided"]
        missing = WANTED - counts
        assert set(missing) <= {
            (each.letter.mailing.path.removeprefix("teams/").removesuffix(".eml"), each.letter.to)
            for each in undecided
        }
        ends["missing" if missing else "undecided" if undecided else "all"] += 1
    assert sum(ends.values()) == 6


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
    transport = SmtpTransport(Smtp(host="127.0.0.1", port=port, tls="none"), load_root(), None)
    try:
        return transport.deliver("a@b.example", "c@d.example", data, lambda: left.append("left"))
    finally:
        transport.close()


def load_root():
    from pathlib import Path  # noqa: PLC0415

    return Path()


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


def test_the_journal_says_before_the_end_that_a_mail_leaves(month_folder, serve) -> None:
    """When the server has the whole mail, `sending` is on disk already."""
    server = serve()
    configure(month_folder, server.lines)
    path = journal_file(load(month_folder / "tallystick.toml"))
    seen = []

    def answer(what: str, to: str) -> None:
        if what in ("RCPT", "DATA"):
            states = (
                [json.loads(line)["state"] for line in path.read_text("utf-8").splitlines()]
                if path.exists()
                else []
            )
            seen.append((what, states[-1] if states else ""))

    server.mailbox.answer = answer
    sent(month_folder)
    assert seen == [("RCPT", ""), ("DATA", "sending"), *[("RCPT", "sent"), ("DATA", "sending")] * 3]
    assert {entry.state for entry in read_journal(path).values()} == {"sent"}
    assert "pass word" not in path.read_text("utf-8")


def test_two_sends_at_once_deliver_once(month_folder, serve) -> None:
    server = serve()
    server.mailbox.seconds = 0.1
    configure(month_folder, server.lines)
    processes = [start_send(month_folder) for _ in range(2)]
    said = [process.communicate(timeout=300) for process in processes]
    assert {process.returncode for process in processes} <= {0, 2}, said
    assert sent(month_folder).is_well
    assert server.mailbox.counts() == WANTED
