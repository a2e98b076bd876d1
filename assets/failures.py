"""What a step of the graph was refused, in words for people; what may pass is tried again."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from pipeline.disk import refusal
from pipeline.errors import BalanceError, ContractError, StorageError, TallystickError

WAITS_SECONDS = (15, 30, 60, 120, 240)
"""How long a step waits before each of its tries after the first: an outage of a minute costs little."""

Context = dg.AssetExecutionContext | dg.AssetCheckExecutionContext


@contextmanager
def plainly(context: Context) -> Iterator[None]:
    """Let a step fail with the message that the command line would give, and nothing else; bugs show all.

    A place that cannot be reached now is tried again for some eight minutes, waiting longer each time.
    """
    try:
        yield
    except (BalanceError, ContractError):
        raise
    except (TallystickError, OSError) as error:
        raise _answer(error, context) from None


def _answer(error: TallystickError | OSError, context: Context) -> dg.Failure | dg.RetryRequested:
    waits = WAITS_SECONDS[context.retry_number :]
    if isinstance(error, StorageError) and error.may_pass and waits:
        context.log.warning(f"{error.reason} This step is tried again in {waits[0]} seconds.")
        return dg.RetryRequested(len(WAITS_SECONDS), seconds_to_wait=waits[0])
    told = refusal(error) if isinstance(error, OSError) else str(error)
    return dg.Failure(told, allow_retries=False)
