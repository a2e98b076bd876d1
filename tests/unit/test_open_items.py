"""Open items: the same id over months, an owner, an age, and carried until they are gone."""

from decimal import Decimal

import polars as pl
import pytest

from pipeline.charges.price_findings import price_findings
from pipeline.closing_settings import Closing
from pipeline.findings import assemble, finding
from pipeline.open_items import hindering, item_class, open_items
from pipeline.period import Month
from pipeline.subjects import subject
from schemas.tables import BY_NAME

TABLE = BY_NAME["report.open_item"]
NONE = TABLE.schema.to_frame()
MONTHS = [Month(2026, 10), Month(2026, 11), Month(2026, 12), Month(2027, 1), Month(2027, 2)]


def unpriced(month: Month, model: str = "m-4.1", tokens: int = 1000) -> pl.DataFrame:
    return finding(
        str(month), "unpriced", "warning", f"{tokens:,} metered tokens of model '{model}' have no known price.",
        "Add a price.", provider="openai", account="a", tokens=tokens, usd=None,
    )  # fmt: skip


def months(*found: pl.DataFrame, rules: Closing | None = None) -> list[pl.DataFrame]:
    """The tables of months from October on, each closed with what the ones before it have."""
    tables: list[pl.DataFrame] = []
    for month, findings in zip(MONTHS, found, strict=False):
        tables.append(open_items(month, findings, pl.concat([NONE, *tables]), rules or Closing()))
        TABLE.contract.validate(tables[-1])
    return tables


def nothing() -> pl.DataFrame:
    return assemble([])


def test_an_item_keeps_its_id_when_its_amount_changes_and_ages_from_its_first_month() -> None:
    found = months(*(unpriced(month, tokens=1000 * nth) for nth, month in enumerate(MONTHS, 1)))

    assert len({table["item_id"][0] for table in found}) == 1
    assert [table.select("age_days", "age_bucket", "is_carried", "tokens").row(0) for table in found] == [
        (0, "0-30", False, 1000),
        (30, "0-30", False, 2000),
        (61, "61-90", False, 3000),
        (92, "90+", False, 4000),
        (120, "90+", False, 5000),
    ]


def effect(month: Month, kind: str, usd: str) -> dict[str, object]:
    """A price effect of an invoice that comes every month."""
    return {
        "month": str(month), "provider": "openai", "account": "a", "invoice_id": "INV-7", "line_number": 1,
        "model": "m-4.1", "service_tier": "standard", "token_kind": kind, "effect": "contract_not_applied",
        "usd": Decimal(usd), "reason": "the list price",
    }  # fmt: skip


def test_price_findings_of_two_kinds_keep_their_ids_when_their_amounts_change_places() -> None:
    """By their messages alone they would be told apart by the order of their amounts."""
    charges = BY_NAME["recon.charge"].schema.to_frame()
    ids = []
    for month, input_usd, output_usd in zip(MONTHS, ("1.00", "900.00"), ("20.00", "3.00"), strict=False):
        rows = [effect(month, "input_uncached", input_usd), effect(month, "output", output_usd)]
        effects = pl.DataFrame(rows, schema=BY_NAME["recon.price_effect"].schema)
        used = {"month": str(month), "provider": "openai", "account": "a", "invoice_id": "INV-7",
                "line_number": 1, "category": "usage"}  # fmt: skip
        told = pl.concat([charges, pl.DataFrame([used], schema=charges.schema)])
        items = open_items(month, price_findings(str(month), told, effects), NONE, Closing())
        ids.append({"output" in row["message"]: row["item_id"] for row in items.to_dicts()})
    assert len(set(ids[0].values())) == 2
    assert ids[0] == ids[1]


def test_another_model_is_another_item() -> None:
    (table,) = months(assemble([unpriced(MONTHS[0]), unpriced(MONTHS[0], "m-4.2")]))

    assert table["item_id"].n_unique() == 2


def test_an_item_that_its_month_still_has_is_carried_into_every_later_one() -> None:
    found = months(unpriced(MONTHS[0]), nothing(), nothing())

    assert [table.select("is_carried", "first_month", "status").rows() for table in found] == [
        [(False, "2026-10", "open")],
        [(True, "2026-10", "open")],
        [(True, "2026-10", "open")],
    ]


def test_an_item_that_its_month_has_no_more_is_gone() -> None:
    _, november = months(unpriced(MONTHS[0]), nothing())
    mended = open_items(MONTHS[0], nothing(), NONE, Closing())

    assert november.height == 1
    assert open_items(MONTHS[1], nothing(), mended, Closing()).is_empty()


