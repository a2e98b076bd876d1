"""The mails as the last step of a close: after the pages, and a run that fails where somebody has none."""

from typing import Any

import dagster as dg
import pytest

from assets.definitions import build_defs
from pipeline.delivery import Outcome

LETTER: Any = None  # the graph looks at what became of it, never into it


def _run(config_path, steps) -> dg.ExecuteInProcessResult:
    job = build_defs(config_path, steps.functions()).resolve_job_def("close_and_mail_month")
    with dg.DagsterInstance.ephemeral() as instance:
        return job.execute_in_process(partition_key="2026-10", instance=instance, raise_on_error=False)


def test_a_month_is_mailed_after_it_is_published(config_path, steps) -> None:
    result = _run(config_path, steps)

    assert result.success
    assert steps.ran.index("publish 2026-10") < steps.ran.index("send 2026-10")


def test_a_close_alone_mails_nothing(run_close, steps) -> None:
    run_close(steps)

    assert not any(each.startswith("send") for each in steps.ran)


@pytest.mark.parametrize(("state", "is_well"), [("sent", True), ("before", True), ("rejected", False)])
def test_a_run_fails_where_somebody_has_no_mail(config_path, steps, state, is_well) -> None:
    steps.mails = [Outcome(LETTER, state, "")]

    assert _run(config_path, steps).success == is_well
