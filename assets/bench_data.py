"""Trace dumps of any size for the benchmarks: the same bytes for the same numbers, a line at a time."""

from collections.abc import Iterator
from pathlib import Path

SPANS_A_LINE = 128
"""As a collector with its default batch writes them, more or less."""

_START = 1_790_000_000 * 10**9
_SERVICES = ("checkout", "search", "support-bot", "mailer", "summaries", "gateway", "batch", "web")
_MODELS = (
    ("openai", "gpt-5-mini", "gpt-5-mini-2025-08-07", "api.openai.com"),
    ("openai", "gpt-4.1", "gpt-4.1-2025-04-14", "api.openai.com"),
    ("anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929", "api.anthropic.com"),
)
_SENTENCE = (
    "the order was sent to the old address and the customer asks whether it can be stopped before Monday "
    "please look up the invoice and say in two sentences what was paid for the second delivery"
)
_WORDS = tuple(_SENTENCE.split())
_LLM = (
    '{"traceId":"%s","spanId":"%s","parentSpanId":"%s","flags":257,"name":"chat %s","kind":3,'
    '"startTimeUnixNano":"%d","endTimeUnixNano":"%d","attributes":['
    '{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},'
    '{"key":"gen_ai.system","value":{"stringValue":"%s"}},'
    '{"key":"gen_ai.request.model","value":{"stringValue":"%s"}},'
    '{"key":"gen_ai.request.temperature","value":{"doubleValue":0.%d}},'
    '{"key":"gen_ai.request.max_tokens","value":{"intValue":"%d"}},'
    '{"key":"gen_ai.response.model","value":{"stringValue":"%s"}},'
    '{"key":"gen_ai.response.id","value":{"stringValue":"chatcmpl-%s"}},'
    '{"key":"gen_ai.response.finish_reasons","value":{"arrayValue":{"values":[{"stringValue":"%s"}]}}},'
    "%s"
    '{"key":"gen_ai.usage.cache_read.input_tokens","value":{"intValue":"%d"}},'
    '{"key":"server.address","value":{"stringValue":"%s"}},'
    '{"key":"server.port","value":{"intValue":"443"}},'
    '{"key":"team","value":{"stringValue":"team-%d"}},'
    '{"key":"feature","value":{"stringValue":"feature-%d"}},'
    '{"key":"session.id","value":{"stringValue":"%s"}}%s],"status":{}}'
)
_USAGE = (
    '{"key":"gen_ai.usage.input_tokens","value":{"intValue":"%d"}},'
    '{"key":"gen_ai.usage.output_tokens","value":{"intValue":"%d"}},'
)
_TEXT = (
    ',{"key":"gen_ai.input.messages","value":{"stringValue":"[{\\"role\\":\\"user\\",\\"parts\\":'
    '[{\\"type\\":\\"text\\",\\"content\\":\\"%s\\"}]}]"}},'
    '{"key":"gen_ai.output.messages","value":{"stringValue":"[{\\"role\\":\\"assistant\\",\\"parts\\":'
    '[{\\"type\\":\\"text\\",\\"content\\":\\"%s\\"}]}]"}}'
)
_OTHER = (
    '{"traceId":"%s","spanId":"%s","parentSpanId":"%s","flags":257,"name":"%s","kind":%d,'
    '"startTimeUnixNano":"%d","endTimeUnixNano":"%d","attributes":['
    '{"key":"db.system.name","value":{"stringValue":"postgresql"}},'
    '{"key":"db.namespace","value":{"stringValue":"orders"}},'
    '{"key":"db.query.text","value":{"stringValue":"select id from orders where id = $1 and day > $2"}},'
    '{"key":"db.operation.name","value":{"stringValue":"select"}},'
    '{"key":"network.peer.address","value":{"stringValue":"10.0.%d.%d"}},'
    '{"key":"thread.id","value":{"intValue":"%d"}},'
    '{"key":"thread.name","value":{"stringValue":"worker-%d"}}],"status":{"code":1}}'
)
_OTHERS = ("select orders", "GET /orders/{id}", "cache lookup", "render page", "queue publish")


