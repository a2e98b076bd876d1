"""What is used of Dagster is finished: nothing that may change or go with a minor release."""

import ast
from collections.abc import Iterator
from functools import reduce
from pathlib import Path

import dagster as dg
from dagster._annotations import (  # Dagster tells nowhere else what it calls finished
    get_beta_params,
    get_deprecated_params,
    has_beta_params,
    has_deprecated_params,
    is_beta,
    is_deprecated,
    is_preview,
    is_superseded,
)

FILES = sorted((Path(__file__).parents[2] / "assets").glob("*.py"))
UNFINISHED = (is_preview, is_beta, is_superseded, is_deprecated)


def _name(node: ast.expr) -> list[str]:
    """`dg.AssetSelection.groups` as its parts after `dg`; nothing for what is no name of Dagster."""
    if isinstance(node, ast.Attribute):
        rest = _name(node.value)
        return [*rest, node.attr] if rest or getattr(node.value, "id", "") == "dg" else []
    return []


def _used(text: str) -> Iterator[tuple[str, object, set[str]]]:
    """Every name of Dagster in a file: the name, what it is, and the keywords that it is called with."""
    for node in ast.walk(ast.parse(text)):
        called = isinstance(node, ast.Call)
        parts = _name(node.func if called else node)
        if parts:
            words = {each.arg for each in node.keywords if each.arg} if called else set()
            yield ".".join(parts), reduce(getattr, parts, dg), words


def _unfinished(text: str) -> list[str]:
    found = []
    for name, thing, words in _used(text):
        found += [f"{name}: {look.__name__}" for look in UNFINISHED if look(thing)]
        beta = get_beta_params(thing) if has_beta_params(thing) else {}
        outdated = get_deprecated_params(thing) if has_deprecated_params(thing) else {}
        found += [f"{name}({word}=)" for word in sorted(words & {*beta, *outdated})]
    return found


def test_nothing_is_used_that_dagster_calls_unfinished_or_outdated() -> None:
    used = [name for path in FILES for name, _, _ in _used(path.read_text("utf-8"))]

    assert len(set(used)) > 30
    assert {path.name: found for path in FILES if (found := _unfinished(path.read_text("utf-8")))} == {}


def test_the_look_sees_what_is_unfinished() -> None:
    assert _unfinished(
        "dg.asset(io_manager_def=1)\ndg.Definitions.map_asset_specs\ndg.observable_source_asset"
    ) == [
        "asset(io_manager_def=)",
        "Definitions.map_asset_specs: is_preview",
        "observable_source_asset: is_beta",
    ]
