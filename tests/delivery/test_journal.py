"""The journal of mails: what a kill leaves, what damage means, and that one process writes."""

import json

import pytest

from pipeline.delivery_journal import STATES, Key, open_journal, read_journal
from pipeline.errors import TallystickError

KEY = Key("2026-10 version 1 c", "g", "a@b.example")


def test_the_last_line_counts(tmp_path) -> None:
    path = tmp_path / "below" / "j.jsonl"
    assert read_journal(path) == {}
    with open_journal(path) as journal:
        assert journal.last(KEY) is None
        for state in STATES:
            journal.add(KEY, state, f"told {state}")
            assert read_journal(path)[KEY].state == state
    with open_journal(path) as journal:
        last = journal.last(KEY)
    assert last
    assert (last.state, last.told) == ("failed", "told failed")
    assert len(path.read_bytes().splitlines()) == len(STATES)


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_line_that_a_kill_cut_off_never_was(tmp_path, cut) -> None:
    path = tmp_path / "j.jsonl"
    with open_journal(path) as journal:
        journal.add(KEY, "sending")
        whole = path.stat().st_size
        journal.add(KEY, "sent", "250 ok")
    path.write_bytes(path.read_bytes()[: whole + cut])
    assert read_journal(path)[KEY].state == "sending"
    with open_journal(path) as journal:
        journal.add(KEY._replace(to="c@b.example"), "sent")
    assert [json.loads(line)["state"] for line in path.read_text("utf-8").splitlines()] == ["sending", "sent"]


def test_damage_stops_everything(tmp_path) -> None:
    path = tmp_path / "j.jsonl"
    with open_journal(path) as journal:
        journal.add(KEY, "sent")
    path.write_bytes(b"{}\n" + path.read_bytes())
    with pytest.raises(TallystickError, match="line 1 is no line"), open_journal(path):
        pass


def test_one_process_sends_at_a_time(tmp_path) -> None:
    path = tmp_path / "j.jsonl"
    with (
        open_journal(path),
        pytest.raises(TallystickError, match="Another `tallystick send`"),
        open_journal(path),
    ):
        pass
    with open_journal(path):
        pass
