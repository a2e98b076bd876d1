"""A bridge held against the known truth of a simulated month. Pure: frames in, figures out.

The truth has one row per month, provider, account, model, service tier, token kind, day, team and cause, with
signed tokens; `traced` and the causes add up to what was metered. The bridge is `recon.bridge`, with or
without dollars. A figure is a share (0.05 is 5 %), or None where there is nothing to divide by.
"""

from typing import Literal, NamedTuple

import polars as pl

from schemas.types import STEPS

CAUSES = tuple(step for step in STEPS if step not in {"traced", "unexplained"})
"""The steps that a truth can hold beside `traced`."""

INFERRED = (
    "sampling",
    "retries",
    "cancellations",
    "missing_usage",
    "tokenizer_mismatch",
    "summary_compaction",
    "reasoning",
    "period_boundary",
)
"""Causes whose tokens stand in no record that we read."""

NAMED = ("retries", "cancellations", "tokenizer_mismatch", "summary_compaction")
"""Inferred causes that have a goal of their own."""

CELL = ("provider", "account", "model", "service_tier", "token_kind")
"""The dimensions of a fine cell: those in which the truth and the bridge both speak."""

_OWN = ("cause", "provider", "team")
_INTERVAL = ("team", "cause", "provider", "account", "model", "token_kind")

Scores = dict[str, float | None]
"""Figures by their code."""


class Figure(NamedTuple):
    """A figure of the score: what it is called, what it means, and on which side it is bad."""

    code: str
    title: str
    sentence: str
    bad: Literal["high", "far", "none"] = "high"
    """high: the more the worse; far: the farther from 90 % the worse; none: neither."""


FIGURES = (
    Figure(
        "misplaced",
        "misplaced, of gross drift",
        "Half the sum of |ours - truth| over fine cells (provider, account, model, service tier, token kind, "
        "cause) of the month, unexplained included with a truth of zero: a misplaced token is missing in one "
        "cell and too much in another. Gross drift: the sum of |truth| over the same cells.",
    ),
    Figure(
        "by_team",
        "misplaced by team and cause",
        "The same over cells of team and cause, all kinds and models added up, of gross drift; what was "
        "never traced counts without its team.",
    ),
    Figure(
        "unexplained",
        "unexplained, of gross drift",
        "The sum of |unexplained| over fine cells, of gross drift.",
    ),
    Figure(
        "inferred",
        "inferred causes, own error",
        "The sum of |ours - truth| over cells of cause, provider and team of the inferred causes, of the sum "
        "of |truth| over the same cells. Inferred: " + ", ".join(INFERRED) + ".",
    ),
    *(
        Figure(f"own.{cause}", f"{cause}, own error", "As the inferred causes, this cause alone.")
        for cause in NAMED
    ),
    Figure(
        "coverage",
        "coverage of 90 % intervals",
        "Cells (team, inferred cause, provider, account, model, token kind) that are neither zero in both "
        "nor known exactly, whose truth lies inside ours; half-widths of several rows add up by the root "
        "of their squares.",
        bad="far",
    ),
    Figure(
        "coverage_with_unclaimed",
        "coverage, unclaimed cells missed",
        "The same, and cells with a truth of which we claim nothing count as missed.",
        bad="far",
    ),
    Figure(
        "width",
        "width of intervals, of |truth|",
        "Median of (high - low) / |truth| over the cells of coverage that have a truth.",
        bad="none",
    ),
    Figure(
        "misread",
        "misread, of metered",
        "The sum of |ours - truth| over fine cells without cause, of metered tokens: anything but zero means "
        "that meters or truth are misread and the figures above cannot be trusted.",
    ),
)


def score(truth: pl.DataFrame, bridge: pl.DataFrame) -> Scores:
    """Return all figures of a month, as `FIGURES` defines them, and those of every cause.

    `own.<cause>` and `bias.<cause>` (signed, of |truth|) are None in a world without the cause, where
    `false.<cause>` is what we claim all the same: the sum of |ours| over fine cells, of gross drift.
    `size.<cause>` and `size.inferred` are the tokens that own errors are shares of.
    """
    truth, bridge = _teamless(truth, "cause"), _teamless(bridge, "step")
    fine = compare(truth, bridge, (*CELL, "cause"))
    gross = gross_drift(truth)
    figures: Scores = {
        "misplaced": _share(_off(_drift(fine)) / 2, gross),
        "by_team": _share(_off(_drift(compare(truth, bridge, ("team", "cause")))) / 2, gross),
        "unexplained": _share(_size(fine, "unexplained", "ours"), gross),
        "misread": _misread(truth, bridge),
    }
    own = compare(truth, bridge, _OWN)
    inferred = own.filter(pl.col("cause").is_in(INFERRED))
    figures["inferred"] = _own_error(inferred)
    figures["size.inferred"] = float(_total(inferred["truth"]))
    for cause in CAUSES:
        cells = own.filter(pl.col("cause") == cause)
        figures[f"own.{cause}"] = _own_error(cells)
        figures[f"size.{cause}"] = float(_total(cells["truth"]))
        bias = int((cells["ours"] - cells["truth"]).sum())
        figures[f"bias.{cause}"] = _share(bias, _total(cells["truth"]))
        is_absent = _size(fine, cause, "truth") == 0
        figures[f"false.{cause}"] = _share(_size(fine, cause, "ours"), gross) if is_absent else None
    return figures | _coverage(truth, bridge)


