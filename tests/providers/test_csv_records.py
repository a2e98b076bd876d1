"""Tables as people and tools write them: semicolons, decimal commas, quoted line breaks, headers in between."""

from decimal import Decimal

import pytest

from pipeline.consoles import anthropic, openai
from pipeline.parsing.csv_records import Layout, csv_records
from pipeline.parsing.csv_rows import header_of, sheet
from tests.providers import samples

LAYOUT = Layout(("name",), frozenset(("amount",)), dict)


def _rows(text: str) -> list[tuple]:
    return [
        (record.row["line"], record.row.get("amount")) for record in csv_records(text.encode(), LAYOUT)[0]
    ]


@pytest.mark.parametrize(
    ("cell", "amount"),
    [
        ("31422.0", Decimal("31422.0")),
        ("31422,5", Decimal("31422.5")),
        ("1.234.567,89", Decimal("1234567.89")),
        ("-0,0034", Decimal("-0.0034")),
        ("1E-05", Decimal("0.00001")),
        ("12", Decimal(12)),
        ("1 234", "1 234"),
        ("NaN", "NaN"),
        ("1,234,567", "1,234,567"),
    ],
)
def test_between_semicolons_the_comma_is_decimal(cell, amount) -> None:
    assert _rows(f"name;amount\na;{cell}\n") == [(2, amount)]


def test_a_point_that_may_be_either_is_refused() -> None:
    found, rejects = csv_records(b"name;amount\na;1.234\nb;2\n", LAYOUT)

    assert [record.row["amount"] for record in found] == [Decimal(2)]
    assert [(reject.line, reject.code) for reject in rejects] == [(2, "ambiguous_number")]
    assert "1.234" in rejects[0].reason


def test_between_commas_a_comma_in_quotes_is_no_number() -> None:
    assert _rows('name,amount\na,"1,5"\nb,1.234\n') == [(2, "1,5"), (3, Decimal("1.234"))]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_spreadsheet_s_dialect_changes_nothing(delimiter) -> None:
    for parse, content in (
        (anthropic.parse_usage, samples.ANTHROPIC_TOKENS),
        (anthropic.parse_costs, samples.ANTHROPIC_COST),
        (openai.parse_usage, samples.OPENAI_USAGE),
    ):
        changed = content.replace(b",", delimiter.encode())
        assert parse(changed).rows.equals(parse(content).rows)
        assert header_of(changed) == header_of(content)
    cost = samples.ANTHROPIC_COST.replace(b",", b";").replace(b"1.65", b"1,65").replace(b"-0.30", b"-0,30")
    assert anthropic.parse_costs(cost).rows.equals(anthropic.parse_costs(samples.ANTHROPIC_COST).rows)


def test_quoted_line_breaks_survive_a_broken_quote_elsewhere() -> None:
    text = 'name,note\na,"one\ntwo"\nb,"never closed\nc,"three\r\nfour"\nd,five\n'

    found = sheet(text.encode())

    assert list(zip(found.lines, found.cells, strict=True)) == [
        (2, ["a", "one\ntwo"]),
        (5, ["c", "three\r\nfour"]),
        (7, ["d", "five"]),
    ]
    assert [(reject.line, reject.code) for reject in found.rejects] == [(4, "bad_line")]


def test_a_file_that_ends_inside_a_quote_loses_that_record_only() -> None:
    found = sheet(b'name,note\na,"one\ntwo"\nb,"cut off here')

    assert found.cells == [["a", "one\ntwo"]]
    assert [(reject.line, reject.code) for reject in found.rejects] == [(4, "bad_line")]


def test_a_cell_of_a_megabyte_is_a_cell() -> None:
    assert _rows(f"name,note,amount\na,{'x' * 1_000_000},3\n") == [(2, Decimal(3))]


def test_a_hundred_thousand_broken_quotes_take_no_longer_than_they_must() -> None:
    found = sheet(b"name,note\n" + b'a,"b\n' * 100_001)

    assert len(found.cells) + len(found.rejects) <= 100_001
    assert found.rejects


def test_a_second_header_starts_another_pull_and_is_no_record() -> None:
    found, rejects = csv_records(b"name,amount\na,1\nName,Amount\nb,2\n", LAYOUT)

    assert [(record.pull, record.row["name"], record.row["line"]) for record in found] == [
        (0, "a", 2),
        (1, "b", 4),
    ]
    assert rejects == []


def test_missing_columns_are_all_named() -> None:
    found, rejects = csv_records(b"a,b\n1,2\n", Layout(("name", "when"), frozenset(), dict))

    assert found == []
    assert "name, when" in rejects[0].reason
    assert "it has: a, b" in rejects[0].reason


def test_lines_that_only_an_unknown_column_tells_apart_add_up() -> None:
    """Two lines of one key in one day, apart by a column of the future; a copy of the file replaces them."""
    content = samples.ANTHROPIC_TOKENS_2025.replace(b"\n", b",region\n", 1).decode()
    header, line = content.splitlines()
    text = f"{header}\n{line},eu\n{line},us\n"

    rows = anthropic.parse_usage((text + text).encode()).rows

    keys = rows["dimensions"].to_list()
    assert rows["line"].to_list() == [2, 3, 5, 6]
    assert keys[:2] == keys[2:]
    assert keys[0] != keys[1]
    assert rows["grouping"].n_unique() == 1
