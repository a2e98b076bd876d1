"""Detection: each file is in one format of its kind, and what is in none says what was expected."""

import json

import pytest

from pipeline.errors import SourceError
from pipeline.formats import FORMATS, by_name, detect
from schemas.tables import BY_NAME
from tests.providers.samples import SAMPLES

OPENAI_BUCKET = {"object": "bucket", "start_time": 1_790_812_800, "end_time": 1_790_899_200}
ANTHROPIC_BUCKET = {"starting_at": "2026-10-01T00:00:00Z", "ending_at": "2026-10-02T00:00:00Z"}
HEADER = {"invoice_id": "A1", "period": "2026-10", "currency": "USD", "total": 1}


def _page(bucket: dict, *results: dict) -> bytes:
    return json.dumps({"data": [{**bucket, "results": results}], "has_more": False}, indent=1).encode()


FILES = {
    "openai_usage_completions": [
        _page(
            OPENAI_BUCKET,
            {"object": "organization.usage.completions.result", "input_tokens": 1, "output_tokens": 1},
        ),
        _page(OPENAI_BUCKET, {"input_tokens": 1, "output_tokens": 1}),
        b"\xef\xbb\xbf\r\n" + _page(OPENAI_BUCKET, {"input_tokens": 1, "output_tokens": 1}),
        _page(OPENAI_BUCKET),
    ],
    "openai_usage_embeddings": [
        _page(OPENAI_BUCKET, {"object": "organization.usage.embeddings.result", "input_tokens": 1}),
        _page(OPENAI_BUCKET, {"input_tokens": 1, "num_model_requests": 1}),
    ],
    "openai_costs": [
        _page(
            OPENAI_BUCKET, {"object": "organization.costs.result", "amount": {"value": 1, "currency": "usd"}}
        ),
        _page(OPENAI_BUCKET, {"amount": {"value": 1, "currency": "usd"}}),
        _page(OPENAI_BUCKET),
    ],
    "anthropic_usage_messages": [
        _page(ANTHROPIC_BUCKET, {"uncached_input_tokens": 1, "output_tokens": 1}),
        _page(ANTHROPIC_BUCKET),
    ],
    "anthropic_cost_report": [
        _page(ANTHROPIC_BUCKET, {"amount": "1", "currency": "USD"}),
        _page(ANTHROPIC_BUCKET),
    ],
    "invoice_toml": [
        b'issuer = "X"\ninvoice_id = "A1"\n',
        b'\xef\xbb\xbf[[invoices]]\r\n  invoice_id="A1"\r\n',
    ],
    "invoice_json": [json.dumps(HEADER).encode(), json.dumps({"invoices": [HEADER]}, indent=2).encode()],
    "invoice_csv": [b'"invoice_id",Issuer,amount\nA1,X,3\n', b"\xef\xbb\xbfamount,invoice_id\r\n3,A1\r\n"],
    "aws_cost_and_usage": [
        b"identity_line_item_id,line_item_usage_type,line_item_unblended_cost\n",
        b"\xef\xbb\xbfidentity/LineItemId,bill/InvoiceId,lineItem/UsageType\r\n",
    ],
    "bedrock_invocation_log": [
        b'{"schemaType":"ModelInvocationLog","input":{"inputBodyJson":{"model":"m","started_at":1}}}\n',
        b'2026-10-01T00:00:00.000Z {"schemaType":"ModelInvocationLog"}\n',
        b'[{"schemaType": "ModelInvocationLog"}]',
    ],
    "focus": [
        b'"BilledCost","ChargeCategory","ChargePeriodStart","InvoiceId"\n',
        b"\xef\xbb\xbfInvoiceId,ChargeCategory,chargeperiodstart,BILLEDCOST\r\n",
    ],
    "request_table_csv": [
        b"model,started_at,input\nm,2026-10-01T00:00:00Z,1\n",
        b"\xef\xbb\xbfstarted_at,output,model\r\n",
    ],
    **SAMPLES,
}
CASES = [
    pytest.param(name, content, id=f"{name}-{n}")
    for name, found in FILES.items()
    for n, content in enumerate(found)
]


def test_every_format_has_a_file_here() -> None:
    assert set(FILES) == {export.name for export in FORMATS}


@pytest.mark.parametrize(("name", "content"), CASES)
def test_a_file_is_in_one_format_of_its_kind(name, content) -> None:
    kind = by_name(name).kind

    assert [export.name for export in FORMATS if export.kind == kind and export.detect(content)] == [name]
    assert detect(content, kind, None).name == name


@pytest.mark.parametrize(("name", "content"), CASES)
def test_what_a_parser_returns_fits_its_table(name, content) -> None:
    export = by_name(name)
    landed = {"file_id", "source"} | ({"account"} if export.kind in {"usage", "cost"} else set())

    rows = export.parse(content).rows

    expected = BY_NAME[export.table].schema
    assert rows.schema == {column: kind for column, kind in expected.items() if column not in landed}


@pytest.mark.parametrize(("name", "content"), CASES)
@pytest.mark.parametrize("cut", [2, 3])
def test_a_truncated_file_is_counted_never_raised(name, content, cut) -> None:
    parsed = by_name(name).parse(content[: len(content) // cut])

    assert parsed.read == parsed.rows.height + len(parsed.rejects)


def test_the_file_name_tells_pages_without_results_apart() -> None:
    empty = FILES["openai_usage_completions"][-1]

    assert detect(empty, "usage", "embeddings-2026-10.json").name == "openai_usage_embeddings"
    assert detect(empty, "usage", "usage-2026-10.json").name == "openai_usage_completions"


def test_an_unknown_file_names_the_formats_of_its_kind() -> None:
    with pytest.raises(SourceError, match=r"openai_usage_completions.*anthropic_usage_messages") as caught:
        detect(b"hello", "usage", "notes.txt")

    assert caught.value.code == "unknown_format"
    assert "notes.txt" in caught.value.reason


def test_a_file_of_another_kind_says_which() -> None:
    with pytest.raises(SourceError, match='openai_costs: set kind = "cost"'):
        detect(FILES["openai_costs"][0], "usage", "costs.json")


def test_an_empty_file_is_said_to_be_empty() -> None:
    with pytest.raises(SourceError, match="empty") as caught:
        detect(b"\xef\xbb\xbf\r\n", "usage", "usage.json")

    assert caught.value.code == "empty_file"


def test_an_unknown_format_name_lists_the_known_ones() -> None:
    with pytest.raises(SourceError, match="request_table_csv"):
        by_name("openai")
