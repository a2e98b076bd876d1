"""Requests that the meter counts and no span tells of, in scopes whose other traffic is traced.

Where HTTP requests are not traced, an SDK, a framework or a wrapper can ask again inside one span. The meter
counts each request: what is left when answers, known attempts and missing calls are taken off were such.
"""

import polars as pl

from pipeline.cause import BUCKET, OWNER, Evidence
from pipeline.conversations import falls, talks_of, with_talk
from pipeline.expected import with_rules
from pipeline.kind_shares import INPUT_KINDS
from pipeline.sizes import OUTPUT_KINDS, WHOLE

_PLACE = [name for name in BUCKET if name != "token_kind"]
_LIKELY = 0.9
"""Requests that a call in doubt stands for: given up, without usage, or of which only a silence tells."""
_ALIKE = 0.1
"""Standard error of these chances, which all calls of a service share: they are given up by one code."""
_SURE = 2.0
"""Standard errors from which on the requests of a month are believed."""
_LEAST = 3.0
_ERROR = 0.5
"""Standard error of their number as a part of it: it leans on the priors of billing."""


def unseen_requests(evidence: Evidence) -> pl.DataFrame:
    """Return one row per bucket and owner with `whole_<kind>`, their errors, `requests`, `item` and a rate.

    Only of services without any HTTP span, without sampling, in a scope of their own account's keys: in a
    whole account the rest may be anybody's.
    """
    billed = evidence.calls.filter(pl.col("not_billed_reason").is_null())
    calls = billed.filter(~pl.col("is_matched"))
    usual = _usual(calls.join(_shrinking(evidence), on="service", how="anti"))
    counted = _counted(evidence).join(_told(evidence, billed), on=_PLACE, how="left")
    rest = pl.col("request_count") - pl.col("expected")
    sums = counted.with_columns(pl.col("expected", "doubt", "unsure").fill_null(0.0)).with_columns(rest=rest)
    owners = calls.group_by([*_PLACE, *OWNER]).agg(own=pl.len().cast(pl.Float64))
    rows = owners.join(sums, on=_PLACE).join(usual, on=[*OWNER, "model"])
    part = pl.col("own") / pl.col("own").sum().over(_PLACE)
    rows = rows.with_columns(pl.col("rest", "doubt", "unsure") * part)
    month = pl.col("rest").sum().over(OWNER)
    error = (pl.col("doubt").sum() + (_ALIKE * pl.col("unsure").sum()) ** 2).sqrt().over(OWNER)
    found = rows.filter(month > pl.max_horizontal(_SURE * error, pl.lit(_LEAST)), pl.col("rest") > 0)
    return _sized(found)


def _shrinking(evidence: Evidence) -> pl.DataFrame:
    """Services whose conversations shrink: what only the meter counts of them may be summaries."""
    known = talks_of(evidence)
    nobody = with_talk(evidence.calls.clear(), known.by_trace)
    return falls(evidence.calls, nobody, known).select("service").unique()


def _counted(evidence: Evidence) -> pl.DataFrame:
    counts = evidence.counts
    if counts.is_empty():
        return evidence.calls.clear().select(*_PLACE, request_count=pl.lit(0, pl.Int64))
    counts = counts.drop_nulls("request_count")
    return counts.filter(pl.col("scope") != pl.col("account")).select(*_PLACE, "request_count")


def _told(evidence: Evidence, calls: pl.DataFrame) -> pl.DataFrame:
    """What spans tell of a place: `expected` requests, `doubt`, their variance, and how many are `unsure`."""
    answered = pl.col("fate").is_in(["agrees", "tokenizer_mismatch", "reasoning"])
    sure = answered | pl.col("is_matched")
    known = calls.select(*_PLACE, chance=pl.when(sure).then(1.0).otherwise(_LIKELY))
    again = with_rules(evidence.attempts, evidence.rules).select(*_PLACE, chance="rate_prior")
    parts = [known.with_columns(weight=1.0), again.with_columns(weight=1.0), _logged_again(evidence, calls)]
    if evidence.silences.height:
        missing = evidence.silences.select(*_PLACE, chance=pl.lit(_LIKELY), weight="expected_calls")
        parts.append(missing)
    chance, weight = pl.col("chance"), pl.col("weight")
    return (
        pl.concat(parts)
        .group_by(_PLACE)
        .agg(
            expected=(chance * weight).sum(),
            doubt=(chance * (1 - chance) * weight).sum(),
            unsure=weight.filter(chance.is_between(0.0, 1.0, closed="none")).sum(),
        )
    )


def _logged_again(evidence: Evidence, calls: pl.DataFrame) -> pl.DataFrame:
    """Requests of matched calls beside the kept one, as the log of a proxy has them."""
    sure = {"chance": pl.lit(1.0), "weight": pl.lit(1.0)}
    if "call_id" not in evidence.facts.columns:
        return calls.clear().select(*_PLACE, **sure)
    extra = evidence.facts.filter(~pl.col("is_kept"), pl.col("part") == "message").select("call_id")
    return extra.join(calls.select("call_id", *_PLACE), on="call_id").select(*_PLACE, **sure)


def _usual(calls: pl.DataFrame) -> pl.DataFrame:
    """What a request of an owner and model usually uses, where no HTTP span is traced and nothing sampled."""
    is_blind = ~pl.col("has_http_spans").any().over("service")
    is_whole = (pl.col("kept_share") >= 1.0).all().over("service")
    known = calls.filter(is_blind & is_whole)
    sides = {"input": INPUT_KINDS, "output": OUTPUT_KINDS}
    spreads = [
        pl.sum_horizontal([pl.col(f"whole_{kind}") for kind in kinds]).std().fill_null(0.0).alias(f"_{side}")
        for side, kinds in sides.items()
    ]
    return known.group_by([*OWNER, "model"]).agg(pl.col(WHOLE).mean(), *spreads)


def _sized(rows: pl.DataFrame) -> pl.DataFrame:
    number = pl.col("rest")
    return rows.with_columns(
        *[(pl.col(name) * number).alias(name) for name in WHOLE],
        whole_input_error=pl.col("_input") * number.sqrt(),
        whole_output_error=pl.col("_output") * number.sqrt(),
        requests=number,
        item=pl.format("unseen/{}/{}/{}", *OWNER),
        rate=pl.format("unseen/{}", "service"),
        rate_prior=pl.lit(1.0),
        rate_error=pl.lit(_ERROR),
        rate_low=pl.lit(0.0),
        rate_high=pl.lit(2.0),
        is_chance=pl.lit(value=False),
        trace_id=pl.lit(None, pl.String),
        span_id=pl.lit(None, pl.String),
        basis=pl.lit("estimated"),
        evidence_count=number.ceil().cast(pl.Int64),
        reason=pl.lit("requests that the meter counts and no span tells of"),
    )
