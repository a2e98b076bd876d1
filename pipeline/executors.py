"""Where the pieces of a landing are read: threads, processes of this machine, or a Dask cluster.

Every one of them is a `concurrent.futures.Executor`: none of the scheduling, queueing and retrying is ours.
"""

import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

from pipeline.errors import ConfigError, TallystickError
from pipeline.landing_settings import Landing

_CONNECT_SECONDS = 15
_BEHIND = 10
"""How much nicer than others a reading thread is."""


@contextmanager
def open_executor(settings: Landing) -> Iterator[Executor]:
    """Open the executor that the configuration names, and close it at the end; what waits is given up.

    Raises:
        ConfigError: Dask is not installed, or its scheduler cannot be reached.
    """
    workers = settings.workers or _cores()
    if settings.executor == "dask":
        with _dask(settings.scheduler) as executor:
            yield executor
        return
    executor = (
        ProcessPoolExecutor(workers, get_context("spawn"))
        if settings.executor == "processes"
        else ThreadPoolExecutor(workers, "landing", initializer=_stand_back)
    )
    try:
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)


def _stand_back() -> None:
    """Let a thread that reads ahead give way: the one that hashes and lands is what everyone waits for."""
    if sys.platform == "linux":  # elsewhere a priority is that of the whole process
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _BEHIND)


def lost(error: BaseException) -> TallystickError | None:
    """Return what to tell when a worker died under a piece; null if the error is another one."""
    if isinstance(error, BrokenExecutor | CancelledError) or type(error).__name__ == "KilledWorker":
        return TallystickError(
            f"A worker died while it read ({type(error).__name__}): it was killed, or ran out of memory. "
            "Files that had landed stay landed. Run again; if it comes back, lower `workers` under [landing]."
        )
    return None


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _dask(address: str | None) -> Iterator[Executor]:
    try:
        import distributed  # noqa: PLC0415 - an extra that most do without

        connect: Any = distributed.Client
    except ImportError:
        raise ConfigError(
            'executor = "dask" needs Dask, which is not installed. Run `pip install distributed`, '
            "in one version here and where the workers run."
        ) from None
    try:
        client = connect(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"There is no Dask scheduler at {address}: {error}. Start one with `dask scheduler`, or correct "
            "it under [landing]."
        ) from None
    with client:
        yield client.get_executor()
