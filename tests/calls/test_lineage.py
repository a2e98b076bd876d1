"""What stands above a call: the root of its trace, agents and sub-agents."""

import pytest

APP = {"scope": "app", "name": "work"}
AGENT = {"scope": "app", "kind": "internal", "operation": "invoke_agent", "request_model": None}
TOOL = {"scope": "app", "kind": "internal", "operation": "execute_tool", "name": "execute_tool search"}
CALL = {"id": "9", "request_model": "small"}


def above(calls) -> tuple[str, str]:
    return calls.calls.select("root_kind", "agent_level").row(0)


@pytest.mark.parametrize("kind", ["server", "consumer", "internal"])
def test_the_root_of_the_trace_says_who_asked(resolved, kind: str) -> None:
    calls = resolved(
        {"id": "1", "kind": kind, **APP}, {"id": "2", "parent": "1", **APP}, {"parent": "2", **CALL}
    )

    assert above(calls) == (kind, "none")


@pytest.mark.parametrize(
    "rows",
    [
        [{**CALL}],
        [{"id": "1", "parent": "lost", "kind": "server", **APP}, {"parent": "1", **CALL}],
    ],
)
def test_a_root_that_is_not_there_or_is_the_call_tells_nothing(resolved, rows) -> None:
    assert above(resolved(*rows)) == ("unknown", "none")


@pytest.mark.parametrize(
    ("names", "level"),
    [
        ([{**AGENT, "name": "invoke_agent main"}], "agent"),
        ([TOOL], "none"),
        ([{**AGENT, "name": "invoke_agent main"}, TOOL], "agent"),
        ([{**AGENT, "name": "invoke_agent a"}, {**AGENT, "name": "invoke_agent b"}], "sub_agent"),
        ([{**AGENT, "name": "invoke_agent a"}, {**AGENT, "name": "invoke_agent a"}], "agent"),
        ([{**AGENT, "name": "invoke_agent a"}, TOOL, {**AGENT, "name": "invoke_agent a"}], "sub_agent"),
        ([{"scope": "app", "name": "agent run"}, {"scope": "app", "name": "invoke_agent b"}], "sub_agent"),
    ],
)
def test_a_sub_agent_is_called_by_another_agent_or_a_tool(resolved, names, level: str) -> None:
    path = [
        {**span, "id": str(number), "parent": str(number - 1) if number > 1 else None}
        for number, span in enumerate(names, 1)
    ]

    assert above(resolved(*path, {"parent": str(len(path)), **CALL}))[1] == level
