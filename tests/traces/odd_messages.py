"""Spans and parts of OTLP in protobuf as no exporter writes them, built field by field."""

from collections.abc import Sequence

from hypothesis import strategies as st

START = 1_790_000_000 * 10**9


def field(number: int, value: bytes | int, kind: int = 2) -> bytes:
    """A field: a varint, fixed bytes as they are, or bytes behind their length."""
    head = varint(number << 3 | kind)
    if isinstance(value, int):
        return head + varint(value)
    return head + (varint(len(value)) if kind == 2 else b"") + value


def varint(value: int) -> bytes:
    data = b""
    while value > 0x7F:
        data += bytes([value & 0x7F | 0x80])
        value >>= 7
    return data + bytes([value])


def fixed(value: int) -> bytes:
    return value.to_bytes(8, "little")


def pair(key: str | bytes, value: bytes) -> bytes:
    return field(9, field(1, key.encode() if isinstance(key, str) else key) + field(2, value))


def text(value: str) -> bytes:
    return field(1, value.encode())


IDS = field(1, bytes(range(1, 17))) + field(2, bytes(range(9, 17)))
TIMES = field(7, fixed(START), 1) + field(8, fixed(START + 10**9), 1)
USAGE = pair("gen_ai.usage.input_tokens", field(3, 7, 0)) + pair("gen_ai.usage.output_tokens", field(3, 2, 0))
CALL = IDS + field(5, b"chat") + field(6, 3, 0) + TIMES + USAGE + pair("gen_ai.request.model", text("gpt-4o"))
RESOURCE = field(1, field(1, field(1, b"service.name") + field(2, text("shop"))))
SCOPE = field(1, field(1, b"scope") + field(2, b"1.0"))


def resource_spans(*spans: bytes, resource: bytes = RESOURCE, scope: bytes = SCOPE) -> bytes:
    """A ResourceSpans."""
    return resource + field(2, scope + b"".join(field(2, span) for span in spans))