def write_dump(path: Path, spans: int, *, with_text: bool = False) -> int:
    """Write so many spans, every second one an LLM call with 16 attributes; return the bytes.

    With text every call carries its prompt and its answer, and one in fifty logs no usage.
    """
    with path.open("wb") as file:
        return sum(file.write(line) for line in lines(spans, with_text=with_text))


def write_files(folder: Path, files: int) -> int:
    """Write so many dumps of one, two or three spans each; return the bytes."""
    folder.mkdir()
    size, first = 0, 0
    for number in range(files):
        spans = range(first, first + 1 + number % 3)
        size += (folder / f"{number:06}.jsonl").write_bytes(_line(spans, with_text=False))
        first = spans.stop
    return size


def lines(spans: int, *, with_text: bool = False) -> Iterator[bytes]:
    """Yield requests with so many spans together, one a line."""
    for first in range(0, spans, SPANS_A_LINE):
        yield _line(range(first, min(first + SPANS_A_LINE, spans)), with_text=with_text)


def _line(group: range, *, with_text: bool) -> bytes:
    made = ",".join(_call(i, with_text) if i % 2 else _other(i) for i in group)
    first = group.start
    service = _SERVICES[first // SPANS_A_LINE % len(_SERVICES)]
    return (
        '{"resourceSpans":[{"resource":{"attributes":['
        f'{{"key":"service.name","value":{{"stringValue":"{service}"}}}},'
        '{"key":"deployment.environment.name","value":{"stringValue":"production"}},'
        f'{{"key":"host.name","value":{{"stringValue":"node-{first % 97}"}}}},'
        '{"key":"telemetry.sdk.language","value":{"stringValue":"python"}}]},'
        '"scopeSpans":[{"scope":{"name":"opentelemetry.instrumentation.bench","version":"1.2.0"},'
        f'"spans":[{made}]}}]}}]}}\n'
    ).encode()


def mix(number: int) -> int:
    """Return 64 bits that look random: the finalizer of splitmix64."""
    mixed = (number + 1) * 0x9E3779B97F4A7C15 % 2**64
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB % 2**64
    return mixed ^ mixed >> 31


def _ids(number: int) -> tuple[str, str, str]:
    """Return trace id, span id and the parent's: eight spans are a trace, its first is the root."""
    trace = number // 8
    parent = "" if number % 8 == 0 else f"{mix(trace * 8) or 1:016x}"
    return f"{mix(trace + 2**40):016x}{mix(trace):016x}", f"{mix(number):016x}", parent


def _call(number: int, with_text: bool) -> str:
    mixed = mix(number)
    system, asked, answered, host = _MODELS[mixed % 3]
    start = _START + number * 1_000_000 + mixed % 1_000_000
    given, made = mixed % 20_000 + 1, mixed % 1_500 + 1
    text = _TEXT % (_words(mixed, 160), _words(mixed >> 7, 60)) if with_text else ""
    usage = "" if with_text and number % 100 == 1 else _USAGE % (given, made)
    return _LLM % (
        *_ids(number), asked, start, start + mixed % 9_000_000_000, system, asked, mixed % 10,
        mixed % 4_000 + 96, answered, f"{mixed:016x}", "stop" if mixed % 9 else "length", usage,
        given // 2, host, mixed % 12, mixed % 40, f"{mix(number // 64):016x}", text,
    )  # fmt: skip


def _other(number: int) -> str:
    mixed = mix(number)
    start = _START + number * 1_000_000 + mixed % 1_000_000
    return _OTHER % (
        *_ids(number), _OTHERS[mixed % 5], mixed % 5 + 1, start, start + mixed % 90_000_000,
        mixed % 250, mixed % 199, mixed % 64, mixed % 16,
    )  # fmt: skip


def _words(mixed: int, count: int) -> str:
    return " ".join(
        _WORDS[(mixed + 7 * place + (mixed >> place % 40)) % len(_WORDS)] for place in range(count)
    )
