"""What is watched: DAILY after every landing, MONTHLY after every close."""

from pipeline.health.findings import COVERAGE, UNEXPLAINED, UNMAPPED, UNPRICED
from pipeline.health.freshness import FRESHNESS
from pipeline.health.learned import LEARNED
from pipeline.health.months import MONTHS
from pipeline.health.quarantine import QUARANTINE
from pipeline.health.rates import RATES
from pipeline.health.runaway import RUNAWAY
from pipeline.health.volume import VOLUME
from pipeline.watch import Watch

DAILY: tuple[Watch, ...] = (FRESHNESS, QUARANTINE, VOLUME, RUNAWAY)

MONTHLY: tuple[Watch, ...] = (COVERAGE, UNEXPLAINED, UNPRICED, UNMAPPED, MONTHS, RATES, LEARNED)