def test_a_settled_item_is_shown_once_more_and_then_no_longer() -> None:
    tables = months(unpriced(MONTHS[0]), nothing())
    rule = {"code": "unpriced", "resolution": "written_off", "why": "three cents"}
    rules = Closing.model_validate({"resolutions": [rule]})

    december = open_items(MONTHS[2], nothing(), pl.concat(tables), rules)
    january = open_items(MONTHS[3], nothing(), pl.concat([*tables, december]), rules)

    assert december.select("status", "resolution").rows() == [("resolved", "written_off: three cents")]
    assert january.is_empty()


def test_a_disputed_item_stays_open_and_does_not_hinder() -> None:
    error = finding("2026-10", "unexplained_material", "error", "9.00 USD of drift is unexplained.", "Look.")
    rule = {"code": "unexplained_*", "month": "2026-10", "resolution": "disputed", "why": "asked them"}
    rules = Closing.model_validate({"resolutions": [rule]})

    october, november = months(error, nothing(), rules=rules)

    assert october["status"].to_list() == november["status"].to_list() == ["disputed"]
    assert hindering(october).is_empty()
    assert hindering(months(error)[0]).height == 1
    assert hindering(months(error, nothing())[1]).is_empty()  # of an earlier month


def test_the_first_fitting_rule_names_the_owner() -> None:
    rules = Closing.model_validate(
        {"owners": [{"code": "unpriced", "account": "b", "owner": "x"}, {"provider": "open*", "owner": "y"}]}
    )
    mine = finding("2026-10", "tax", "note", "Some tax.", "Nothing.", team="search")
    nobodys = finding("2026-10", "tax", "note", "Other tax.", "Nothing.")
    (table,) = months(assemble([unpriced(MONTHS[0]), mine, nobodys]), rules=rules)

    assert sorted(table["owner"]) == ["search", "unassigned", "y"]
    assert set(table.filter(code="tax")["status"]) == {"noted"}


def test_what_each_month_awaits_is_an_item_of_its_own() -> None:
    found = months(
        *(
            finding(str(month), "invoice_awaited", "note", "No invoice of openai account 'a' yet.", "Wait.")
            for month in MONTHS[:2]
        )
    )

    assert found[1].select("first_month", "is_carried", "age_days").rows() == [
        ("2026-11", False, 0),
        ("2026-10", True, 30),
    ]


def test_two_findings_about_the_same_are_two_items() -> None:
    """Nothing is dropped because two messages differ in their amounts alone."""
    twice = assemble([unpriced(MONTHS[0], tokens=1), unpriced(MONTHS[0], tokens=2)])

    (table,) = months(twice)

    assert table["item_id"].n_unique() == 2
    assert sum(table["tokens"]) == 3


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1,000 of 2,000 records of source 'otel' could not be read, first in a/2026-10.jsonl.",
         "7 of 9 records of source 'otel' could not be read, first in b/2026-11.jsonl."),
        ("12.50 USD of drift (3.1 % of the bill) is unexplained.", "-1,112.00 USD of drift (0.4 % of the bill) is unexplained."),
        ("Invoice INV-0042 bills 3.00 USD more than.", "Invoice INV-0042 bills 9.00 USD less than."),
    ],
)  # fmt: skip
def test_amounts_and_files_are_not_what_a_message_is_about(one: str, other: str) -> None:
    assert subject(one) == subject(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Invoice INV-0042 of openai account 'a' came twice.", "Invoice INV-0043 of openai account 'a' came twice."),
        ("1 token of model 'gpt-4.1'.", "1 token of model 'gpt-4.2'."),
        ("Hours of gpt-4.1 lapse.", "Hours of gpt-5 lapse."),
    ],
)  # fmt: skip
def test_names_are_what_a_message_is_about(one: str, other: str) -> None:
    assert subject(one) != subject(other)


def test_every_class_is_one_of_the_four() -> None:
    codes = ("invoice_awaited", "cost_invoice_mismatch", "unexplained_material", "quarantine", "a_new_code")

    assert [item_class(code) for code in codes] == [
        "timing", "error_provider", "unexplained", "error_ours", "error_ours",
    ]  # fmt: skip


def test_amounts_of_an_item_stay_exact() -> None:
    row = finding("2026-10", "x", "warning", "A.", "B.", usd=Decimal("0.000000000001"))

    assert months(row)[0]["usd"][0] == Decimal("0.000000000001")
