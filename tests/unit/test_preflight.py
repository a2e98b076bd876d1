from pathlib import Path

from pipeline.preflight import check
from pipeline.settings import Settings
from pipeline.source_settings import Source
from pipeline.team_settings import TeamRule

TEAMS = (TeamRule(team="red", service="*"),)


def problems(folder: Path, *sources: Source) -> list[tuple[str, str]]:
    found = check(Settings(root=folder, sources=sources, teams=TEAMS))
    return [(problem.severity, f"{problem.where}: {problem.message} {problem.advice}") for problem in found]


def test_a_complete_set_of_sources_has_no_problem(tmp_path: Path) -> None:
    (tmp_path / "spans.jsonl").write_text("{}\n")
    (tmp_path / "usage.json").write_text(
        '{"object":"page","data":[{"object":"bucket","start_time":1,"end_time":2,'
        '"results":[{"object":"organization.usage.completions.result","input_tokens":1}]}]}'
    )
    (tmp_path / "invoice.toml").write_text(
        'issuer = "A"\ninvoice_id = "1"\nperiod = "2026-10"\ntotal = "1"\n'
    )
    sources = (
        Source(name="t", kind="traces", uri="*.jsonl"),
        Source(name="u", kind="usage", uri="usage.json"),
        Source(name="i", kind="invoice", uri="invoice.toml"),
    )
    assert problems(tmp_path, *sources) == []


def test_a_source_without_files_is_an_error_that_names_it(tmp_path: Path) -> None:
    found = problems(tmp_path, Source(name="spans", kind="traces", uri="otel/*.jsonl"))
    assert found[0][0] == "error"
    assert "source 'spans': 'otel/*.jsonl' matches no file" in found[0][1]


def test_a_file_of_no_known_format_is_an_error_that_names_what_was_expected(tmp_path: Path) -> None:
    (tmp_path / "usage.json").write_text('{"hello": "world"}')
    found = problems(tmp_path, Source(name="u", kind="usage", uri="usage.json"))
    assert found[0][0] == "error"
    assert "usage.json" in found[0][1]
    assert "openai_usage_completions" in found[0][1]


def test_an_unknown_format_or_provider_is_named_with_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "usage.json").write_text("{}")
    found = problems(
        tmp_path, Source(name="u", kind="usage", uri="usage.json", format="opnai", provider="opnai")
    )
    texts = [text for severity, text in found if severity == "error"]
    assert any("no format 'opnai'" in text and "anthropic_usage_messages" in text for text in texts)
    assert any("Provider 'opnai' is not known" in text and "openai" in text for text in texts)


def test_traces_without_a_meter_and_a_bill_say_so(tmp_path: Path) -> None:
    (tmp_path / "spans.jsonl").write_text("{}\n")
    found = problems(tmp_path, Source(name="t", kind="traces", uri="*.jsonl"))
    assert [severity for severity, _ in found] == ["error", "warning"]
    assert "no meter" in found[0][1]
    assert "no bill" in found[1][1]


def test_no_source_at_all_is_one_error(tmp_path: Path) -> None:
    assert [severity for severity, _ in problems(tmp_path)] == ["error"]
