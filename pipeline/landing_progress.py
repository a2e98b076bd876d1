"""What people see of a landing: how far it is, and what became of every source."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from pipeline.intake.manifest import Offered
from pipeline.source_settings import Source
from pipeline.stored import Ignored, StoredFile

Progress = Callable[[str, int, int], None]
"""Called with the name of a source, the stored bytes that are done and those that there are."""


class Told:
    """Tells how many bytes of each source are done."""

    def __init__(self, progress: Progress | None, listed: Iterable[tuple[Source, StoredFile]]) -> None:
        self._progress = progress
        self._whole: Counter[str] = Counter()
        for source, file in listed:
            self._whole[source.name] += file.size_bytes
        self._done: Counter[str] = Counter()
        self._of_file = 0

    def piece(self, item: Offered, size_bytes: int) -> None:
        """Add what was read of a file."""
        self._of_file += size_bytes
        self._tell(item.source.name, self._of_file)

    def file(self, item: Offered) -> None:
        """Add a file, read or not."""
        self._done[item.source.name] += item.file.size_bytes
        self._of_file = 0
        self._tell(item.source.name, 0)

    def _tell(self, name: str, more: int) -> None:
        if self._progress:
            self._progress(name, min(self._done[name] + more, self._whole[name]), self._whole[name])


@dataclass
class SourceSummary:
    """What became of a source in one landing."""

    name: str
    kind: str
    files: Counter[str] = field(default_factory=Counter)
    """Files by what became of them: new, unchanged, duplicate, replaced, gone (rows are kept)."""
    rows: Counter[str] = field(default_factory=Counter)
    """Records of the files that were read now: rows_read, rows_kept, rows_quarantined."""
    ignored: tuple[Ignored, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether its uri matched no file."""
        return not any(count for what, count in self.files.items() if what != "gone")

    def text(self) -> str:
        """Return a line for people."""
        files = ", ".join(f"{count} {what}" for what, count in sorted(self.files.items())) or "no file"
        told = f"{self.name} ({self.kind}): {files}"
        if read := self.rows["rows_read"]:
            told += f"; {read:,} records read, {self.rows['rows_kept']:,} kept"
            told += f", {self.rows['rows_quarantined']:,} in quarantine"
        return told + "".join(f"\n  not read: {name}: {why}" for name, why in self.ignored)


class KindState(NamedTuple):
    """What has landed of a kind of source."""

    files: int
    size_bytes: int
    state: str
    """A word that changes with any content."""


@dataclass(frozen=True)
class LandingSummary:
    """What a landing did, source by source, and the size of every raw table after it."""

    sources: tuple[SourceSummary, ...]
    rows: dict[str, int]
    late: tuple[str, ...] = ()
    """Locked months that files came for or went from; a line for each."""
    late_files: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """The same: month -> files."""
    invoices: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Month -> the invoices for it that have landed, with their contents' ids."""
    states: dict[str, KindState] = field(default_factory=dict)
    """Kind of source -> what has landed of it."""

    def text(self) -> str:
        """Return a few lines for people."""
        return "\n".join(source.text() for source in self.sources) or "There is no source to land."
