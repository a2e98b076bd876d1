"""README and Makefile say what the code does today."""

import re
from importlib import import_module
from importlib.util import find_spec

import pytest
from typer.main import get_command

from assets.dictionary import BEGIN, data_dictionary, replace_block
from schemas.tables import TABLES


def test_the_dictionary_in_the_readme_is_current(root) -> None:
    text = (root / "README.md").read_text("utf-8")
    if BEGIN not in text:
        pytest.skip("the README has no dictionary yet")

    assert replace_block(text) == text, "run: .venv/bin/python -m assets.dictionary --write"


def test_the_dictionary_names_every_published_table_and_column() -> None:
    text = data_dictionary()

    for table in (table for table in TABLES if table.exported):
        assert f"#### `{table.exported}`" in text
        for name in set(table.schema) - set(table.export_without):
            assert f"| `{name}` |" in text


def test_a_document_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="Add both lines"):
        replace_block("# Title\n")


def test_only_the_block_between_the_markers_changes() -> None:
    text = f"before\n{BEGIN}\nold\n<!-- /dictionary -->\nafter\n"

    changed = replace_block(text)

    assert changed.startswith(f"before\n{BEGIN}\n")
    assert changed.endswith("<!-- /dictionary -->\nafter\n")
    assert "\nold\n" not in changed
    assert replace_block(changed) == changed


def test_every_command_is_explained_in_the_readme(root) -> None:
    if find_spec("assets.cli") is None:
        pytest.skip("there is no command line yet")
    readme = (root / "README.md").read_text("utf-8")
    if "tallystick demo" not in readme:
        pytest.skip("the README does not explain the command line yet")
    commands = getattr(get_command(import_module("assets.cli").app), "commands", {})
    missing = [name for name in commands if f"tallystick {name}" not in readme]

    assert commands
    assert missing == []


def test_every_make_target_has_a_line_of_help(root) -> None:
    text = (root / "Makefile").read_text("utf-8")
    phony = re.search(r"^\.PHONY: (.+)$", text, re.M)[1].split()
    helped = re.findall(r"^([a-z-]+):.*## \S", text, re.M)

    assert sorted(phony) == sorted(helped)
    assert {"help", "demo", "test", "check", "ui"} <= set(helped)


def test_continuous_integration_runs_the_command_of_the_readme(root) -> None:
    script = (root / ".ci" / "run").read_text("utf-8")

    assert "\nmake test\n" in script
    if "make test" not in (root / "README.md").read_text("utf-8"):
        pytest.skip("the README does not say how to test yet")
