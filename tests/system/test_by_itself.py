"""Nobody asks: a close that was missed is made up for, the invoice closes and mails the month, a kill is mended."""

import email
import json
import os
import re
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email import policy
from email.message import EmailMessage
from pathlib import Path

import polars as pl
import pytest
import trustme

from pipeline.mailings import GROUP, REPORT, group_of
from pipeline.period import Month
from pipeline.simulator import world
from pipeline.simulator.invoices import EUR_IN_USD
from tests.delivery.conftest import PASSWORD, Mailbox, start_server
from tests.system.servers import LAUNCH, Server, miss_ticks, serving, wait

pytestmark = pytest.mark.system
NOW = datetime.now(UTC)
LAST = Month.of(NOW).plus(-1)
MONTH = str(LAST)
RANGE = [str(LAST.plus(-2)), str(LAST.plus(-1)), MONTH]
FIRST = NOW.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
"""When the schedule below fired last: never more than a month ago."""
CONFIG = """
[schedule]
enabled = true
timezone = "UTC"
preliminary_day = 1
closing_hour = 0
closing_days = 0
mail = true

[delivery]
from = "Tallystick <bills@acme.example>"
finance = ["cfo@acme.example"]
[[delivery.recipients]]
team = "support"
to = ["ann@acme.example", "bob@acme.example"]
[[delivery.recipients]]
team = "search"
to = ["ann@acme.example"]
"""
WANTED = Counter(
    {(None, "cfo@acme.example"): 1, ("support", "ann@acme.example"): 1,
     ("support", "bob@acme.example"): 1, ("search", "ann@acme.example"): 1}
)  # fmt: skip
"""Whose report goes to whom, once; null is that of all teams."""

REPOSITORY = 'repositoryLocationName: "assets.definitions", repositoryName: "__repository__"'
RUNS = "{ runsOrError { ... on Runs { results { id jobName status tags { key value } } } } }"
BACKFILL = f"""
mutation ($months: [String!]) {{
  launchPartitionBackfill(backfillParams: {{
    selector: {{repositorySelector: {{{REPOSITORY}}}, partitionSetName: "close_month_partition_set"}},
    partitionNames: $months
  }}) {{ __typename ... on LaunchBackfillSuccess {{ backfillId }} ... on PythonError {{ message }} }} }}
"""
MESSAGES = """
query ($id: ID!) { runOrError(runId: $id) { ... on Run {
  eventConnection { events { ... on MessageEvent { message } } } } } }
"""
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}


@pytest.fixture(scope="module")
def mailbox(authority: tuple[trustme.CA, Path], demo: Path) -> Iterator[Mailbox]:
    """A server of mail with STARTTLS and a password, which the configuration names."""
    smtp = start_server(authority)
    with (demo / "tallystick.toml").open("a", encoding="utf-8") as config:
        config.write(CONFIG + smtp.lines)
    yield smtp.mailbox
    smtp.stop()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The last month, whose invoices have not come yet."""
    folder = tmp_path_factory.mktemp("demo")
    world.write(folder, seed=5, month=MONTH, calls=400, progress=lambda what, done, whole: None)
    (folder / "invoices").rename(folder / "later")
    (folder / "invoices").mkdir()
    return folder


@pytest.fixture(scope="module")
def server(demo: Path, mailbox: Mailbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Webserver and daemon, the latter down when the month ended."""
    home, config = tmp_path_factory.mktemp("home"), demo / "tallystick.toml"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TALLYSTICK_SMTP_PASSWORD", PASSWORD)
        miss_ticks(home, config, "monthly_close", since=FIRST - timedelta(hours=1))
        with serving(home, config) as served:
            yield served


@pytest.fixture(scope="module")
def backfill(server: Server) -> str:
    """The id of a backfill of three months."""
    launched = server.ask(BACKFILL, months=RANGE)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    return str(launched["backfillId"])


def _runs(server: Server, **tags: str) -> list[dict]:
    found = server.ask(RUNS).get("runsOrError", {}).get("results", [])
    told = [{**run, "tags": {tag["key"]: tag["value"] for tag in run["tags"]}} for run in found]
    return [run for run in told if all(run["tags"].get(key) == value for key, value in tags.items())]


def _ended(server: Server, count: int, **tags: str) -> list[dict] | None:
    runs = _runs(server, **tags)
    return runs if len(runs) >= count and all(run["status"] in ENDED for run in runs) else None


def _invoiced(demo: Path) -> dict[str, Decimal]:
    """What the published month says of invoices that have come, by provider."""
    tieout = pl.read_parquet(demo / "output" / MONTH / "tieout.parquet").drop_nulls("invoice_id")
    return dict(tieout.filter(component="billed").select("provider", "usd").rows())


def _totals(demo: Path) -> dict[str, Decimal]:
    """What the invoices add up to, in dollars: one of them is in euros."""
    told = json.loads((demo / "truth" / "summary.json").read_text("utf-8"))["invoice_totals"]
    totals = {provider: Decimal(total) for provider, total in told.items()}
    return totals | {"mistral_ai": (totals["mistral_ai"] * EUR_IN_USD).quantize(Decimal("0.01"))}


