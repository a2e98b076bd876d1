"""What a step of the graph was refused, in words for people; what may pass is tried again."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from pipeline.disk import refusal
from pipeline.errors import StorageError, TallystickError

WAITS_SECONDS = (15, 30, 60, 120, 240)
"""How long a step waits before each of its tries after the first: an outage of a minute costs little."""

Context = dg.AssetExecutionContext | dg.AssetCheckExecutionContext


@contextmanager
def plainly(context: Context) -> Iterator[None]:
    """Begin a failure with the message that the command line would give.

    A place that cannot be reached now is tried again for some eight minutes, waiting longer each time.
    """
    try:
        yield
    except (TallystickError, OSError) as error:
        waits = WAITS_SECONDS[context.retry_number :]
        if isinstance(error, StorageError) and error.may_pass and waits:
            context.log.warning(f"{error.reason} This step is tried again in {waits[0]} seconds.")
            raise dg.RetryRequested(len(WAITS_SECONDS), seconds_to_wait=waits[0]) from error
        told = refusal(error) if isinstance(error, OSError) else str(error)
        raise dg.Failure(told, allow_retries=False) from error
