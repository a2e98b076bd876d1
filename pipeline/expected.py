"""Expected tokens, one row an event -> claims, one row a token kind, with the rate that scales them."""

import polars as pl

from pipeline.cause import BUCKET, CLAIM_SCHEMA, OWNER, claims
from pipeline.fates import COMPACT_OPERATIONS
from pipeline.kind_shares import INPUT_KINDS
from pipeline.sizes import OUTPUT_KINDS, WHOLE
from schemas.types import TOKEN_KINDS

_PLACE = [name for name in BUCKET if name != "token_kind"]
_RATE = ["rate", "rate_prior", "rate_error", "rate_low", "rate_high", "is_chance"]
_ERRORS = ["_input_error", "_output_error"]
_SPLIT = 0.3
"""Relative error of each kind of an input: a second request may read from the cache what the first wrote."""
_FAR = 4.0
"""Standard errors from the point to the bound."""


def with_rules(rows: pl.DataFrame, rules: pl.DataFrame, prefix: str = "billed") -> pl.DataFrame:
    """Add the billing rule of each row's provider and `failure`: rate columns, and `output_rule`.

    Rows that the provider never bills are dropped: their claim is nothing.
    """
    if rows.is_empty() or rules.is_empty():
        return rows.clear().with_columns(
            pl.lit(None, dtype).alias(name)
            for name, dtype in {**{n: CLAIM_SCHEMA[n] for n in _RATE}, "output_rule": pl.String()}.items()
        )
    unary = (pl.col("failure") == "cancelled") & pl.col("is_stream").eq(other=False).fill_null(value=False)
    mode = pl.when(unary).then(pl.lit("cancelled_unary")).otherwise("failure")
    found = rows.with_columns(failure_mode=mode).join(
        rules.rename({"output": "output_rule"}), on=["provider", "failure_mode"], how="left",
        maintain_order="left",
    )  # fmt: skip
    default = rules.filter(pl.col("provider") == "*").drop("provider", "evidence")
    found = found.join(
        default.rename({"output": "output_rule"}), on="failure_mode", how="left", maintain_order="left",
        suffix="_default",
    ).with_columns(
        pl.coalesce(name, f"{name}_default").alias(name)
        for name in ("billed", "low", "high", "error", "output_rule")
    )  # fmt: skip
    return found.filter(pl.col("high") > 0).with_columns(
        rate=pl.format(f"{prefix}/{{}}/{{}}", "provider", "failure_mode"),
        rate_prior="billed",
        rate_error="error",
        rate_low="low",
        rate_high="high",
        is_chance=pl.lit(value=True),
    )


