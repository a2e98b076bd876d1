"""Invoice manifests: TOML, JSON and CSV say the same, and lines always add up to the total."""

import json
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.parsing.invoice import parse_csv, parse_json, parse_toml

TOML = """
issuer = "Example AI, Inc."
invoice_id = "INV-0042"
provider = "mistral_ai"
account = "main"
period = "2026-10"
currency = "eur"
issued_on = 2026-11-03
total = 107.10
tax = 17.10
credits = 10.00

[[lines]]
description = "Mistral Large input"
model = "mistral-large-2411"
token_kind = "input"
quantity = 40.5
quantity_unit = "1M tokens"
amount = "81.00"

[[lines]]
category = "fee"
description = "Support"
amount = 19
"""

JSON = {
    "issuer": "Example AI, Inc.",
    "invoice_id": "INV-0042",
    "provider": "mistral_ai",
    "account": "main",
    "period_start": "2026-10-01",
    "period_end": "2026-11-01",
    "currency": "EUR",
    "issued_on": "2026-11-03",
    "total": "107.10",
    "tax": 17.10,
    "credits": -10,
    "lines": [
        {
            "description": "Mistral Large input",
            "model": "mistral-large-2411",
            "token_kind": "input_uncached",
            "quantity": 40.5,
            "quantity_unit": "1M tokens",
            "amount": 81.00,
        },
        {"category": "fee", "description": "Support", "amount": "19.00"},
    ],
}

CSV = (
    "invoice_id,issuer,provider,account,period,currency,issued_on,total,tax,credits,"
    "category,description,model,token_kind,quantity,quantity_unit,amount\n"
    'INV-0042,"Example AI, Inc.",mistral_ai,main,2026-10,EUR,2026-11-03,107.10,17.10,10,'
    "usage,Mistral Large input,mistral-large-2411,input,40.5,1M tokens,81.00\n"
    "INV-0042,,,,,,,,,,fee,Support,,,,,19\n"
)


def _facts(rows) -> list[tuple]:
    return rows.select("category", "description", "model", "token_kind", "quantity", "amount").rows()


EXPECTED = [
    ("usage", "Mistral Large input", "mistral-large-2411", "input_uncached", Decimal("40.5"), Decimal(81)),
    ("fee", "Support", None, None, None, Decimal(19)),
    ("credit", "credits of the manifest", None, None, None, Decimal(-10)),
    ("tax", "tax of the manifest", None, None, None, Decimal("17.1")),
]


@pytest.mark.parametrize(
    ("parse", "content"),
    [
        (parse_toml, TOML),
        (parse_toml, TOML.replace("\n", "\r\n")),
        (parse_json, json.dumps(JSON)),
        (parse_json, json.dumps([JSON], indent=2)),
        (parse_json, "\ufeff" + json.dumps({"invoices": [JSON]})),
        (parse_csv, CSV),
        (parse_csv, "\ufeff" + CSV.replace("\n", "\r\n")),
    ],
    ids=["toml", "toml crlf", "json", "json list", "json invoices bom", "csv", "csv bom crlf"],
)
def test_every_way_of_writing_gives_the_same_lines(parse, content) -> None:
    parsed = parse(content.encode())

    assert parsed.rejects == []
    assert _facts(parsed.rows) == EXPECTED
    assert parsed.read == 4
    head = parsed.rows.row(0, named=True)
    assert (head["issuer"], head["invoice_id"]) == ("Example AI, Inc.", "INV-0042")
    assert (head["provider"], head["account"], head["currency"]) == ("mistral_ai", "main", "EUR")
    assert (head["period_start_on"], head["period_end_on"]) == (date(2026, 10, 1), date(2026, 11, 1))
    assert (head["issued_on"], head["total"]) == (date(2026, 11, 3), Decimal("107.10"))
    assert parsed.rows.select("line", "position").is_unique().all()


def _invoice(**fields: object) -> bytes:
    header = {"invoice_id": "A1", "period": "2026-10", "currency": "USD", "total": "10.00"}
    return json.dumps({**header, **fields}).encode()


def test_account_and_provider_are_null_where_the_manifest_does_not_say() -> None:
    rows = parse_json(_invoice()).rows

    assert (rows["provider"][0], rows["account"][0]) == (None, None)


@pytest.mark.parametrize(
    ("fields", "lines"),
    [
        ({}, [("usage", "10.00")]),
        ({"tax": "2.00"}, [("tax", "2.00"), ("usage", "8.00")]),
        ({"subtotal": "8.00", "tax": "2.00"}, [("tax", "2.00"), ("usage", "8.00")]),
        ({"subtotal": "8.00"}, [("usage", "8.00"), ("adjustment", "2.00")]),
        ({"lines": [{"amount": "9.996"}]}, [("usage", "9.996"), ("rounding", "0.004")]),
        ({"lines": [{"amount": "9.99"}]}, [("usage", "9.99"), ("rounding", "0.01")]),
        ({"lines": [{"amount": "9.98"}]}, [("usage", "9.98"), ("adjustment", "0.02")]),
        (
            {"lines": [{"amount": 12}, {"category": "Credits", "amount": 2}]},
            [("usage", "12"), ("credit", "-2")],
        ),
        (
            {"lines": [{"amount": 12}, {"category": "discount", "amount": -2}]},
            [("usage", "12"), ("discount", "-2")],
        ),
        ({"credits": 5, "lines": [{"amount": 15}]}, [("usage", "15"), ("credit", "-5")]),
        (
            {"tax": 1, "lines": [{"amount": 9}, {"category": "tax", "amount": 1}]},
            [("usage", "9"), ("tax", "1")],
        ),
    ],
    ids=str,
)
def test_what_the_lines_lack_becomes_a_line(fields, lines) -> None:
    rows = parse_json(_invoice(**fields)).rows

    found = rows.select("category", "amount").rows()
    assert found == [(category, Decimal(amount)) for category, amount in lines]