def _published(demo: Path) -> EmailMessage:
    """The mail of all teams, as published: its header names the version."""
    return _read((demo / "output" / MONTH / "index.eml").read_bytes())


def _read(mail: bytes) -> EmailMessage:
    return email.message_from_bytes(mail, policy=policy.default)


def test_a_close_that_was_missed_is_made_up_for(server: Server, demo: Path, mailbox: Mailbox) -> None:
    runs = wait(lambda: _ended(server, 1, **{"dagster/schedule_name": "monthly_close"}), 400)

    assert runs, _runs(server)
    assert [(run["jobName"], run["status"]) for run in runs] == [("close_month", "SUCCESS")]
    tags = runs[0]["tags"]
    assert (tags["dagster/partition"], tags["tallystick/close"]) == (MONTH, "preliminary")
    assert _invoiced(demo) == {}
    assert mailbox.events == []


@pytest.mark.usefixtures("backfill")  # has its runs while the sensors, once a minute, look
def test_the_invoice_lands_by_itself_and_its_month_is_closed_and_mailed(
    server: Server, demo: Path, mailbox: Mailbox
) -> None:
    before = _published(demo)[REPORT]
    for invoice in (demo / "later").iterdir():
        shutil.copy(invoice, demo / "invoices")

    runs = wait(lambda: _ended(server, 1, **{"tallystick/close": "final"}), 400)

    assert runs, _runs(server)
    assert [(run["jobName"], run["status"]) for run in runs] == [("close_and_mail_month", "SUCCESS")]
    assert runs[0]["tags"]["dagster/partition"] == MONTH
    landed = wait(lambda: _ended(server, 1, **{"dagster/sensor_name": "invoice_arrival"}), 400)
    assert landed, _runs(server)  # a run of the backfill may have landed the invoices before
    assert [run["status"] for run in landed] == ["SUCCESS"]
    assert _invoiced(demo) == _totals(demo)
    assert before != _published(demo)[REPORT]
    _look_at_mails(mailbox, demo)


def _look_at_mails(mailbox: Mailbox, demo: Path) -> None:
    """Everybody has the version that is published, once, as a mail that can be read."""
    teams = {group_of(team): team for team in (None, "support", "search")}
    mails = [(to, _read(data)) for to, data in mailbox.taken]
    assert Counter((teams[mail[GROUP]], to) for to, mail in mails) == WANTED
    assert {mail[REPORT] for _, mail in mails} == {_published(demo)[REPORT]}
    for to, mail in mails:
        assert (mail["To"], mail["From"]) == (to, "Tallystick <bills@acme.example>")
        assert [part.get_content_type() for part in mail.walk()][1:] == ["text/plain", "text/html"]
        assert not any(part.defects for part in mail.walk())
    (whole,) = [mail for to, mail in mails if to == "cfo@acme.example"]
    assert whole["Subject"] == _published(demo)["Subject"]


def test_a_range_of_months_is_one_action(server: Server, demo: Path, backfill: str) -> None:
    runs = wait(lambda: _ended(server, 3, **{"dagster/backfill": backfill}), 400)

    assert runs, _runs(server)
    assert {run["tags"]["dagster/partition"]: run["status"] for run in runs} == dict.fromkeys(
        RANGE, "SUCCESS"
    )
    assert {path.name for path in (demo / "output").iterdir()} == set(RANGE)


def _killed(server: Server) -> str:
    """Launch a close, kill its process while it lands, and return its id."""
    tags = [{"key": "dagster/partition", "value": MONTH}, {"key": "tried", "value": "kill"}]
    run_id = server.ask(LAUNCH, tags=tags, job="close_and_mail_month")["launchRun"]["run"]["runId"]

    def process() -> int | None:
        told = server.ask(MESSAGES, id=run_id).get("runOrError", {}).get("eventConnection", {})
        text = " ".join(event.get("message") or "" for event in told.get("events", []))
        found = re.search(r"\(pid: (\d+)\)", text)
        return int(found[1]) if found and 'Started execution of step "land"' in text else None

    pid = wait(process, 120)
    assert isinstance(pid, int)
    os.kill(pid, signal.SIGKILL)
    return run_id


def _is_retried(server: Server, run_id: str) -> object:
    return wait(lambda: _runs(server, **{"dagster/parent_run_id": run_id}), 60)


def test_a_run_whose_process_is_killed_is_started_again_and_nobody_is_mailed_twice(
    server: Server, demo: Path, mailbox: Mailbox
) -> None:
    # Dagster's daemon may see the failure an instant before the run is marked as failed, and lets it lie then
    assert any(_is_retried(server, _killed(server)) for _ in range(3)), _runs(server)

    runs = wait(lambda: _ended(server, 2, tried="kill"), 300)

    assert runs, _runs(server)
    assert {run["status"] for run in runs} == {"FAILURE", "SUCCESS"}
    _look_at_mails(mailbox, demo)
