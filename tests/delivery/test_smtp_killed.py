"""Sends over SMTP that are killed, or run twice at once: nobody gets a mail twice."""

import json
import random
import threading
from collections import Counter

import pytest

from assets.send import journal_file
from pipeline.delivery_journal import read_journal
from pipeline.settings import load
from tests.delivery.conftest import WANTED, Assassin, configure, sent, start_send

pytestmark = pytest.mark.system


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