@given(
    st.integers(-(10**9), 10**9),
    st.lists(
        st.tuples(
            st.sampled_from(["usage", "credit", "tax", "fee", "nonsense"]), st.integers(-(10**8), 10**8)
        )
    ),
    st.one_of(st.none(), st.integers(-(10**6), 10**6)),
)
def test_lines_always_add_up_to_the_total(total, lines, credits) -> None:
    """Cents in any combination, bad lines included."""
    written = [{"category": category, "amount": f"{cents / 100:.2f}"} for category, cents in lines]
    fields = {"total": f"{total / 100:.2f}", "lines": written, **({"credits": credits} if credits else {})}

    parsed = parse_json(_invoice(**fields))

    assert sum(parsed.rows["amount"].to_list()) == Decimal(fields["total"])
    assert len(parsed.rejects) == sum(category == "nonsense" for category, _ in lines)
    assert parsed.read == parsed.rows.height + len(parsed.rejects)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"total": None}, "missing_field"),
        ({"total": "ten"}, "bad_amount"),
        ({"invoice_id": ""}, "missing_field"),
        ({"currency": "Euro"}, "unknown_currency"),
        ({"currency": None}, "unknown_currency"),
        ({"period": "October"}, "bad_date"),
        ({"period": None, "period_start": "2026-10-01"}, "bad_date"),
        ({"period": None, "period_start": "2026-10-31", "period_end": "2026-10-01"}, "bad_date"),
        ({"issued_on": "yesterday"}, "bad_date"),
    ],
    ids=str,
)
def test_a_header_that_cannot_be_read_refuses_the_invoice_with_its_number(fields, code) -> None:
    good = json.loads(_invoice(invoice_id="B2"))
    bad = json.loads(_invoice(**fields))

    parsed = parse_json(json.dumps([bad, good]).encode())

    assert [(reject.line, reject.code) for reject in parsed.rejects] == [(1, code)]
    assert parsed.rows["invoice_id"].to_list() == ["B2"]


def test_an_invoice_that_stands_in_a_file_twice_counts_once() -> None:
    invoice = json.loads(_invoice())

    parsed = parse_json(json.dumps([invoice, invoice]).encode())

    assert [reject.code for reject in parsed.rejects] == ["duplicate_invoice"]
    assert parsed.rows["amount"].to_list() == [Decimal(10)]


@pytest.mark.parametrize(
    ("parse", "content", "line"),
    [
        (parse_toml, b'invoice_id = "A1"\ntotal = \n', 2),
        (parse_json, b'{"invoice_id": "A1",\n "total": }', 2),
        (parse_toml, b'invoice_id = "\xff"', None),
    ],
)
def test_a_manifest_that_is_none_is_refused_with_its_line(parse, content, line) -> None:
    parsed = parse(content)

    assert [(reject.line, reject.code) for reject in parsed.rejects] == [(line, "invalid_manifest")]
    assert parsed.rows.is_empty()
    assert parsed.read == 1


def test_a_csv_line_with_a_bad_amount_is_refused_alone() -> None:
    content = "invoice_id,period,currency,total,amount\nA1,2026-10,USD,10,4\nA1,,,,six\nB2,2026-10,USD,3,3\n"

    parsed = parse_csv(content.encode())

    assert [(reject.line, reject.code) for reject in parsed.rejects] == [(3, "bad_amount")]
    assert parsed.rows.select("invoice_id", "category", "amount").rows() == [
        ("A1", "usage", Decimal(4)),
        ("A1", "adjustment", Decimal(6)),
        ("B2", "usage", Decimal(3)),
    ]


TOP_UP = """
invoice_id = "TOP-1"
provider = "openai"
period = "2026-10"
currency = "USD"
total = 50

[[lines]]
category = "prepayment"
grant_id = "promo"
expires = "2026-12-31"
amount = 50
"""


@pytest.mark.parametrize("written", ['"2026-12-31"', "2026-12-31"])
def test_credit_that_is_bought_may_have_a_last_day(written: str) -> None:
    found = parse_toml(TOP_UP.replace('"2026-12-31"', written).encode())
    assert found.rows["expires_on"].to_list() == [date(2026, 12, 31)]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (TOP_UP.replace('"prepayment"', '"credit"'), "bad_expiry"),
        (TOP_UP.replace("2026-12-31", "New Year"), "bad_date"),
    ],
)
def test_another_line_with_a_last_day_or_one_that_is_none_is_set_aside(text: str, code: str) -> None:
    found = parse_toml(text.encode())
    assert [reject.code for reject in found.rejects] == [code]
