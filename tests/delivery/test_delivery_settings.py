"""What `[delivery]` takes, and what it refuses in words."""

from pathlib import Path

import pytest

from pipeline.closing import rules
from pipeline.delivery_checks import delivery_problems
from pipeline.errors import ConfigError
from pipeline.period import Month
from pipeline.settings import Settings, load
from pipeline.summary import close_id
from schemas.tables import BY_NAME

SMTP = '[delivery]\nfrom = "bills@acme.example"\n[delivery.smtp]\nhost = "mail.acme.example"\n'


def settings(folder: Path, text: str) -> Settings:
    (folder / "t.toml").write_text(text, "utf-8")
    return load(folder / "t.toml")


def test_nothing_is_configured_by_default(tmp_path) -> None:
    told = settings(tmp_path, "").delivery
    assert not told.is_configured
    assert told.finance == told.recipients == ()


def test_a_password_never_goes_in_the_clear_and_tls_is_the_default(tmp_path) -> None:
    smtp = settings(tmp_path, SMTP).delivery.smtp
    assert smtp
    assert (smtp.tls, smtp.port) == ("starttls", 587)
    with pytest.raises(ConfigError, match="never sent in the clear"):
        settings(tmp_path, SMTP + 'tls = "none"\nuser = "u"\n')


def test_names_before_addresses_are_kept_in_one_form(tmp_path) -> None:
    text = '[delivery]\nfrom = "Ünïcödé, Bills <bills@acme.example>"\nreply_to = "a.b+c@acme.example"\n'
    told = settings(tmp_path, text.replace("Ünïcödé, Bills", "Ünïcödé Bills")).delivery
    assert told.sender == "Ünïcödé Bills <bills@acme.example>"
    assert told.reply_to == "a.b+c@acme.example"


@pytest.mark.parametrize(
    "address",
    ["", "x", "a@", "@b", "a b@c.example", "a@b@c", "a@b.example\\r\\nBcc: eve@x.example", "ü@b.example", "a@ü.example",
     "<a@b.example>", "a@b.example,c@d.example", ".a@b.example", "a..b@c.example", f"{'x' * 65}@b.example"],
)  # fmt: skip
def test_what_is_no_address_is_refused(tmp_path, address) -> None:
    with pytest.raises(ConfigError, match="no address of e-mail"):
        settings(tmp_path, f'[delivery]\nfinance = ["{address}"]\n')
    with pytest.raises(ConfigError, match=r"delivery\.from"):
        settings(
            tmp_path,
            f'[delivery]\nfrom = "{address}"\n' if address != "<a@b.example>" else '[delivery]\nfrom = "\\n"',
        )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[delivery]\nfinance = ["a@b.example", "A@b.example"]', "a@b.example stands twice"),
        ('[delivery.smtp]\nhost = "h"', "from is missing"),
        (SMTP + '[delivery.ses]\nregion = "eu-west-1"', "smtp and ses are both set"),
        ('[delivery]\n[[delivery.recipients]]\nteam = "a"\nto = ["a@b.example"]\n'
         '[[delivery.recipients]]\nteam = "a"\nto = ["c@b.example"]', "team 'a' has two lists"),
        ('[delivery]\n[[delivery.recipients]]\nteam = "a"\nto = []', "at least 1 item"),
        ('[delivery]\nfrm = "a@b.example"', "Did you mean 'from'"),
        ('[delivery]\nbase_url = "https://u:p@x.example"', "no credentials"),
        (SMTP.replace("mail.acme.example", "smtp://x"), "without a scheme"),
        ('[delivery]\nfrom = "a@b.example"\n[delivery.ses]\nendpoint_url = "ftp://x"', "http:// or https://"),
        (SMTP + 'password = "x"', "unknown key 'delivery.smtp.password'"),
    ],
)  # fmt: skip
def test_mistakes_are_named(tmp_path, text, words) -> None:
    with pytest.raises(ConfigError, match=words):
        settings(tmp_path, text)


def test_who_gets_mails_changes_no_close_and_no_lock(tmp_path) -> None:
    without, told = settings(tmp_path, ""), settings(tmp_path, SMTP)
    files, month = BY_NAME["raw.file"].contract.empty(), Month.parse("2026-10")
    assert close_id(without, month, files) == close_id(told, month, files)
    assert rules(without) == rules(told)


def test_a_check_names_unknown_teams_and_what_is_missing(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("TALLYSTICK_SMTP_PASSWORD")
    lines = '[[teams]]\nteam = "payments"\n[[delivery.recipients]]\nteam = "paymets"\nto = ["a@b.example"]\n'
    config = settings(tmp_path, SMTP + 'user = "u"\nca_file = "no.pem"\n' + lines)
    found = list(delivery_problems(config))
    assert [each[0] for each in found] == ["warning", "error"]
    assert "Did you mean 'payments'?" in found[0][2]
    assert "TALLYSTICK_SMTP_PASSWORD" in found[1][2]
    monkeypatch.setenv("TALLYSTICK_SMTP_PASSWORD", "x")
    assert "holds no certificates" in list(delivery_problems(config))[1][2]
    assert list(delivery_problems(settings(tmp_path, ""))) == []


def test_a_team_that_has_a_mail_is_known(month_folder) -> None:
    assert list(delivery_problems(load(month_folder / "tallystick.toml"))) == []
