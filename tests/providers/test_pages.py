"""Wrappings: the same buckets give the same rows in every wrapping that dumps have."""

import json

import pytest

from pipeline.providers.anthropic import parse_usage as parse_messages
from pipeline.providers.openai import parse_usage

WRAPPINGS = {
    "one page": lambda pages: json.dumps({**pages[0], "data": pages[0]["data"] + pages[1]["data"]}),
    "array of pages": json.dumps,
    "array of pages, pretty": lambda pages: json.dumps(pages, indent=2),
    "json lines": lambda pages: "\n".join(json.dumps(page) for page in pages) + "\n",
    "json lines, crlf": lambda pages: "\r\n".join(json.dumps(page) for page in pages) + "\r\n",
    "pretty pages one after another": lambda pages: "\n".join(json.dumps(page, indent=4) for page in pages),
    "bare data list": lambda pages: json.dumps(pages[0]["data"] + pages[1]["data"]),
    "json lines of buckets": lambda pages: "\n".join(
        json.dumps(bucket) for page in pages for bucket in page["data"]
    ),
    "byte order mark": lambda pages: "\ufeff" + json.dumps(pages),
}


@pytest.fixture
def two_pages(openai_page, completions) -> list[dict]:
    whole = openai_page([completions(model="a")], [], [completions(model="b"), completions(model="c")])
    first, second = (
        {**whole, "data": whole["data"][:1], "has_more": True},
        {**whole, "data": whole["data"][1:]},
    )
    return [first, second]


@pytest.mark.parametrize("wrap", WRAPPINGS.values(), ids=WRAPPINGS.keys())
def test_every_wrapping_gives_the_same_rows(two_pages, wrap) -> None:
    parsed = parse_usage(wrap(two_pages).encode(), "completions")

    assert parsed.rejects == []
    assert parsed.read == 4
    assert parsed.rows["model"].to_list() == ["a", None, "b", "c"]
    assert parsed.rows["is_empty"].to_list() == [False, True, False, False]
    assert set(parsed.rows["grouping"]) == {"model"}
    assert parsed.rows.select("line", "position").is_unique().all()


def test_a_map_by_path_gives_each_path_its_own_grouping(openai_page, completions, as_bytes) -> None:
    grouped, plain = openai_page([completions(model="a")]), openai_page([completions()])

    rows = parse_usage(
        as_bytes({"usage/completions?by=model": grouped, "usage/completions": plain}), "completions"
    ).rows

    assert rows["grouping"].to_list() == ["model", ""]


def test_pages_of_two_queries_in_one_file_keep_their_own_grouping(openai_page, completions) -> None:
    lines = [openai_page([completions(model="a")]), openai_page([completions()])]

    rows = parse_usage("\n".join(map(json.dumps, lines)).encode(), "completions").rows

    assert rows["grouping"].to_list() == ["model", ""]


@pytest.mark.parametrize(
    "damage", ['{"object": "page", "data": [', "not json", '{"data": 7}', '{"a": NaN}', "7"]
)
def test_a_bad_line_is_refused_alone_and_the_others_live(two_pages, damage) -> None:
    lines = [json.dumps(two_pages[0]), damage, json.dumps(two_pages[1])]

    parsed = parse_usage("\n".join(lines).encode(), "completions")

    assert [reject.line for reject in parsed.rejects] == [2]
    assert parsed.rows.height == 4
    assert parsed.rows["line"].unique().sort().to_list() == [1, 3]
    assert parsed.read == 5


def test_a_line_that_is_not_utf8_is_refused_alone(two_pages) -> None:
    lines = [json.dumps(two_pages[0]).encode(), b'{"data": ["\xff"]}', json.dumps(two_pages[1]).encode()]

    parsed = parse_usage(b"\n".join(lines), "completions")

    assert [(reject.line, reject.code) for reject in parsed.rejects] == [(2, "invalid_utf8")]
    assert parsed.rejects[0].byte_offset == len(lines[0]) + 1
    assert parsed.rows.height == 4


def test_a_truncated_page_is_one_reject(two_pages) -> None:
    content = json.dumps(two_pages[0], indent=2).encode()

    parsed = parse_usage(content[: len(content) // 2], "completions")

    assert [reject.code for reject in parsed.rejects] == ["invalid_json"]
    assert parsed.rows.is_empty()
    assert parsed.read == 1


def test_the_same_page_twice_is_read_twice_for_restatement_to_resolve(two_pages) -> None:
    parsed = parse_usage(json.dumps([two_pages[0], two_pages[0]]).encode(), "completions")

    assert parsed.rows["dimensions"].n_unique() == 1
    assert parsed.rows["line"].to_list() == [1, 2]


def test_an_error_answer_of_the_api_is_refused_without_its_text(as_bytes) -> None:
    answer = {"type": "error", "error": {"type": "rate_limit_error", "message": "secret words"}}

    parsed = parse_messages(as_bytes(answer))

    assert [reject.code for reject in parsed.rejects] == ["not_a_page"]
    assert "secret" not in parsed.rejects[0].reason


@pytest.mark.parametrize(
    "bucket",
    [None, 7, [], {}, {"results": 7}, {"results": [7]}, {"results": [None]}, {"start_time": 1}],
    ids=str,
)
def test_a_bucket_that_is_none_is_refused_alone(openai_page, completions, as_bytes, bucket) -> None:
    page = openai_page([completions()])
    page["data"].append(
        {**page["data"][0], **bucket} if isinstance(bucket, dict) and "results" in bucket else bucket
    )

    parsed = parse_usage(as_bytes(page), "completions")

    assert len(parsed.rejects) == 1
    assert parsed.rows.height == 1
    assert parsed.read == 2


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_nothing_gives_nothing(content) -> None:
    assert parse_usage(content, "completions").read == 0


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b'{"data": ' * 5_000,
        b'{"data": [{"results": [{"input_tokens": ' + b"9" * 10_000 + b"}]}]}",
    ],
)
def test_absurd_nesting_and_digits_are_refused(content) -> None:
    parsed = parse_usage(content, "completions")

    assert len(parsed.rejects) == 1
    assert all(len(reject.reason) < 200 for reject in parsed.rejects)
