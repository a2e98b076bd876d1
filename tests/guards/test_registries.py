"""Adding a cause, a provider or a dialect is one file and one line: neither may be forgotten."""

import ast
import importlib
import pkgutil
from pathlib import Path
from types import ModuleType

import pytest

from pipeline import causes, dialects, providers
from pipeline.cause import Cause
from pipeline.dialect import Dialect
from pipeline.provider import Provider

REGISTRIES = [
    pytest.param(causes, "CAUSES", Cause, "code", id="causes"),
    pytest.param(providers, "PROVIDERS", Provider, "slug", id="providers"),
    pytest.param(dialects, "DIALECTS", Dialect, "code", id="dialects"),
]


def _modules(package: ModuleType) -> dict[str, ModuleType]:
    """The modules of a package that hold entries; a leading underscore marks what several of them share."""
    names = [found.name for found in pkgutil.iter_modules(package.__path__) if not found.name.startswith("_")]
    return {name: importlib.import_module(f"{package.__name__}.{name}") for name in names}


def _entries(module: ModuleType, kind: type) -> list:
    values = [value for name, value in vars(module).items() if not name.startswith("_")]
    groups = [value if isinstance(value, tuple) else (value,) for value in values]
    return [entry for group in groups for entry in group if isinstance(entry, kind)]


@pytest.mark.parametrize(("package", "registry", "kind", "word"), REGISTRIES)
def test_every_module_is_in_its_registry_and_every_entry_has_its_module(
    package, registry, kind, word
) -> None:
    written = {getattr(e, word) for module in _modules(package).values() for e in _entries(module, kind)}
    registered = {getattr(entry, word) for entry in getattr(package, registry)}

    assert written == registered


@pytest.mark.parametrize(("package", "registry", "kind", "word"), REGISTRIES)
def test_every_module_brings_an_entry(package, registry, kind, word) -> None:
    empty = [name for name, module in _modules(package).items() if not _entries(module, kind)]

    assert empty == [], (
        f"no {kind.__name__} in {empty}: rename the file with a leading underscore, or move it"
    )


@pytest.mark.parametrize(("package", "registry", "kind", "word"), REGISTRIES)
def test_a_registry_is_a_tuple_without_twins(package, registry, kind, word) -> None:
    entries = getattr(package, registry)
    words = [getattr(entry, word) for entry in entries]

    assert isinstance(entries, tuple)
    assert len(words) == len(set(words))


@pytest.mark.parametrize(("package", "word"), [(causes, "CAUSES"), (providers, "PROVIDERS")])
def test_a_module_is_named_as_its_entry(package, word) -> None:
    entries = getattr(package, word)
    codes = {getattr(entry, "code", None) or entry.slug.replace(".", "_") for entry in entries}

    assert set(_modules(package)) == codes


def test_no_provider_is_named_outside_its_own_file() -> None:
    """What differs between sellers is data on `Provider`; a branch on a slug hides it."""
    slugs = {provider.slug for provider in providers.PROVIDERS}
    folder = Path(providers.__file__).parents[1]
    exempt = {"providers", "dialects", "simulator"}
    branches = [
        f"{path.relative_to(folder)}:{node.lineno}"
        for path in sorted(folder.rglob("*.py"))
        if exempt.isdisjoint(path.relative_to(folder).parts)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Compare)
        and any(isinstance(e, ast.Constant) and e.value in slugs for e in ast.walk(node))
    ]

    assert branches == []
