"""`[allocation]`: what is refused, in words that say what to write instead."""

from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from pipeline.settings import Settings, load

RULES = '[[teams]]\nteam = "search"\nservice = "search-*"\n[[scopes]]\nname = "k"\nprovider = "openai"\nteam = "ops"\n'


def loaded(folder: Path, text: str) -> Settings:
    path = folder / "tallystick.toml"
    path.write_text(RULES + "[allocation]\n" + text, "utf-8")
    return load(path)


def test_pools_stay_and_the_rest_is_proportional_where_nothing_is_said() -> None:
    methods = {pool: method.method for pool, method in Settings().allocation.methods.items()}
    assert methods == {
        "fees": "proportional",
        "minimums": "proportional",
        "credits": "proportional",
        "discounts": "proportional",
        "tax": "proportional",
        "currency": "proportional",
        "rounding": "proportional",
        "unowned": "pool",
        "uninstrumented": "pool",
        "unexplained": "proportional",
        "idle": "pool",
    }


@pytest.mark.parametrize("shares", ["{ search = 60, ops = 40 }", '{ search = "0.6", ops = "0.4" }'])
def test_shares_add_up_to_a_hundred_or_to_one(tmp_path: Path, shares: str) -> None:
    found = loaded(tmp_path, f'tax = {{ method = "fixed", shares = {shares} }}').allocation.tax
    assert found.method == "fixed"
    assert set(found.shares) == {"search", "ops"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('tax = { method = "fixed", shares = { search = 60, ops = 30 } }', "the shares add up to 90; write"),
        ('tax = { method = "fixed", shares = { search = 110, ops = -10 } }', "greater than or equal to 0"),
        ('tax = { method = "fixed", shares = { serach = 100 } }', "'serach', which no [[teams]] or [[scopes]] "
         "names. Did you mean 'search'?"),
        ('idle = { method = "even", teams = ["search", "zzz"] }', "idle gives money to team 'zzz'"),
        ('idle = { method = "even", teams = ["ops", "ops"] }', "team 'ops' is listed more than once"),
        ('idle = { method = "pool", teams = ["ops"] }', "teams belong to the method even"),
        ('credits = "fixed"', "shares belong to the method fixed, and that needs them"),
        ('credits = { method = "even", shares = { ops = 1 } }', "shares belong to the method fixed"),
        ('credits = { method = "fixed", shares = { unowned = 1 } }', "'unowned' is the name of a pool"),
        ('teams = ["tax"]', "'tax' is the name of a pool"),
        ('credits = "evenly"', "'pool', 'even', 'fixed' or 'proportional'"),
        ('unwoned = "even"', "unknown key 'allocation.unwoned'. Did you mean 'unowned'?"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        loaded(tmp_path, text)
    assert told in str(error.value)


def test_a_team_that_only_attributes_name_can_be_listed(tmp_path: Path) -> None:
    text = 'teams = ["growth"]\nidle = { method = "even", teams = ["growth", "search"] }'
    assert loaded(tmp_path, text).allocation.idle.teams == ("growth", "search")


@pytest.mark.parametrize(
    "rule",
    [
        '[[teams]]\nteam = "tax"\nservice = "t-*"\n',
        '[[scopes]]\nname = "k"\nprovider = "openai"\nteam = "uninstrumented"\n',
    ],
)
def test_a_rule_that_gives_calls_to_a_pool_is_refused(tmp_path: Path, rule: str) -> None:
    """What stays in the pool would be added to what the team uses."""
    path = tmp_path / "tallystick.toml"
    path.write_text(rule, "utf-8")
    with pytest.raises(ConfigError, match="is the name of a pool, not of a team"):
        load(path)
