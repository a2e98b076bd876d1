"""Mails through a real server that speaks the API of SES on loopback, and past it when it misbehaves."""

import email
import os
import threading
from collections import Counter
from email import policy

import boto3
import pytest
from moto.server import ThreadedMotoServer
from moto.ses.models import ses_backends

from assets.send import Wanted, send_month
from pipeline.errors import ConfigError
from pipeline.period import Month
from pipeline.settings import load
from tests.delivery.conftest import WANTED, Assassin, configure, run_send, start_send, which
from tests.s3.conftest import Proxy, _before, _credentials

__all__ = ["_credentials"]

pytestmark = pytest.mark.system

MONTH = Month.parse("2026-10")
REGION = "eu-west-1"


def refusal(status: int, code: str) -> bytes:
    """An answer as SES gives it."""
    body = b'{"message":"told so"}'
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nx-amzn-ErrorType: {code}\r\n"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


@pytest.fixture(scope="module")
def moto():
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def ses(moto, monkeypatch):
    """A proxy before the server, where the sender is verified and nothing was sent yet."""
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    client = boto3.client("sesv2", endpoint_url=moto, region_name=REGION, **keys)
    client.create_email_identity(EmailIdentity="bills@acme.example")
    ses_backends["123456789012"][REGION].sent_messages.clear()
    with _before(moto) as proxy:
        yield proxy
    client.delete_email_identity(EmailIdentity="bills@acme.example")
    client.close()


def lines(proxy: Proxy) -> str:
    return f'[delivery.ses]\nregion = "{REGION}"\nendpoint_url = "{proxy.url}"\n'


def counts() -> Counter[tuple[str, str]]:
    messages = ses_backends["123456789012"][REGION].sent_messages
    return Counter((which(each.raw_data.encode()), each.destinations[0]) for each in messages)


def sent(folder, pauses=None, **wanted):
    pause = (pauses if pauses is not None else []).append
    return send_month(load(folder / "tallystick.toml"), MONTH, Wanted(**wanted), pause)


def test_everybody_gets_every_mail_once_however_often_it_is_sent(month_folder, ses) -> None:
    configure(month_folder, lines(ses))
    code, told = run_send(month_folder)
    assert (code, counts()) == (0, WANTED), told
    assert {each.state for each in sent(month_folder).outcomes} == {"before"}
    assert counts() == WANTED
    for each in ses_backends["123456789012"][REGION].sent_messages:
        message = email.message_from_string(each.raw_data, policy=policy.default)
        assert message["To"] == each.destinations[0]
        assert [part.get_content_type() for part in message.walk()][1:] == ["text/plain", "text/html"]


def test_too_many_requests_are_tried_again(month_folder, ses) -> None:
    configure(month_folder, lines(ses))
    answers = iter([refusal(429, "TooManyRequestsException"), refusal(503, "ServiceUnavailable")])
    ses.fault = lambda what: next(answers, None)
    pauses: list[float] = []
    assert sent(month_folder, pauses).is_well
    assert pauses == [1.0, 5.0]
    assert counts() == WANTED


def test_a_rejected_mail_is_listed_and_the_others_are_sent(month_folder, ses) -> None:
    configure(month_folder, lines(ses))
    answers = iter([refusal(400, "MessageRejected")])
    ses.fault = lambda what: next(answers, None)
    for _ in range(2):
        done = sent(month_folder)
        assert done.outcomes[0].state == "rejected"
        assert "MessageRejected: told so" in done.outcomes[0].told
    assert counts().total() == 3
    assert sent(month_folder, again=True).is_well
    assert counts() == WANTED


def test_who_may_not_send_stops_at_once(month_folder, ses) -> None:
    configure(month_folder, lines(ses))
    ses.fault = lambda what: refusal(403, "AccessDeniedException")
    assert [each.state for each in sent(month_folder).outcomes] == ["failed", "waiting", "waiting", "waiting"]
    assert len(ses.requests) == 1
    ses.fault = lambda what: None
    assert sent(month_folder).is_well
    assert counts() == WANTED


@pytest.mark.parametrize("fault", [refusal(500, "InternalFailure"), b""])
def test_an_answer_that_says_nothing_leaves_it_undecided_and_is_no_second_mail(
    month_folder, ses, fault
) -> None:
    configure(month_folder, lines(ses))
    ses.fault = lambda what: fault
    pauses: list[float] = []
    for _ in range(2):
        assert {each.state for each in sent(month_folder, pauses).outcomes} == {"undecided"}
    assert len(ses.requests) == 4
    assert pauses == []


def test_a_server_that_is_not_there_is_tried_and_said(month_folder, ses) -> None:
    configure(month_folder, f'[delivery.ses]\nregion = "{REGION}"\nendpoint_url = "http://127.0.0.1:1"\n')
    pauses: list[float] = []
    done = sent(month_folder, pauses)
    assert [each.state for each in done.outcomes] == ["failed", "waiting", "waiting", "waiting"]
    assert pauses == [1.0, 5.0, 25.0]


def test_without_keys_or_region_nothing_is_sent_and_it_is_said(month_folder, ses, monkeypatch) -> None:
    configure(month_folder, lines(ses))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert [each.state for each in sent(month_folder).outcomes] == ["failed", "waiting", "waiting", "waiting"]
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    configure(month_folder, f'[delivery.ses]\nendpoint_url = "{ses.url}"\n')
    with pytest.raises(ConfigError, match="region"):
        sent(month_folder)
    assert ses.requests == []


@pytest.mark.parametrize("nth", [0, 3])
@pytest.mark.parametrize("is_passed_on", [True, False])
def test_killed_while_the_server_has_a_mail_and_repeated_nobody_gets_two(
    month_folder, ses, nth, is_passed_on
) -> None:
    configure(month_folder, lines(ses))
    kill, lock = Assassin(), threading.Lock()

    def fault(what: str) -> bytes | None:
        with lock:
            if len(ses.requests) == nth + 1:
                kill()
                return None if is_passed_on else b""
        return None

    ses.fault = fault
    process = start_send(month_folder)
    kill.aim(process)
    process.communicate(timeout=300)
    assert process.returncode == -9
    ses.fault = lambda what: None
    assert not sent(month_folder).is_well
    missing = WANTED - counts()
    assert max(counts().values()) == 1
    assert missing.total() <= 1
    assert is_passed_on or missing.total() == 1
    assert sum(each.state == "undecided" for each in sent(month_folder, deliver=False).outcomes) == 1
    assert os.environ["AWS_ACCESS_KEY_ID"] == "testing"