ODD_SPANS = {
    "nothing": b"",
    "no ids": TIMES,
    "no times": IDS,
    "neither": field(5, b"log"),
    "short id": CALL + field(4, b"\1" * 7),
    "a parent": CALL + field(4, b"\xab\xcd\xef\0\1\2\3\4"),
    "no parent": CALL + field(4, bytes(8)),
    "own parent": CALL + field(4, bytes(range(9, 17))),
    "zero trace": CALL.replace(bytes(range(1, 17)), bytes(16)),
    "zero span": CALL.replace(field(2, bytes(range(9, 17))), field(2, bytes(8))),
    "ids twice": CALL + field(1, b"\5" * 16),
    "name twice": CALL + field(5, b"other"),
    "time twice": CALL + field(7, fixed(START + 5), 1),
    "time of zero last": CALL + field(7, fixed(0), 1) + field(8, fixed(0), 1) + field(1, b""),
    "parent twice": CALL + field(4, b"\1" * 8) + field(4, b""),
    "status twice": CALL + field(15, field(3, 2, 0)) + field(15, field(2, b"m")),
    "status of two codes": CALL + field(15, field(3, 2, 0) + field(3, 1, 0)),
    "status ok": CALL + field(15, field(2, b"said") + field(3, 1, 0)),
    "status 9": CALL + field(15, field(3, 9, 0)),
    "status -1": CALL + field(15, field(3, 2**64 - 1, 0)),
    "status as text": CALL + field(15, field(3, b"2")),
    "status cut": CALL + field(15, b"\x18"),
    "status empty": CALL + field(15, b""),
    "kind 9": CALL.replace(field(6, 3, 0), field(6, 9, 0)),
    "kind -1": CALL.replace(field(6, 3, 0), field(6, 2**64 - 1, 0)),
    "kind 2**32+3": CALL.replace(field(6, 3, 0), field(6, 2**32 + 3, 0)),
    "kind of two bytes": CALL.replace(field(6, 3, 0), b"\x30\x83\x00"),
    "kind as bytes": CALL + field(6, b"3"),
    "ends before": CALL.replace(fixed(START + 10**9), fixed(START - 1)),
    "year 1999": CALL.replace(fixed(START), fixed(946_684_799 * 10**9)),
    "year 2000": CALL.replace(fixed(START), fixed(946_684_800 * 10**9)),
    "year 2100": CALL.replace(fixed(START + 10**9), fixed(4_102_444_800 * 10**9)),
    "far future": CALL.replace(fixed(START), fixed(2**64 - 1)),
    "control characters": CALL.replace(b"chat", b"c\0\n\x7f"),
    "name of letters": CALL.replace(field(5, b"chat"), field(5, "ä".encode() * 100)),
    "name that is long": CALL.replace(field(5, b"chat"), field(5, b"n" * 300)),
    "name not utf-8": CALL.replace(b"chat", b"c\xffat"),
    "no name": CALL.replace(field(5, b"chat"), b""),
    "claude": CALL.replace(field(5, b"chat"), field(5, b"claude_code.llm")) + pair("model", text("m")),
    "trace state": CALL + field(3, b"ot=th:c;rv:1"),
    "trace state not utf-8": CALL + field(3, b"ot=th:c\xff"),
    "unknown": CALL + field(13, b"link") + field(16, b"\0\1\0\0", 5) + field(99, 2**64 - 1, 0) + field(70, fixed(5), 1),
    "unknown varint too large": CALL + b"\x50" + b"\xff" * 9 + b"\x7f",
    "a group": CALL + b"\xa3\x01\x08\x01\xa4\x01",
    "tag of five bytes": CALL + b"\xf8\xff\xff\xff\x0f\x01",
    "tag in a long form": CALL + b"\xaa\x80\x00\x01x",
    "field 0": CALL + b"\x02\x00",
    "model spaced": CALL + pair("gen_ai.response.model", text(" spaced ")),
    "model before a space": CALL + pair("gen_ai.response.model", text("spaced ")),
    "model of tabs": CALL + pair("gen_ai.response.model", text("\tx\x1c")),
    "model long": CALL + pair("gen_ai.response.model", text("x" * 200)),
    "model of letters": CALL + pair("gen_ai.response.model", text("gpt-ö")),
    "model empty": CALL + pair("gen_ai.response.model", text("")),
    "model not utf-8": CALL + pair("gen_ai.response.model", b"\x0a\x02\xff\xfe"),
    "model in quotes": CALL + pair("gen_ai.response.model", text('"a\\b"')) + pair("team", text('t"\\')),
    "model twice": CALL + pair("gen_ai.request.model", text("other")),
    "model of two values": CALL + pair("gen_ai.response.model", text("a") + text("b")),
    "model as number": CALL + pair("gen_ai.response.model", field(3, 12, 0)) + pair("error.type", field(3, 500, 0)),
    "counts that agree": CALL + pair("gen_ai.usage.prompt_tokens", field(3, 7, 0)),
    "counts that do not": CALL + pair("gen_ai.usage.prompt_tokens", field(3, 8, 0)),
    "count negative": CALL + pair("gen_ai.usage.total_tokens", field(3, 2**64 - 1, 0)),
    "count absurd": CALL + pair("gen_ai.usage.total_tokens", field(3, 10**12, 0)),
    "count huge": CALL + pair("gen_ai.usage.total_tokens", field(3, 2**63 - 1, 0)),
    "count as text": CALL + pair("gen_ai.usage.total_tokens", text("9")),
    "count as words": CALL + pair("gen_ai.usage.total_tokens", text("nine")),
    "count as float": CALL + pair("gen_ai.usage.total_tokens", field(4, b"\0\0\0\0\0\0\x22\x40", 1)),
    "count of zero": CALL + pair("gen_ai.usage.total_tokens", field(3, 0, 0)),
    "count in a long form": CALL + pair("gen_ai.usage.total_tokens", b"\x18\x89\x80\x00"),
    "count of no value": CALL + pair("gen_ai.usage.total_tokens", b""),
    "count cut": CALL + pair("gen_ai.usage.total_tokens", b"\x18\x89"),
    "count with more": CALL + pair("gen_ai.usage.total_tokens", field(3, 9, 0) + field(99, b"x")),
    "key alone": CALL + field(9, field(1, b"team")),
    "value alone": CALL + field(9, field(2, text("x"))),
    "value first": CALL + field(9, field(2, text("x")) + field(1, b"team")),
    "value twice": CALL + field(9, field(1, b"team") + field(2, text("a")) + field(2, text("b"))),
    "key twice": CALL + field(9, field(1, b"x") + field(1, b"team") + field(2, text("b"))),
    "attribute empty": CALL + field(9, b""),
    "attribute cut": CALL + field(9, b"\x0a\x04tea"),
    "attribute with more": CALL + field(9, field(1, b"team") + field(2, text("a")) + field(3, 1, 0)),
    "attribute as number": CALL + field(9, 5, 0),
    "key of letters": CALL + pair("schlüssel", text("x")),
    "key not utf-8": CALL + pair(b"\xffx", text("x")),
    "labels": CALL + pair("team", text("büro")) + pair("feature", field(2, 1, 0)) + pair("chat.id", text("c1")),
    "a list": CALL + pair("gen_ai.response.finish_reasons", field(5, field(1, text("stop")) + field(1, text("length")))),
    "a structure": CALL + pair("team", field(6, field(1, field(1, b"k") + field(2, text("v"))))),
    "bytes": CALL + pair("team", field(7, b"\0\xff")),
    "a url": CALL + pair("url.full", text("https://u:p@API.example.com:443/v1/x?y=z")),
    "a text and its usage": CALL + pair("gen_ai.input.messages", text("count me")),
    "a text and no usage": IDS + TIMES + pair("gen_ai.request.model", text("gpt-4o")) + pair("gen_ai.prompt.0.content", text("count me")),
    "an exception": CALL + field(11, field(3, field(1, b"exception.type") + field(2, text("E")))),
    "an event": CALL + field(11, field(2, b"first token")),
    "an event that is none": CALL + field(11, b"\xff\xff"),
}  # fmt: skip

