"""Of what people wrote, and of what only they may know, nothing is stored: no table, file or message."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

NANOS = 1_792_000_000 * 10**9
MARK = "Zq7Marker"

CALL = {
    "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4.1",
    "gen_ai.usage.input_tokens": "7", "gen_ai.usage.output_tokens": "5", "server.address": "api.openai.com",
}  # fmt: skip
TEXTS = [
    "gen_ai.prompt", "gen_ai.prompt.0.content", "gen_ai.completion.0.content", "gen_ai.input.messages",
    "gen_ai.output.messages", "gen_ai.system_instructions", "gen_ai.tool.definitions", "gen_ai.headers",
    "gen_ai.request.headers", "llm.input_messages.0.message.content", "input.value", "output.value",
    "ai.prompt", "ai.response.text", "ai.prompt.messages", "traceloop.entity.input", "db.statement",
    "langfuse.observation.input", "langfuse.observation.output", "exception.message", "exception.stacktrace",
    "http.request.header.authorization", "http.request.header.x-api-key", "http.request.header.cookie",
    "http.response.header.set-cookie", "http.request.body", "http.response.body", "user.id", "user.email",
    "enduser.id", "error.message", "metadata.user_api_key", "llm.prompts", "gen_ai.embeddings.input",
    "langfuse.user.id", "litellm.api_key", "llm.invocation_parameters", "metadata",
]  # fmt: skip
"""Attributes whose value is free text, or a secret."""


def told(key: str, text: str) -> dict[str, Any]:
    return {"key": key, "value": {"stringValue": text}}


def secret(place: str) -> str:
    """Text that is found again, in a form that words, keys and addresses of e-mail have."""
    return f"{MARK} {place} sk-proj-{MARK}0aB jane@{MARK}.example"


def span(number: int, attributes: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    return {
        "traceId": f"{number + 1:032x}", "spanId": f"{number + 1:016x}", "name": "chat gpt-4.1", "kind": 3,
        "startTimeUnixNano": str(NANOS), "endTimeUnixNano": str(NANOS + 10**9),
        "attributes": [*(told(key, value) for key, value in CALL.items()), *attributes],
    } | fields  # fmt: skip


def spans() -> list[dict[str, Any]]:
    event = {"name": secret("event"), "attributes": [
        told("exception.type", secret("class")), told("exception.message", secret("message")),
        told("gen_ai.event.content", secret("content")),
    ]}  # fmt: skip
    url = f"https://u:{MARK}@api.openai.com/v1/chat/completions?api-key={MARK}&q={MARK}#{MARK}"
    counts = [f"gen_ai.usage.{side}_tokens" for side in ("input", "output", "total")]
    return [
        span(0, [told(key, secret(key)) for key in TEXTS]),
        span(1, [told("url.full", url), told("http.url", url), told("http.target", f"/v1/x?key={MARK}"),
                 told("url.query", MARK), told("url.path", f"/v1/{MARK}0aBcDeFgH1234567/chat")]),
        span(2, [told("error.type", secret("error"))], status={"code": 2, "message": secret("status")},
             events=[event], links=[{"attributes": [told("x", secret("link"))]}]),
        span(3, [], events=[event], traceState=f"vendor={MARK}"),
        *(span(4 + i, [told(key, secret(key))]) for i, key in enumerate(counts)),
        *(span(8 + i, [], **{key: secret(key)}) for i, key in enumerate(
            ("traceId", "spanId", "parentSpanId", "startTimeUnixNano", "status", "kind"))),
        span(20, []) | {"attributes": secret("attributes")},
        span(21, []) | {"attributes": [
            *(told(key, value) for key, value in CALL.items() if "usage" not in key),
            *(told(key, secret(key)) for key in TEXTS)]},
    ]  # fmt: skip


def plant(folder: Path) -> None:
    """Write the marker wherever people or their programs may have left something."""
    personal = ("process.command_line", "process.command_args", "host.name", "user.id", "api.key", "os.type")
    resource = [told("service.name", "support-chat"), *(told(key, secret(key)) for key in personal)]
    scoped = {"scope": {"name": "x", "attributes": [told("k", secret("scope"))]}, "spans": spans()}
    record = {"resourceSpans": [{"resource": {"attributes": resource}, "scopeSpans": [scoped]}]}
    broken = json.dumps(record)
    lines = [broken, broken[:-300], secret("line"), json.dumps({secret("key"): secret("value")}),
             json.dumps([secret("item")]), json.dumps({"resourceSpans": secret("spans")})]  # fmt: skip
    (folder / "traces" / "zz.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    for path in [*(folder / "openai" / "usage").iterdir(), *(folder / "anthropic" / "usage").iterdir()]:
        content = json.loads(path.read_text("utf-8"))
        for page in content if isinstance(content, list) else [content]:
            _mark(page)
        path.write_text(json.dumps(content), "utf-8")
    error = {"error": {"message": secret("error body"), "type": "auth", "param": secret("param")}}
    (folder / "openai" / "usage" / "zz-error.json").write_text(json.dumps(error), "utf-8")
    by_path = {f"https://api.openai.com/v1/organization/usage/images?key={MARK}": {"data": [{"results": []}]}}
    later = {"start_time": 1_792_022_400, "end_time": 1_792_108_800, "results": [
        {"input_tokens": 1, "output_tokens": 1, "user_id": [secret("user")]},
        {"input_tokens": 1, "output_tokens": 1, "user_id": secret("user") * 20}]}  # fmt: skip
    by_path["/v1/organization/usage/completions"] = {"data": [later]}
    (folder / "openai" / "usage" / "zz-map.json").write_text(json.dumps(by_path), "utf-8")
    for path in (folder / "invoices").iterdir():
        head, lines_ = path.read_text("utf-8").split("[[lines]]", 1)
        more = "".join(f'{key} = "{secret(key)}"\n' for key in ("bank", "contact", "vat_id", "note"))
        path.write_text(f"{head}{more}\n[[lines]]\nmemo = '{secret('memo')}'{lines_}", "utf-8")


def _mark(page: dict[str, Any]) -> None:
    page["request_log"] = secret("page")
    for bucket in page["data"]:
        for result in bucket["results"]:
            result["note"] = secret("note")
            for key in ("user_id", "account_id", "service_account_id"):
                if key in result:
                    result[key] = f"{MARK}-jane"


@pytest.fixture
def closed(month_folder: Path) -> tuple[Path, str]:
    """The month with the marker in it, closed by the command; what that said."""
    plant(month_folder)
    command = [str(Path(sys.executable).with_name("tallystick")), "close", "2026-10"]
    done = subprocess.run(command, cwd=month_folder, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stderr
    return month_folder, done.stdout + done.stderr


def test_nothing_that_people_wrote_is_stored_or_said(closed: tuple[Path, str]) -> None:
    folder, said = closed
    with duckdb.connect(str(folder / "tallystick.duckdb"), read_only=True) as warehouse:
        texts = warehouse.sql(
            "select table_schema || '.' || table_name, column_name from information_schema.columns "
            "where data_type = 'VARCHAR'"
        ).fetchall()
        assert len(texts) > 100
        found = {
            (table, column): warehouse.sql(
                f"select min({column}) from {table} where contains(lower({column}), $mark)",  # noqa: S608
                params={"mark": MARK.lower()},
            ).fetchall()[0][0]
            for table, column in texts
        }
        spans = warehouse.sql(
            "select count(*) from raw.span where trace_id like '0000000000000000%'"
        ).fetchall()
        rejected = warehouse.sql("select count(*) from raw.quarantine where uri like '%zz%'").fetchall()
    assert {place: text for place, text in found.items() if text is not None} == {}
    assert spans[0][0] >= 4
    assert rejected[0][0] >= 15
    assert MARK.lower() not in said.lower()
    for path in folder.joinpath("output").rglob("*"):
        assert path.is_dir() or MARK.lower().encode() not in path.read_bytes().lower(), path
    assert MARK.encode() not in (folder / "tallystick.duckdb").read_bytes()
