"""What a step was refused stands first in its failure, and a place that cannot be reached is tried again."""

import errno
import logging
import os
from types import SimpleNamespace

import dagster as dg
import pytest

from assets.failures import WAITS_SECONDS, plainly
from pipeline.errors import BalanceError, StorageError, WarehouseError

DOWN = StorageError("s3://b/k at s3.example: the server cannot be reached.", "Look at it.", may_pass=True)
WRONG = StorageError("s3://b/k at s3.example: there is no such bucket.", "Correct the name.")


def raised(error: Exception, tries_before: int = 0) -> Exception:
    context = SimpleNamespace(retry_number=tries_before, log=logging.getLogger("a run"))
    with pytest.raises((dg.Failure, dg.RetryRequested)) as found, plainly(context):
        raise error
    return found.value


def test_a_place_that_is_down_is_tried_again_and_each_time_later(caplog) -> None:
    found = [raised(DOWN, number) for number in range(len(WAITS_SECONDS) + 1)]

    assert [type(each) for each in found] == [dg.RetryRequested] * len(WAITS_SECONDS) + [dg.Failure]
    waits = [each.seconds_to_wait for each in found[:-1]]
    assert waits == sorted(set(waits))
    assert waits[0] < 60 < sum(waits)
    assert all(each.max_retries >= len(waits) for each in found[:-1])
    assert found[-1].description == str(DOWN)
    assert f"cannot be reached. This step is tried again in {waits[0]} seconds." in caplog.text


def test_a_place_that_will_not_come_by_itself_fails_at_once() -> None:
    assert raised(WRONG).description == str(WRONG)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (WarehouseError("The warehouse w is held by process 7. Wait."), "The warehouse w is held by process 7. Wait."),
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "out/index.html"),
            "out/index.html: No space left on device. Make room on that disk",
        ),
        (OSError(errno.EROFS, os.strerror(errno.EROFS), "out"), "out: Read-only file system. Choose a folder"),
    ],
    ids=["warehouse", "full", "read-only"],
)  # fmt: skip
def test_what_was_refused_stands_first_in_the_failure_of_the_step(run_close, steps, error, words) -> None:
    steps.refusal = error

    result = run_close(steps)

    failure = next(event for event in result.all_events if event.is_step_failure).step_failure_data
    assert failure.error.message.startswith(f"dagster._core.definitions.events.Failure: {words}")
    assert failure.user_failure_data.description.startswith(words)
    assert failure.error.cause is None
    assert not any(each.startswith(("reconcile", "publish")) for each in steps.ran)


def test_a_bug_is_shown_with_where_it_is(run_close, steps) -> None:
    steps.refusal = BalanceError("raw.span: 7 records read, but 6 kept. Report this.")

    result = run_close(steps)

    error = next(event for event in result.all_events if event.is_step_failure).step_failure_data.error
    assert "7 records read" in error.cause.message
    assert any("in land" in line for line in error.cause.stack)
