"""Logs with a line a request: of a proxy that saw two teams' answers, and of a provider's whole account."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.simulator.billing import booked
from pipeline.simulator.calls import ABANDONED, SECOND, Attempt, Call
from pipeline.simulator.clock import Clock
from pipeline.simulator.leaves import KINDS, Leaves
from pipeline.simulator.models import ACCOUNTS, INVOICED

_TEAMS = ("support", "search")
_KINDS = tuple(kind.replace("_uncached", "") for kind in KINDS)
_PROXY = ("account", "provider", "model", "response_id", *_KINDS, "started_at")
_METER = (
    "account", "provider", "model", "service_tier", "project_id", "api_key_id", "request_id", "response_id",
    "part", *_KINDS, "started_at",
)  # fmt: skip


@dataclass
class Logs:
    """Collects the lines of both logs."""

    clock: Clock
    proxy: list[tuple[int, tuple[Any, ...]]] = field(default_factory=list)
    meter: list[tuple[int, tuple[Any, ...]]] = field(default_factory=list)

    def add(self, call: Call) -> None:
        """Log a call: at the provider every billed part of it; in the proxy an answer that it saw whole."""
        if call.service.is_logged:
            for number, attempt in enumerate(call.attempts):
                self._meter(call, attempt, number)
        elif _passes_proxy(call):
            self._proxy(call)

    def _proxy(self, call: Call) -> None:
        kept = call.kept
        if kept and kept.kind == "ok" and kept.billed and self.clock.holds(kept.started):
            place = (ACCOUNTS[call.model.provider], call.model.provider, call.model.name, call.response_id)
            at = datetime.fromtimestamp(kept.started // SECOND, UTC)
            self.proxy.append((kept.started, (*place, *call.use, f"{at:%Y-%m-%dT%H:%M:%SZ}")))

    def _meter(self, call: Call, attempt: Attempt, number: int) -> None:
        at = booked(call, attempt)
        if attempt.billed is None or not self.clock.holds(at):
            return
        self._part(call, attempt, number, "message", attempt.billed)
        if attempt.is_kept and call.compaction is not None:
            self._part(call, attempt, number, "compaction", call.compaction)

    def _part(self, call: Call, attempt: Attempt, number: int, part: str, leaves: Leaves) -> None:
        """An attempt whose answer nobody took has an id that no span knows."""
        service, at = call.service, booked(call, attempt)
        own = call.response_id if attempt.is_kept else f"msg_01{call.span_id}{number:06d}"
        request = f"req_{call.span_id}" if attempt.is_kept else f"req_{call.span_id}{number}"
        seconds, rest = divmod(at // 1000, 1_000_000)
        written = f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:06d}Z"
        provider = call.model.provider
        row = (
            ACCOUNTS[provider], provider, call.model.name, service.tier, service.project, service.key,
            request, own, part, *leaves, written,
        )  # fmt: skip
        self.meter.append((at, row))

    def write(self, proxy: Path, meter: Path) -> None:
        """Write the logs in order of time; the provider's only if there is one."""
        _write(proxy, _PROXY, (row for _, row in sorted(self.proxy)))
        if self.meter:
            _write(meter, _METER, (row for _, row in sorted(self.meter)))


def _passes_proxy(call: Call) -> bool:
    """Two teams go through the proxy, but for what only invoices meter: a log of it would be a meter."""
    service = call.service
    is_theirs = service.team in _TEAMS and service.dialects and call.model.provider not in INVOICED
    return bool(is_theirs) and call.outcome not in ABANDONED


def _write(path: Path, header: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(header)
        lines.writerows(rows)
