"""What is said without sending, and what is published is what is sent."""

import hashlib
import json
from email import message_from_bytes, policy

import pytest

from assets.send import Wanted, journal_file, send_month
from pipeline.delivery import Letter, addressed
from pipeline.errors import ConfigError, TallystickError
from pipeline.mailings import group_of, read_mailings
from pipeline.period import Month
from pipeline.settings import load
from tests.delivery.conftest import WANTED, configure

MONTH = Month.parse("2026-10")


def told(folder, **wanted):
    return send_month(load(folder / "tallystick.toml"), MONTH, Wanted(**wanted))


def test_without_a_way_to_send_nothing_is_sent_and_nothing_written(month_folder) -> None:
    done = told(month_folder)
    assert done.is_dry
    assert done.is_well
    assert len(done.outcomes) == WANTED.total()
    assert {each.state for each in done.outcomes} == {"waiting"}
    assert done.unnamed == ("teams/assistants.eml", "teams/uninstrumented.eml", "teams/unowned.eml")
    assert done.absent == ()
    assert not journal_file(load(month_folder / "tallystick.toml")).exists()
    with pytest.raises(ConfigError, match="Nothing can be sent"):
        told(month_folder, deliver=True)


def test_a_dry_run_is_dry_whatever_is_configured(month_folder) -> None:
    configure(month_folder, '[delivery.smtp]\nhost = "127.0.0.1"\nport = 1\n')
    assert told(month_folder, deliver=False).is_dry


def test_a_team_can_be_sent_alone(month_folder) -> None:
    done = told(month_folder, team="search")
    assert [(each.letter.mailing.path, each.letter.to) for each in done.outcomes] == [
        ("teams/search.eml", "ann@acme.example")
    ]
    assert done.unnamed == ()
    with pytest.raises(ConfigError, match="names nobody for team 'assistants'"):
        told(month_folder, team="assistants")


def test_a_team_without_a_mail_is_named(month_folder) -> None:
    configure(month_folder, '[[delivery.recipients]]\nteam = "gone"\nto = ["a@b.example"]\n')
    assert told(month_folder).absent == ("gone",)


def test_a_team_called_as_the_mail_of_all_teams_is_another(month_folder) -> None:
    assert group_of("index") != group_of(None)


def test_a_month_that_is_not_published_has_no_mail(month_folder) -> None:
    (month_folder / "output" / "2026-10" / "index.eml").unlink()
    with pytest.raises(TallystickError, match="Run `tallystick close 2026-10` first"):
        told(month_folder)


def test_mails_of_two_versions_are_not_sent_together(month_folder) -> None:
    path = month_folder / "output" / "2026-10" / "index.eml"
    path.write_bytes(path.read_bytes().replace(b"c7f41a90be22d3a1", b"d7f41a90be22d3a1"))
    with pytest.raises(TallystickError, match="closed again"):
        told(month_folder)


def test_a_locked_mail_that_somebody_changed_is_not_sent(month_folder) -> None:
    folder = month_folder / "output" / "2026-10"
    names = ["index.eml", "teams/search.eml"]
    files = [{"name": n, "sha256": hashlib.sha256((folder / n).read_bytes()).hexdigest()} for n in names]
    (folder / "closing.json").write_text(json.dumps({"events": [], "files": files}))
    assert told(month_folder).is_well
    with (folder / "index.eml").open("ab") as mail:
        mail.write(b"\r\n")
    with pytest.raises(TallystickError, match="not the mail that was locked"):
        told(month_folder)


def test_what_is_sent_is_what_was_published_with_its_recipient(month_folder) -> None:
    config = load(month_folder / "tallystick.toml")
    for mailing in read_mailings(config.output_folder / "2026-10", MONTH):
        from datetime import UTC, datetime  # noqa: PLC0415

        letter = Letter(mailing, "ann@acme.example")
        data = addressed(letter, config.delivery, datetime(2026, 11, 9, 8, tzinfo=UTC))
        sent = message_from_bytes(data, policy=policy.default)
        published = message_from_bytes(
            (config.output_folder / "2026-10" / mailing.path).read_bytes(), policy=policy.default
        )
        assert data.isascii()
        assert sent["To"] == "ann@acme.example"
        assert sent["From"] == "Bills <bills@acme.example>"
        assert sent["Reply-To"] == "help@acme.example"
        assert sent["Date"] == "Mon, 09 Nov 2026 08:00:00 +0000"
        for name in ("Subject", "Message-ID"):
            assert sent[name] == published[name]
        assert [p.get_content() for p in sent.iter_parts()] == [
            p.get_content() for p in published.iter_parts()
        ]
