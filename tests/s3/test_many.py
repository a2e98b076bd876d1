"""Many objects, and large ones: pages of listings, threads, and memory that does not grow with them."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.errors import StorageError
from pipeline.intake.spool import Spool
from pipeline.storage import list_files, open_stored

pytestmark = pytest.mark.system

HERE = Path()
MANY = 2_500
LARGE = 48_000_000


def test_a_listing_goes_on_over_all_pages(bucket, proxy) -> None:
    names = [f"many/{number:05}.json" for number in range(MANY)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(bucket.put, names))
    for uri in ("many", "many/**/*.json", "many/*"):
        proxy.requests.clear()
        files = list_files(HERE, f"s3://{bucket.name}/{uri}", proxy.url).files
        assert [file.remote.key for file in files] == names
        pages = [what for what in proxy.requests if "list-type" in what and "max-keys=1&" not in what]
        assert len(pages) == 3


def test_many_small_objects_are_all_fetched_once_while_some_are_throttled(
    bucket, proxy, tmp_path: Path
) -> None:
    names = [f"many/{number:05}.json" for number in range(400)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(bucket.put, names, [name.encode() for name in names]))
    files = list_files(HERE, f"s3://{bucket.name}/many", proxy.url).files
    proxy.slow_down(40)
    with Spool(tmp_path / "spool") as spool:
        found = list(spool.identify((file, None) for file in files))
        assert [item.error for item in found] == [None] * 400
        assert [item.file.path.read_bytes().decode() for item in found] == names
    assert len(proxy.fetched()) == 440


def _line(number: int) -> bytes:
    span = {
        "traceId": f"{number + 1:032x}", "spanId": f"{number + 1:016x}", "name": "chat", "kind": 3,
        "startTimeUnixNano": "1790000000000000000", "endTimeUnixNano": "1790000001000000000",
    }  # fmt: skip
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode() + b"\n"


LANDED = """
import resource, sys
from pathlib import Path
from pipeline.landing import land
from pipeline.landing_settings import Landing
from pipeline.output_settings import S3
from pipeline.settings import Settings
from pipeline.source_settings import Source
from pipeline.warehouse import Warehouse
root, url, uri = Path(sys.argv[1]), *sys.argv[2:]
source = Source(name="it", kind="traces", uri=uri)
settings = Settings(sources=(source,), root=root, s3=S3(endpoint_url=url), landing=Landing(workers=2))
with Warehouse.open(None) as warehouse:
    [told] = land(settings, warehouse).sources
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(told.files["new"], told.rows["rows_kept"], peak)
"""


def test_thousands_of_small_objects_take_a_request_each_and_little_memory(
    bucket, proxy, tmp_path: Path
) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: bucket.put(f"in/{number:05}.json", _line(number)), range(4_000)))

    def landed(uri: str) -> tuple[int, int, int]:
        command = [sys.executable, "-c", LANDED, str(tmp_path), proxy.url, f"s3://{bucket.name}/{uri}"]
        told = subprocess.run(command, capture_output=True, check=True).stdout.split()
        return int(told[0]), int(told[1]), int(told[2])

    one = landed("in/00001.json")
    proxy.requests.clear()
    files, rows, peak = landed("in")
    assert (files, rows) == (4_000, 4_000)
    assert len(proxy.fetched()) == 4_000
    assert len(proxy.requests) < 4_000 + 20  # the pages of the listing
    assert peak - one[2] < 400 << 20


def test_memory_does_not_grow_with_the_objects(bucket, tmp_path: Path) -> None:
    for number in range(8):
        bucket.put(f"large/{number}", os.urandom(LARGE))
    code = f"""
import resource
from pathlib import Path
from pipeline.intake.spool import Spool
from pipeline.storage import list_files
files = list_files(Path(), "s3://{bucket.name}/large", "{bucket.url}").files
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for most in (10**12, 0):
    with Spool(Path("{tmp_path}/spool"), most) as spool:
        assert len({{item.file_id for item in spool.identify((file, None) for file in files)}}) == 8
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
"""
    grown = int(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    assert grown < 2 * LARGE  # of eight at once, twice


def test_a_connection_that_always_drops_is_given_up_in_the_end(bucket, proxy) -> None:
    bucket.put("x", os.urandom(2_000_000))
    [file] = list_files(HERE, f"s3://{bucket.name}/x", proxy.url).files
    proxy.fault = lambda what: 0
    with pytest.raises(StorageError, match="broke again and again"), open_stored(file) as stored:
        stored.read(1 << 20)
    assert len(proxy.fetched()) == 6