def compare(truth: pl.DataFrame, bridge: pl.DataFrame, cell: tuple[str, ...]) -> pl.DataFrame:
    """Return `truth` and `ours` tokens by cell, zero where one side has none; `cause` is our step."""
    sides = [
        truth.group_by(cell).agg(truth=pl.col("tokens").sum()),
        bridge.rename({"step": "cause"}).group_by(cell).agg(ours=pl.col("tokens").sum()),
    ]
    both = sides[0].join(sides[1], on=cell, how="full", coalesce=True)
    return both.with_columns(pl.col("truth", "ours").fill_null(0)).sort(cell)


def gross_drift(truth: pl.DataFrame) -> int:
    """Return the sum of |truth| over fine cells of all causes: what shares are taken of."""
    return _total(_drift(_fine(truth))["tokens"])


def cause_table(truth: pl.DataFrame, bridge: pl.DataFrame) -> pl.DataFrame:
    """Return a row per step of the bridge: `truth`, `ours`, `size` (gross) and `off` (sum of |ours - truth|).

    `size` and `off` are over fine cells, so that kinds, models and providers do not net out.
    """
    order = pl.DataFrame({"cause": STEPS, "order": range(len(STEPS))})
    return (
        compare(truth, bridge, (*CELL, "cause"))
        .group_by("cause")
        .agg(
            pl.col("truth", "ours").sum(),
            size=pl.col("truth").abs().sum(),
            off=(pl.col("ours") - pl.col("truth")).abs().sum(),
        )
        .join(order, on="cause", how="left")
        .sort("order", "cause")
        .drop("order")
    )


def dropped(truth: pl.DataFrame, full: pl.DataFrame, without: pl.DataFrame, cause: str) -> pl.DataFrame:
    """Return what each step did when `cause` was left out, as shares of the cause's true size; empty without.

    `full` and `without` are the bridges with and without it. `grew`: change of the sum of |ours| over fine
    cells; `moved`: sum of |change| over them. Where causes are told apart by evidence, unexplained grows by
    about one and no other cause moves.
    """
    size = _size(_fine(truth), cause, "tokens")
    cells = compare(full.rename({"step": "cause"}), without, (*CELL, "cause"))
    return (
        cells.filter(~pl.col("cause").is_in([cause, "traced"]) & pl.lit(size > 0))
        .group_by("cause")
        .agg(
            grew=(pl.col("ours").abs() - pl.col("truth").abs()).sum() / size,
            moved=(pl.col("ours") - pl.col("truth")).abs().sum() / size,
        )
        .sort("moved", "cause", descending=[True, False])
    )


def _fine(truth: pl.DataFrame) -> pl.DataFrame:
    return truth.group_by(*CELL, "cause").agg(pl.col("tokens").sum())


def _teamless(rows: pl.DataFrame, step: str) -> pl.DataFrame:
    """Take the team off what was never traced: no evidence can tell it, and we give it to a pool."""
    return rows.with_columns(
        team=pl.when(pl.col(step) != "uninstrumented").then("team").otherwise(pl.lit(""))
    )


def _drift(cells: pl.DataFrame) -> pl.DataFrame:
    return cells.filter(pl.col("cause") != "traced")


def _misread(truth: pl.DataFrame, bridge: pl.DataFrame) -> float | None:
    cells = compare(truth, bridge, CELL)
    return _share(_off(cells), _total(cells["truth"]))


def _coverage(truth: pl.DataFrame, bridge: pl.DataFrame) -> Scores:
    """How many intervals hold the truth, and how wide they are."""
    is_inferred = pl.col("cause").is_in(INFERRED)
    ours = bridge.rename({"step": "cause"}).filter(is_inferred).group_by(_INTERVAL).agg(_interval())
    known = truth.filter(is_inferred).group_by(_INTERVAL).agg(truth=pl.col("tokens").sum())
    both = known.join(ours, on=_INTERVAL, how="full", coalesce=True)
    cells = both.with_columns(pl.col("truth", "ours").fill_null(0)).with_columns(
        is_hit=pl.col("truth").is_between("low", "high"),
        width=(pl.col("high") - pl.col("low")) / pl.col("truth").abs(),
    )
    cells = cells.filter((pl.col("truth") != 0) | (pl.col("ours") != 0))
    claimed = cells.filter(~pl.col("is_exact"))
    unclaimed = cells["is_exact"].null_count()
    hits = int(claimed["is_hit"].sum())
    return {
        "coverage": _share(hits, claimed.height),
        "coverage_with_unclaimed": _share(hits, claimed.height + unclaimed),
        "width": claimed.filter(pl.col("truth") != 0)["width"].median(),  # type: ignore[dict-item]
    }


def _interval() -> list[pl.Expr]:
    """Point, ends and whether the figure is known exactly; errors of rows are taken as independent."""
    tokens, low, high = (pl.col(name).cast(pl.Float64) for name in ("tokens", "tokens_low", "tokens_high"))
    down, up = ((half**2).sum().sqrt() for half in (tokens - low, high - tokens))
    is_point = (pl.col("tokens_low") == pl.col("tokens_high")) & (pl.col("basis") == "exact")
    return [
        pl.col("tokens").sum().alias("ours"),
        (tokens.sum() - down).floor().alias("low"),
        (tokens.sum() + up).ceil().alias("high"),
        is_point.all().alias("is_exact"),
    ]


def _own_error(cells: pl.DataFrame) -> float | None:
    return _share(_off(cells), _total(cells["truth"]))


def _off(cells: pl.DataFrame) -> int:
    return _total(cells["ours"] - cells["truth"])


def _size(cells: pl.DataFrame, cause: str, side: str) -> int:
    return _total(cells.filter(pl.col("cause") == cause)[side])


def _total(tokens: pl.Series) -> int:
    return int(tokens.abs().sum())


def _share(part: float, whole: int) -> float | None:
    return part / whole if whole else None
