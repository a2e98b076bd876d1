"""Contracts, prices and exchange rates as they are written: what is refused, and in which words."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from pipeline.contract_settings import Contract, Price
from pipeline.errors import ConfigError
from pipeline.exchange_settings import exchange_rate
from pipeline.period import Month
from pipeline.settings import load

DISCOUNT = 'name = "a"\nprovider = "openai"\ndiscount_percent = "10"\n'


def loaded(folder: Path, text: str):
    (folder / "tallystick.toml").write_text(text, "utf-8")
    return load(folder / "tallystick.toml")


def test_a_contract_is_read_with_all_of_its_terms(tmp_path: Path) -> None:
    text = (
        f"[[contracts]]\n{DISCOUNT}"
        'account = "org"\nmodels = ["gpt-5*"]\ntoken_kinds = ["output"]\nservice_tiers = ["batch"]\n'
        'geography = "us"\nvalid_from = 2026-01-01\nvalid_to = 2027-01-01\ncommitment_usd = "5000"\n'
        '[contracts.floor]\nmonthly_usd = "1000.50"\ngrace_months = 2\nnotice_days = 14\n'
        'lapsed_discount_percent = "2.5"\ncounts_from = "2026-03"\n'
        '[[contracts.capacity]]\nname = "ptu"\nunits = "50"\nusd_per_unit_hour = "1.25"\n'
    )

    (contract,) = loaded(tmp_path, text).contracts

    assert contract.discount_percent == Decimal(10)
    assert contract.commitment_usd == Decimal(5000)
    assert (contract.priced_kinds, contract.priced_tiers) == (("output",), ("batch",))
    assert contract.floor is not None
    assert contract.floor.monthly_usd == Decimal("1000.50")
    assert contract.capacity[0].usd_per_unit_hour == Decimal("1.25")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("valid_from = 2026-02-01\nvalid_to = 2026-02-01\n", "valid_to 2026-02-01 is not after valid_from"),
        ('token_kinds = ["outputs"]\n', "'outputs' is no token kind; use input_uncached"),
        ('usd_per_million = {output = "1"}\n', "contract 'a' has both discount_percent and usd_per_million"),
        ('discounts = "1"\n', "unknown key 'contracts.0.discounts'. Did you mean 'discount_percent'?"),
        ("floor = {monthly_tokens = 5}\n", "contract 'a' has a floor, so it needs"),
        ("floor = {}\nvalid_from = 2026-01-01\n", "a floor is either monthly_tokens or monthly_usd"),
        (
            'floor = {monthly_tokens = 5, monthly_usd = "5"}\nvalid_from = 2026-01-01\n',
            "a floor is either monthly_tokens or monthly_usd",
        ),
        (
            'capacity = [{name = "ptu", units = 1, usd_per_unit_hour = "1", token_weights = {output = 4}}]\n',
            "capacity 'ptu' has token_weights without tokens_per_unit_hour",
        ),
        (
            'capacity = [{name = "ptu", units = 1, usd_per_unit_hour = "1", tokens_per_unit_hour = 5, '
            "token_weights = {outputs = 4}}]\n",
            "'outputs' is no token kind; use input_uncached",
        ),
        (
            'floor = {monthly_tokens = 5, counts_from = "March"}\nvalid_from = 2026-01-01\n',
            "'March' is not a month. Write it as YYYY-MM",
        ),
    ],
)
def test_a_contract_that_makes_no_sense_is_refused_with_its_mistake(
    tmp_path: Path, more: str, words: str
) -> None:
    with pytest.raises(ConfigError, match="cannot be used") as error:
        loaded(tmp_path, f"[[contracts]]\n{DISCOUNT}{more}")

    assert words in str(error.value)


def test_a_contract_without_terms_and_a_name_used_twice_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="contract 'a' has no terms"):
        loaded(tmp_path, '[[contracts]]\nname = "a"\nprovider = "openai"\n')
    with pytest.raises(ConfigError, match="contract name 'a' is used more than once"):
        loaded(tmp_path, f"[[contracts]]\n{DISCOUNT}[[contracts]]\n{DISCOUNT}")


def test_rates_are_for_the_standard_tier_and_discounts_for_all_unless_said() -> None:
    rates = Contract(name="a", provider="p", usd_per_million={"output": Decimal(1)})
    discount = Contract(name="b", provider="p", discount_percent=Decimal(1))

    assert (rates.priced_tiers, rates.priced_kinds) == (("standard",), ("output",))
    assert discount.priced_tiers is None
    assert "cache_write_1h" in discount.priced_kinds


def test_a_price_holds_from_its_first_day_to_before_its_last() -> None:
    price = Price(
        provider="p", model="m", token_kind="output", usd_per_million=Decimal(1),  # noqa: S106
        valid_from=date(2026, 10, 2), valid_to=date(2026, 10, 4),
    )  # fmt: skip

    held = [day for day in range(1, 6) if price.holds_on(date(2026, 10, day))]

    assert held == [2, 3]


def test_one_rate_a_currency_still_works(tmp_path: Path) -> None:
    rates = loaded(tmp_path, '[exchange_rates]\neur = "1.08"\n').exchange_rates

    assert exchange_rate(rates, "EUR", date(2026, 10, 7), Month(2026, 10)).usd == Decimal("1.08")
    assert exchange_rate(rates, "SEK", date(2026, 10, 7), Month(2026, 10)) is None


def test_the_rate_of_the_day_goes_before_the_month_and_the_month_before_all_days(tmp_path: Path) -> None:
    text = "\n".join(
        f'[[exchange_rates]]\ncurrency = "EUR"\nusd = "{usd}"\nsource = "{source}"\n{time}'
        for usd, source, time in (
            ("1.01", "bank", "day = 2026-10-07"),
            ("1.02", "books", 'month = "2026-10"'),
            ("1.03", "guess", ""),
        )
    )
    rates = loaded(tmp_path, text).exchange_rates
    months = (Month(2026, 10), Month(2026, 11))

    def found(day: date | None, month: Month) -> tuple[Decimal, str]:
        rate = exchange_rate(rates, "EUR", day, month)
        return rate.usd, rate.source

    assert found(date(2026, 10, 7), months[0]) == (Decimal("1.01"), "bank")
    assert found(date(2026, 10, 8), months[0]) == (Decimal("1.02"), "books")
    assert found(date(2026, 11, 7), months[0]) == (Decimal("1.02"), "books")
    assert found(date(2026, 10, 7), months[1]) == (Decimal("1.01"), "bank")
    assert found(None, months[0]) == (Decimal("1.02"), "books")
    assert found(None, months[1]) == (Decimal("1.03"), "guess")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('currency = "euro"\nusd = "1"', "write the currency as its code of three letters"),
        ('currency = "EUR"\nusd = "0"', "greater than 0"),
        ('currency = "EUR"\nusd = "1"\nday = 2026-10-01\nmonth = "2026-10"', "of a day or of a month"),
        ('currency = "EUR"\nusd = "1"\nmonth = "10/2026"', "is not a month"),
        (
            'currency = "EUR"\nusd = "1"\nmonth = "2026-10"\n[[exchange_rates]]\ncurrency = "eur"\nusd = "2"\n'
            'month = "2026-10"',
            "EUR has 2 rates for 2026-10; keep one of them",
        ),
    ],
)
def test_an_exchange_rate_that_makes_no_sense_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        loaded(tmp_path, f"[[exchange_rates]]\n{text}\n")

    assert words in str(error.value)
