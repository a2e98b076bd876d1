"""What a disk refuses is told with the name of the file, how much room there is, and what to do."""

import errno
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from pipeline.disk import refusal, room, writing
from pipeline.exports import whole

FULL = Path("/dev/full")  # takes nothing, as a disk that is full
ROWS = pl.DataFrame({"tokens": range(100_000)})

Write = Callable[[Path], object]
WRITES: dict[str, Write] = {
    "bytes": lambda path: path.write_bytes(b"x"),
    "csv": ROWS.write_csv,
    "parquet": ROWS.write_parquet,
}


@pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_full_disk_is_told_with_the_file_and_its_room(write: Write) -> None:
    with pytest.raises(OSError, match="No space left") as found, writing(FULL):
        write(FULL)

    assert found.value.errno == errno.ENOSPC
    assert refusal(found.value) == (
        f"/dev/full: No space left on device; {room(FULL)}. "
        "Make room on that disk and run again; the last good state is kept."
    )


def test_what_is_not_about_room_says_nothing_of_it(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError) as found, writing(tmp_path):
        tmp_path.write_bytes(b"x")

    assert refusal(found.value) == (
        f"{tmp_path}: Is a directory. Name a file where a file is expected, and run again."
    )


def test_room_is_that_of_the_disk_on_which_a_path_would_lie(tmp_path: Path) -> None:
    whole = f"{shutil.disk_usage(tmp_path).total / 1e6:,.1f}"

    assert f"of its {whole} MB are free" in room(tmp_path / "not" / "there" / "yet.csv")


def test_a_folder_that_could_not_be_copied_is_told_by_the_number_in_its_text(tmp_path: Path) -> None:
    error = shutil.Error([("a", "b", "[Errno 28] No space left on device: 'b'")])

    assert refusal(error).endswith("Make room on that disk and run again; the last good state is kept.")


def test_a_folder_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    def half_a_month() -> None:
        with whole(tmp_path / "month"):
            (tmp_path / "month" / "page.html").write_text("half")
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        half_a_month()
    assert list(tmp_path.iterdir()) == []
