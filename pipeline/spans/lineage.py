"""What stands above a call: the kind of the root of its trace, and whether an agent or a sub-agent called."""

import polars as pl

from pipeline.spans.biller import UNKNOWN
from pipeline.spans.tree import nearest, tops

_AGENTS = ("invoke_agent", "agent")
_TOOLS = ("execute_tool", "tool")
"""Operations of the GenAI conventions and span kinds of OpenInference, in lower case."""

_AGENT_NAMES = ("invoke_agent", "agent run")
_TOOL_NAMES = ("execute_tool", "running tool")
"""Beginnings of span names of instrumentations that write no operation (pydantic-ai before 2)."""


def lineage(nodes: pl.DataFrame, parent: pl.Series, calls: pl.Series) -> pl.DataFrame:
    """Return `root_kind` and `agent_level` of the wanted rows of `nodes`, row by row.

    `root_kind` is `unknown` where the root was not exported, is the call itself or is an LLM or agent span:
    those tell nothing of who asked. A sub-agent is an agent below a tool, or below an agent of another name:
    two instrumentations of one agent nest under the same name.
    """
    is_agent = _is(nodes, _AGENTS, _AGENT_NAMES)
    is_tool = _is(nodes, _TOOLS, _TOOL_NAMES)
    agent = nearest(parent, is_agent)
    caller = nearest(parent, is_agent | is_tool).gather(agent)
    name = nodes["name"]
    other = name.gather(caller).ne_missing(name.gather(agent)) | is_tool.gather(caller)
    is_sub = caller.is_not_null() & other
    level = pl.when(is_sub).then(pl.lit("sub_agent")).when(agent.is_not_null()).then(pl.lit("agent"))
    levels = pl.select(level.otherwise(pl.lit("none"))).to_series()
    return pl.DataFrame({"root_kind": _root_kind(nodes, parent, is_agent), "agent_level": levels})[calls]


def _is(nodes: pl.DataFrame, operations: tuple[str, ...], names: tuple[str, ...]) -> pl.Series:
    word, name = pl.col("operation").str.to_lowercase(), pl.col("name").str.to_lowercase()
    begins = pl.any_horizontal([name.str.starts_with(start) for start in names])
    return nodes.select((word.is_in(operations) | begins).fill_null(value=False).alias("is")).to_series()


def _root_kind(nodes: pl.DataFrame, parent: pl.Series, is_agent: pl.Series) -> pl.Series:
    top = nodes.select("kind", "role", "parent_span_id").with_columns(is_agent)
    told = pl.col("role").is_null() & pl.col("parent_span_id").is_null() & ~pl.col("is")
    kind = top.select(pl.when(told).then("kind").otherwise(pl.lit(UNKNOWN)).alias("kind"))["kind"]
    return kind.gather(tops(parent))
