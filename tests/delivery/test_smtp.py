"""Mails over a real SMTP server on loopback, with TLS and a password, that drops no doubles."""

import email
from collections import Counter
from email import policy

import pytest

from pipeline.errors import ConfigError
from tests.delivery.conftest import WANTED, configure, run_send, sent

pytestmark = pytest.mark.system


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
