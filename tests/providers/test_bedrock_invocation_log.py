"""Bedrock's invocation logs: counts and names, in every delivery, and not a word of prompts and answers."""

import json
from datetime import UTC, datetime

import pytest

from pipeline.providers.aws_bedrock.invocation_log import FORMAT, parse

SECRET = "the patient said: Zq7Marker"  # noqa: S105 - a prompt, to be found again


def record(**fields: object) -> dict:
    base = {
        "schemaType": "ModelInvocationLog",
        "schemaVersion": "1.0",
        "timestamp": "2026-10-05T10:00:01Z",
        "accountId": "111122223333",
        "identity": {"arn": "arn:aws:sts::111122223333:assumed-role/app/jane@example.org"},
        "region": "us-east-1",
        "requestId": "5f0e6d1c-0000-4000-8000-000000000001",
        "operation": "Converse",
        "modelId": "us.anthropic.claude-sonnet-4-6",
        "input": {
            "inputContentType": "application/json",
            "inputBodyJson": {"messages": [{"role": "user", "content": [{"text": SECRET}]}]},
            "inputTokenCount": 12,
            "cacheReadInputTokenCount": 2048,
            "cacheWriteInputTokenCount": 0,
        },
        "output": {"outputBodyJson": {"output": {"text": SECRET}}, "outputTokenCount": 34},
    }
    return {**base, **fields}


def lines(*records: dict) -> bytes:
    return "\n".join(json.dumps(item) for item in records).encode() + b"\n"


def delivered(*records: dict) -> bytes:
    events = [{"id": str(n), "timestamp": 1, "message": json.dumps(item)} for n, item in enumerate(records)]
    return json.dumps({"messageType": "DATA_MESSAGE", "logEvents": events}).encode() + b"\n"


def exported(*records: dict) -> bytes:
    return b"".join(b"2026-10-05T10:00:02.123Z " + lines(item) for item in records)


DELIVERIES = {"s3": lines, "array": lambda *r: json.dumps(r).encode(), "cloudwatch": exported,
              "subscription": delivered}  # fmt: skip
FAILED = record(errorCode="ThrottlingException", input={"inputContentType": "application/json"}, output={},
                requestId="r2")  # fmt: skip
EMBEDDING = record(
    modelId="arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-embed-text-v2:0",
    input={"inputTokenCount": 7},
    output={},
    requestId="r3",
)


@pytest.mark.parametrize("deliver", DELIVERIES.values(), ids=DELIVERIES)
def test_a_request_is_its_counts_in_every_delivery(deliver) -> None:
    content = deliver(record(), FAILED, EMBEDDING)

    found = parse(content)

    assert FORMAT.detect(content)
    assert found.rejects == []
    columns = ["request_id", "model", "input_uncached_tokens", "cache_read_tokens", "cache_write_other_tokens",
               "output_tokens"]  # fmt: skip
    assert found.rows.select(columns).rows() == [
        ("5f0e6d1c-0000-4000-8000-000000000001", "us.anthropic.claude-sonnet-4-6", 12, 2048, 0, 34),
        ("r2", "us.anthropic.claude-sonnet-4-6", 0, None, None, 0),
        ("r3", "amazon.titan-embed-text-v2:0", 7, None, None, None),
    ]
    row = found.rows.row(0, named=True)
    assert row["started_at"] == datetime(2026, 10, 5, 10, 0, 1, tzinfo=UTC)
    assert (row["provider"], row["account"], row["project_id"]) == ("aws.bedrock", None, "111122223333")
    assert (row["part"], row["service_tier"], row["reasoning_tokens"]) == ("message", None, None)
    assert "Zq7Marker" not in str(found)
    assert "jane" not in str(found)


def test_the_profile_of_an_application_stays_as_it_is_written() -> None:
    arn = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/xyz"

    assert parse(lines(record(modelId=arn))).rows["model"].to_list() == [arn]


@pytest.mark.parametrize(
    ("bad", "code", "words"),
    [
        (record(schemaType="Other"), "not_a_log_record", "Not a whole record"),
        (record(modelId=None), "missing_field", "modelId is missing."),
        (record(modelId=SECRET * 20), "bad_text", "modelId is not of its documented form."),
        (record(timestamp=SECRET), "bad_time", "timestamp is not of its documented form."),
        (record(input={"inputTokenCount": SECRET}), "bad_count", "inputTokenCount is not of its"),
        (
            record(input={"inputTokenCount": -1}),
            "bad_count",
            "inputTokenCount is not of its documented form.",
        ),
        (record(input={}, output={}), "missing_field", "no token count"),
        (record(input=SECRET), "not_a_log_record", "Not a whole record"),
    ],
)
def test_a_bad_record_is_refused_alone_and_not_repeated(bad: dict, code: str, words: str) -> None:
    found = parse(lines(record(), bad, record(requestId="r9")))

    assert found.rows["line"].to_list() == [1, 3]
    (reject,) = found.rejects
    assert (reject.line, reject.code) == (2, code)
    assert reject.byte_offset == len(lines(record()))
    assert words in reject.reason
    assert reject.advice
    assert "Zq7" not in str(reject)


@pytest.mark.parametrize("deliver", DELIVERIES.values(), ids=DELIVERIES)
def test_a_log_that_is_cut_anywhere_is_counted_never_raised(deliver) -> None:
    content = deliver(record(), FAILED)
    for size in range(0, len(content), 7):
        found = parse(content[:size])
        assert found.read == found.rows.height + len(found.rejects)
        assert "Zq7" not in str(found.rejects)


def test_whole_lines_before_a_cut_are_kept() -> None:
    content = lines(record(), record(requestId="r2"), record(requestId="r3"))

    found = parse(content[: len(lines(record(), record(requestId="r2"))) + 5])

    assert found.rows["line"].to_list() == [1, 2]
    assert [reject.line for reject in found.rejects] == [3]


def test_blank_lines_are_none_and_a_log_twice_is_what_it_says() -> None:
    twice = parse(lines(record()) + b"\n\n" + lines(record()))

    assert twice.rows["request_id"].n_unique() == 1
    assert twice.rows["line"].to_list() == [1, 4]
    assert parse(b"\n \n").read == 0
