"""What a deployment copies is sound: units that systemd takes, an image that needs no root, instances that load."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
UNITS = ["tallystick-daemon.service", "tallystick-webserver.service"]


@pytest.mark.parametrize("name", UNITS)
def test_systemd_takes_the_unit(name, tmp_path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze on this machine")
    text = (ROOT / name).read_text("utf-8")
    tools = Path(sys.executable).parent  # where the commands of this checkout are
    unit = tmp_path / name
    unit.write_text(text.replace("/opt/tallystick/.venv/bin", str(tools)), "utf-8")

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )

    told = [line for line in done.stderr.splitlines() if name in line]
    assert told == []


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_starts_what_is_installed_and_runs_as_nobody_special(name) -> None:
    text = (ROOT / name).read_text("utf-8")
    commands = re.findall(r"^ExecStart(?:Pre)?=-?/opt/tallystick/\.venv/bin/(\S+)", text, re.M)

    assert commands
    assert all(Path(sys.executable).with_name(command).exists() for command in commands)
    assert "User=tallystick" in text


def test_the_tables_of_dagster_are_made_by_one_process_before_the_second_starts() -> None:
    daemon, webserver = ((ROOT / name).read_text("utf-8") for name in UNITS)

    first, *_ = re.findall(r"^ExecStart(?:Pre)?=-?/opt/tallystick/\.venv/bin/(.+)", daemon, re.M)
    assert first == "dagster instance migrate"
    assert "ExecStartPre" not in webserver
    (after,) = re.findall(r"^After=(.+)", webserver, re.M)
    assert UNITS[0] in after.split()


def test_the_image_copies_what_there_is_and_does_not_run_as_root() -> None:
    lines = (ROOT / "Containerfile").read_text("utf-8").replace("\\\n", " ").splitlines()
    steps = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    copied = [
        word for step, rest in steps if step == "COPY" and "--from" not in rest for word in rest.split()[:-1]
    ]

    assert {step for step, _ in steps} <= {
        "FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "HEALTHCHECK", "CMD"
    }  # fmt: skip
    assert all((ROOT / name).exists() for name in copied)
    assert {"schemas", "pipeline", "reports", "assets"} <= set(copied)
    assert [rest for step, rest in steps if step == "USER"] == ["tallystick"]
    assert all(":" in rest and "latest" not in rest for step, rest in steps if step == "FROM")


def test_the_two_instances_differ_in_where_they_keep_things_and_in_nothing_else() -> None:
    one, other = (
        yaml.safe_load((ROOT / name).read_text("utf-8")) for name in ("dagster.yaml", "dagster-postgres.yaml")
    )
    places = {"storage", "local_artifact_storage", "compute_logs"}

    assert {key: one[key] for key in one if key not in places} == {
        key: other[key] for key in other if key not in places
    }
    assert one["concurrency"]["pools"]["default_limit"] == 1
    assert one["telemetry"] == {"enabled": False}