def claims_of(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the claims of events with place, owner, `item`, rate columns and `whole_<kind>` tokens.

    `whole_input_error` and `whole_output_error` are spread over the kinds of each side, beside the error of
    dividing an input into kinds. The bounds are nothing and four standard errors beyond the whole. A negative
    whole is bounded by itself and nothing.
    """
    kept = [*_PLACE, *OWNER, "trace_id", "span_id", "item", "requests", *_RATE, "basis", "reason"]
    kept = [*[name for name in kept if name in rows.columns], "evidence_count", *_ERRORS]
    if rows.is_empty():
        return CLAIM_SCHEMA.to_frame()
    errors = [_error(side, kinds) for side, kinds in (("input", INPUT_KINDS), ("output", OUTPUT_KINDS))]
    rows = rows.with_columns(errors).sort(*_PLACE, "item", "trace_id", "span_id")
    first = pl.int_range(pl.len()).over("item", *_PLACE) == 0
    long = (
        rows.select(
            *kept, *[pl.col(name).round(0).cast(pl.Int64) for name in WHOLE],
        )
        .unpivot(
            on=list(WHOLE), index=kept, variable_name="token_kind", value_name="full_tokens",
        )
        .filter(pl.col("full_tokens") != 0)
        .with_columns(pl.col("token_kind").str.strip_prefix("whole_"))
    )  # fmt: skip
    is_input = pl.col("token_kind").is_in(INPUT_KINDS)
    relative = pl.when(is_input).then("_input_error").otherwise("_output_error")
    split = pl.when(is_input).then(_SPLIT).otherwise(0.0)
    spread = (relative**2 + split**2).sqrt()
    reach = pl.when(pl.col("full_tokens") > 0).then(spread).otherwise(relative)
    far = (pl.col("full_tokens") * (1 + _FAR * reach)).round(0).cast(pl.Int64)
    numbers = {kind: number for number, kind in enumerate(TOKEN_KINDS)}
    order = pl.col("token_kind").replace_strict(numbers, return_dtype=pl.Int64)
    return claims(
        long.sort(*_PLACE, "item", "trace_id", "span_id", *OWNER, order).with_columns(
            variance=(pl.col("full_tokens") * spread) ** 2,
            requests=pl.when(first).then("requests").otherwise(0.0),
            tokens=(pl.col("full_tokens") * pl.col("rate_prior").fill_null(1.0)).round(0).cast(pl.Int64),
            tokens_low=pl.min_horizontal(far, 0),
            tokens_high=pl.max_horizontal(far, 0),
        )
    )


def _error(side: str, kinds: tuple[str, ...]) -> pl.Expr:
    """Relative standard error of one side."""
    whole = pl.sum_horizontal([pl.col(f"whole_{kind}").abs() for kind in kinds])
    return (
        pl.when(whole > 0).then(pl.col(f"whole_{side}_error") / whole).otherwise(0.0).clip(0.0, 3.0)
        .alias(f"_{side}_error")
    )  # fmt: skip


def lacking(calls: pl.DataFrame) -> pl.DataFrame:
    """Return calls with `whole_<kind>` less what their spans recorded, ready for rules and claims.

    A side that the span recorded is left out, but for an output that is a placeholder; `made_rest` is the
    output made until the call ended, less what was recorded. Calls that a per-request meter tells of are out.
    """
    has_input = pl.col("input_uncached_tokens").is_not_null()
    told = pl.col("output_tokens").fill_null(0)
    return calls.filter(~pl.col("is_matched")).with_columns(
        *[
            pl.when(has_input).then(0.0).otherwise(f"whole_{kind}").alias(f"whole_{kind}")
            for kind in INPUT_KINDS
        ],
        whole_output=(pl.col("whole_output") - told).clip(0.0),
        made_rest=(pl.col("made_output") - told).clip(0.0),
        item=pl.format("call/{}", "call_id"),
        requests=pl.lit(1.0),
        basis=pl.lit("estimated"),
        evidence_count=pl.lit(1),
    )


def shared(rows: pl.DataFrame, part: pl.Expr) -> pl.DataFrame:
    """Return rows of events that are of one cause by a chance: that part of the tokens, the rest as error."""
    wide = [name for name in (*WHOLE, "made_rest") if name in rows.columns]
    rows = rows.with_columns(_part=part).filter(pl.col("_part") > 0)
    spread = (pl.col("_part") * (1 - pl.col("_part"))).clip(0.0)
    sides = (("input", INPUT_KINDS), ("output", OUTPUT_KINDS))
    errors = [
        ((pl.col(f"whole_{side}_error") * pl.col("_part")) ** 2 + _sum(kinds) ** 2 * spread)
        .sqrt()
        .alias(f"whole_{side}_error")
        for side, kinds in sides
    ]
    return rows.with_columns(
        *[(pl.col(name) * pl.col("_part")).alias(name) for name in wide],
        *errors,
        requests=pl.col("requests") * pl.col("_part"),
    )


def _sum(kinds: tuple[str, ...]) -> pl.Expr:
    return pl.sum_horizontal([pl.col(f"whole_{kind}") for kind in kinds])


def sized(rows: pl.DataFrame, prefix: str) -> pl.DataFrame:
    """Add a rate near one: how large the tokens are beside those of siblings, by service."""
    return rows.with_columns(
        rate=pl.format(f"size/{prefix}/{{}}", "service"),
        rate_prior=pl.lit(1.0),
        rate_error=pl.lit(0.2),
        rate_low=pl.lit(0.3),
        rate_high=pl.lit(2.0),
        is_chance=pl.lit(value=False),
    )


def silent(silences: pl.DataFrame, cause: str) -> pl.DataFrame:
    """Return calls without a span of their own, with the tokens that one of two causes may claim of them.

    Where an HTTP span tells of a cancelled task, all is a cancellation. Where HTTP requests are traced and
    none is seen, the spans were lost. Requests to compact a conversation are left to their own cause.
    """
    if silences.is_empty():
        return silences
    word = pl.col("error_type").fill_null("").str.to_lowercase()
    lost = pl.col("has_http_elsewhere") & ~pl.col("has_http_span")
    given_up = pl.when(word.str.contains("cancel")).then(1.0).when(lost).then(0.0).otherwise("given_up")
    part = given_up if cause == "cancellations" else 1 - given_up
    is_summary = pl.col("operation").is_in(COMPACT_OPERATIONS).fill_null(value=False)
    rows = silences.filter(~is_summary).with_columns(
        failure=pl.lit("cancelled"),
        requests=pl.lit(1.0),
        item=pl.format(
            f"silence/{{}}/{{}}/{{}}/{{}}/{{}}/{{}}/{{}}/{cause}",
            "trace_id",
            "span_id",
            "model",
            *OWNER,
            "expected_calls",
        ),
        basis=pl.lit("estimated"),
        evidence_count=pl.lit(1),
        reason=pl.lit("a call is missing under this span: its own span never ended or was lost"),
    )
    return shared(rows, part * pl.col("expected_calls"))
