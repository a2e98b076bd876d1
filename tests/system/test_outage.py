"""S3 is down while a month lands, and again while it is copied: the run waits, and ends as if nothing had been."""

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.s3.conftest import Bucket, Proxy
from tests.system.runs import closed, finish, instance, make_world, published, start

pytestmark = pytest.mark.system


@pytest.fixture
def remote(tmp_path: Path, bucket: Bucket, proxy: Proxy) -> Callable[[str], Path]:
    """Makes folders with nothing but the configuration: sources and copies are in the bucket."""
    made = make_world(tmp_path / "made")
    bucket.put_folder(made, "acme")
    text = re.sub(
        r'(?m)^uri = "', f'uri = "s3://{bucket.name}/acme/', (made / "tallystick.toml").read_text("utf-8")
    )
    places = f'[output]\ncopy_to = "s3://{bucket.name}/reports"\n[s3]\nendpoint_url = "{proxy.url}"\n'

    def folder(name: str) -> Path:
        (tmp_path / name).mkdir()
        (tmp_path / name / "tallystick.toml").write_text(f"{text}\n{places}", "utf-8")
        return tmp_path / name

    return folder


class Outage:
    """A server that answers nothing from one request on, until it is back."""

    def __init__(self, begins: Callable[[str], bool]) -> None:
        self.begins = begins
        self.is_down = False
        self.is_over = False

    def __call__(self, what: str) -> bytes | None:
        self.is_down = not self.is_over and (self.is_down or self.begins(what))
        return b"" if self.is_down else None


def test_a_run_outlasts_an_outage_in_landing_and_one_in_publishing(remote, bucket, proxy, tmp_path) -> None:
    month, home = remote("month"), tmp_path / "home"
    outages = [Outage(some_files_have_landed(month)), Outage(lambda what: what.startswith("PUT"))]

    process = start(month, home, AWS_MAX_ATTEMPTS="1")
    for outage in outages:
        proxy.fault = outage
        assert says(process, "the server cannot be reached. This step is tried again in 15 seconds.")
        assert outage.is_down
        outage.is_over = True
    code, told = finish(process)

    assert code == 0, told[-3000:]
    assert list(tried_again(home)) == ["land", "publish"]
    copied = bucket.objects("reports")
    assert closed(remote("calm")) == published(month / "output")
    assert bucket.objects("reports") == copied
    assert len(copied) > 2


def some_files_have_landed(month: Path) -> Callable[[str], bool]:
    """True of the first request for an object when copies of three others lie beside the warehouse."""
    spool = month / ".tallystick.duckdb.spool"
    return lambda what: spool.is_dir() and len(list(spool.iterdir())) > 3


def says(process: subprocess.Popen[str], words: str) -> bool:
    """Read on until the run says the words."""
    assert process.stderr
    return any(words in line for line in process.stderr)


def tried_again(home: Path) -> Iterator[str]:
    """The steps that were tried again, in order."""
    with instance(home) as opened:
        (run,) = opened.get_runs()
        events = [entry.dagster_event for entry in opened.all_logs(run.run_id)]
        yield from (event.step_key for event in events if event and event.is_step_up_for_retry)