ODD_PARTS = {
    "no spans": RESOURCE,
    "nothing": b"",
    "an empty scope": field(2, b""),
    "a scope alone": field(2, SCOPE),
    "a scope behind": RESOURCE + field(2, field(2, CALL) + SCOPE),
    "a resource behind": field(2, SCOPE + field(2, CALL)) + RESOURCE,
    "two resources": RESOURCE + resource_spans(CALL),
    "two scopes": resource_spans(CALL, scope=SCOPE + field(1, field(2, b"2"))),
    "two groups": resource_spans(CALL) + field(2, field(2, CALL)),
    "no resource": resource_spans(CALL, resource=b""),
    "no scope": resource_spans(CALL, scope=b""),
    "a resource that is none": resource_spans(CALL, resource=field(1, b"\xff")),
    "a resource that is none, without spans": field(1, b"\xff") + field(2, b""),
    "a resource as number": resource_spans(CALL, resource=field(1, 5, 0)),
    "a resource not utf-8": resource_spans(CALL, resource=field(1, field(1, field(1, b"\xff")))),
    "a service that is none": resource_spans(CALL, resource=field(1, field(1, field(1, b"service.name") + field(2, b"\xff")))),
    "labels of a resource": resource_spans(CALL, resource=field(1, field(1, field(1, b"team") + field(2, text("é"))))),
    "a scope that is none": resource_spans(CALL, scope=field(1, b"\xff")),
    "a scope that is none, without spans": resource_spans(CALL) + field(2, field(1, b"\xff")),
    "a scope that estimates": resource_spans(CALL + pair("gen_ai.prompt", text("x")), scope=field(1, field(1, b"opentelemetry.instrumentation.openai"))),
    "spans as number": RESOURCE + field(2, 7, 0),
    "a span as number": resource_spans() + field(2, field(2, 3, 0)),
    "old spans": RESOURCE + field(1000, SCOPE + field(2, CALL)) + field(2, field(2, CALL)),
    "a schema": resource_spans(CALL) + field(3, b"https://opentelemetry.io/\xff"),
    "logs": resource_spans(field(5, b"a body"), field(1, b"x")),
    "logs beside spans": resource_spans(field(5, b"a body"), CALL),
    "odd spans alone": resource_spans(ODD_SPANS["time of zero last"]),
    "a text alone": resource_spans(CALL + pair("gen_ai.prompt", text("x"))),
}  # fmt: skip


NUMBERS = st.one_of(st.integers(0, 130), st.sampled_from([START, 2**32 + 3, 2**63, 2**64 - 1]))
KEYS = st.sampled_from(
    [
        "team",
        "chat.id",
        "gen_ai.usage.input_tokens",
        "gen_ai.prompt",
        "gen_ai.prompt.0.content",
        "error.type",
        "ö",
        "",
    ]
)
RAW = st.one_of(
    st.binary(max_size=9), st.sampled_from([bytes(range(1, 17)), bytes(range(9, 17)), b"exception.type"])
)


def fields(numbers: Sequence[int], inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Some fields of any kind, with bytes of one kind in those that hold bytes."""
    number = st.sampled_from(numbers)
    kinds = st.one_of(
        st.builds(field, number, inner),
        st.builds(lambda n, value: field(n, value, 0), number, NUMBERS),
        st.builds(lambda n, value: field(n, fixed(value), 1), number, NUMBERS),
    )
    return st.lists(kinds, max_size=4).map(b"".join)


VALUES = st.one_of(
    fields([1, 2, 3, 4, 5, 6, 7], RAW),
    st.builds(lambda n: field(3, n, 0), NUMBERS),
    st.text(max_size=5).map(text),
)
PAIRS = st.one_of(
    fields([1, 2, 3], RAW),
    st.builds(lambda key, value: field(1, key.encode()) + field(2, value), KEYS, VALUES),
)
SPANS = st.one_of(
    st.builds(lambda pairs, more: CALL + b"".join(field(9, pair) for pair in pairs) + more, st.lists(PAIRS, max_size=3), fields(range(1, 18), RAW)),
    fields(range(1, 18), PAIRS),
)  # fmt: skip
GROUPS = st.builds(
    lambda scope, spans: scope + b"".join(field(2, span) for span in spans),
    st.sampled_from([SCOPE, b"", SCOPE * 2]),
    st.lists(SPANS, max_size=3),
)
PARTS = st.one_of(
    st.builds(lambda resource, groups: resource + b"".join(field(2, group) for group in groups), st.sampled_from([RESOURCE, b""]), st.lists(GROUPS, max_size=2)),
    fields([1, 2, 3, 1000], GROUPS),
)  # fmt: skip
