"""Four generic package names belong to this distribution alone, and every dependency is pinned by hash."""

import re
import tomllib
from importlib.metadata import packages_distributions

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PINNED = {"requirements.txt": ("project",), "requirements-dev.txt": ("project", "dev")}


@pytest.mark.parametrize("package", ["schemas", "pipeline", "reports", "assets"])
def test_no_other_distribution_owns_our_package_names(package) -> None:
    owners = set(packages_distributions().get(package, []))

    assert owners <= {"tallystick"}


@pytest.mark.parametrize("name", PINNED)
def test_every_line_of_the_requirements_is_a_pin_or_its_hash(root, name) -> None:
    lines = (root / name).read_text("utf-8").splitlines()
    other = [
        line
        for line in lines
        if line
        and not re.fullmatch(
            r"[\w.-]+(\[[\w, -]+\])?==\S+( ; .+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?|# .+|#    .+", line
        )
    ]

    assert other == []
    assert not any("//" in line for line in lines)


@pytest.mark.parametrize("name", PINNED)
def test_every_dependency_is_pinned_inside_its_bounds(root, name) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    wanted = list(project["project"]["dependencies"])
    if "dev" in PINNED[name]:
        wanted += project["dependency-groups"]["dev"]
    pins: dict[str, set[str]] = {}
    for found in re.finditer(
        r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;]+)", (root / name).read_text("utf-8"), re.M
    ):
        pins.setdefault(canonicalize_name(found[1]), set()).add(found[2])

    for requirement in map(Requirement, wanted):
        versions = pins.get(canonicalize_name(requirement.name), set())
        assert versions, f"{requirement.name} is not pinned: run make requirements"
        assert all(requirement.specifier.contains(version) for version in versions), requirement


def test_both_files_pin_the_same_versions(root) -> None:
    def pins(name: str) -> set[str]:
        text = (root / name).read_text("utf-8")
        return set(re.findall(r"^\S+==\S+(?: ; .+)?(?= \\)", text, re.M))

    runtime = {re.sub(r"\[[^]]*\]| ;.*", "", pin) for pin in pins("requirements.txt")}
    tools = {re.sub(r"\[[^]]*\]| ;.*", "", pin) for pin in pins("requirements-dev.txt")}
    assert runtime <= tools


def test_the_build_backend_is_pinned_with_the_tools(root) -> None:
    """The Makefile builds without isolation, so that nothing is fetched that is not in the list."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))

    assert set(project["build-system"]["requires"]) <= set(project["dependency-groups"]["dev"])
