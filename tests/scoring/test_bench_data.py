"""The dumps that are measured: the same bytes again, ids of their own, and the same spans in protobuf."""

import json
from pathlib import Path

from assets.bench_blocks import write_blocks
from assets.bench_data import write_dump, write_files
from assets.bench_protobuf import messages, write_frames


def spans(path: Path) -> list[dict]:
    parts = [part for line in path.read_bytes().splitlines() for part in json.loads(line)["resourceSpans"]]
    return [span for part in parts for group in part["scopeSpans"] for span in group["spans"]]


def test_the_same_dump_is_made_again(tmp_path: Path) -> None:
    for name in "ab":
        write_dump(tmp_path / name, 300, with_text=True)
    found = spans(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert len({span["spanId"] for span in found}) == 300
    assert sum(len(span["attributes"]) == 18 for span in found) == 147


def test_blocks_differ_in_ids_and_times_alone(tmp_path: Path) -> None:
    """Three blocks of 256 and one of 132, whose lines are those of the first."""
    size = write_blocks(tmp_path / "blocks", 900, 256)
    write_dump(tmp_path / "first", 256)
    blocks = (tmp_path / "blocks").read_bytes()
    found, first = spans(tmp_path / "blocks"), spans(tmp_path / "first")
    assert size == len(blocks)
    assert blocks.startswith((tmp_path / "first").read_bytes())
    assert len({span["spanId"] for span in found}) == len(found) == 900
    assert len({span["traceId"] for span in found}) == 3 * 256 // 8 + -(-132 // 8)
    for at, span in enumerate(found):
        like = first[at % 256]
        assert span["name"] == like["name"]
        assert len(span["attributes"]) == len(like["attributes"])
        assert int(span["startTimeUnixNano"]) - int(like["startTimeUnixNano"]) == at // 256 * 10**9


def test_parents_and_conversations_stay_within_their_block(tmp_path: Path) -> None:
    write_blocks(tmp_path / "blocks", 768, 256)
    found = spans(tmp_path / "blocks")
    trace_of = {span["spanId"]: span["traceId"] for span in found}
    children = [span for span in found if span["parentSpanId"]]
    assert len(children) == 768 - 768 // 8
    assert all(trace_of[span["parentSpanId"]] == span["traceId"] for span in children)
    told = [{pair["key"]: pair["value"] for pair in span["attributes"]} for span in found]
    for key in ("session.id", "gen_ai.response.id"):
        ids = [
            {pairs[key]["stringValue"] for pairs in told[at : at + 256] if key in pairs}
            for at in (0, 256, 512)
        ]
        assert len(set.union(*ids)) == sum(map(len, ids))


def test_small_files_hold_different_spans(tmp_path: Path) -> None:
    size = write_files(tmp_path / "files", 7)
    paths = sorted((tmp_path / "files").iterdir())
    counts = [len(spans(path)) for path in paths]
    assert counts == [1, 2, 3, 1, 2, 3, 1]
    assert size == sum(path.stat().st_size for path in paths)
    assert len({span["spanId"] for path in paths for span in spans(path)}) == sum(counts)


def test_protobuf_tells_the_same_spans(tmp_path: Path) -> None:
    write_dump(tmp_path / "json", 300, with_text=True)
    size = write_frames(tmp_path / "json", tmp_path / "binpb")
    assert size == (tmp_path / "binpb").stat().st_size
    found = [
        span
        for message in messages(tmp_path / "binpb")
        for part in message.resource_spans
        for group in part.scope_spans
        for span in group.spans
    ]
    assert [read(span) for span in found] == [plain(span) for span in spans(tmp_path / "json")]


def read(span) -> dict:
    pairs = {pair.key: value_of(pair.value) for pair in span.attributes}
    ids = [bytes(item).hex() for item in (span.trace_id, span.span_id, span.parent_span_id)]
    times = span.start_time_unix_nano, span.end_time_unix_nano
    return {
        "ids": ids,
        "name": span.name,
        "kind": span.kind,
        "times": times,
        "status": span.status.code,
        "pairs": pairs,
    }


def value_of(value):
    kind = value.WhichOneof("value")
    found = getattr(value, kind)
    return [value_of(item) for item in found.values] if kind == "array_value" else found


def plain(span: dict) -> dict:
    return {
        "ids": [span[name] for name in ("traceId", "spanId", "parentSpanId")],
        "name": span["name"],
        "kind": span["kind"],
        "times": (int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])),
        "status": span["status"].get("code", 0),
        "pairs": {pair["key"]: plain_value(pair["value"]) for pair in span["attributes"]},
    }


def plain_value(value: dict):
    ((kind, found),) = value.items()
    if kind == "arrayValue":
        return [plain_value(item) for item in found["values"]]
    return int(found) if kind == "intValue" else found
