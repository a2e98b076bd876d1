"""What a reader should know before trusting the month: each with its size and what to do now."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import polars as pl

from pipeline.settings import Materiality
from pipeline.subjects import subject
from pipeline.tieout import CHARGES
from schemas.recon import Finding
from schemas.types import ALL

_SCHEMA = pl.Schema(Finding.empty().schema)
_SHOWN = 3
"""Findings of one kind that are shown one by one."""

_ORDER = {"error": 0, "warning": 1, "note": 2}


def finding(month: str, code: str, severity: str, message: str, advice: str, **more: Any) -> pl.DataFrame:
    """Return one row of recon.finding; `more` may hold provider, account, team, tokens, usd and subject.

    A finding that says no subject is about the names in its message.
    """
    row = {"provider": "", "account": "", "team": "", "tokens": None, "usd": None, **more}
    row.setdefault("subject", subject(message))
    return pl.DataFrame(
        [{"month": month, "code": code, "severity": severity, "message": message, "advice": advice, **row}],
        schema=_SCHEMA,
    )


def assemble(parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return all findings, the gravest first, in one order whatever the order of the parts."""
    rows = pl.concat([_SCHEMA.to_frame(), *parts])
    rank = pl.col("severity").replace_strict(_ORDER, return_dtype=pl.Int64)
    return rows.unique().sort(rank, pl.exclude("severity"), nulls_last=True)


def fold(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the findings with at most `_SHOWN` of a kind and provider, the largest, and one for the rest.

    The last one says how many it stands for, of which accounts, and how much they come to.
    """
    kind = ["month", "code", "severity", "provider"]
    sizes = [pl.col(name).abs() for name in ("usd", "tokens")]
    ranked = rows.sort(*sizes, *rows.columns, descending=[True, True] + [False] * rows.width, nulls_last=True)
    place = ranked.with_columns(nth=pl.int_range(pl.len()).over(kind), of=pl.len().over(kind))
    is_kept = (pl.col("nth") < _SHOWN) | (pl.col("of") <= _SHOWN + 1)
    rest = place.filter(~is_kept).group_by(kind, maintain_order=True)
    parts = [_rest(dict(zip(kind, key, strict=True)), group) for key, group in rest]
    return assemble([place.filter(is_kept).select(rows.columns), *parts])


def _rest(kind: dict[str, Any], rows: pl.DataFrame) -> pl.DataFrame:
    accounts = sorted(set(rows["account"]) - {""})
    shown = ", ".join(accounts[:_SHOWN]) + (
        f" and {len(accounts) - _SHOWN} more" if accounts[_SHOWN:] else ""
    )
    where = f" of {kind['provider']}" if kind["provider"] else ""
    account = f" (account{'s' if accounts[1:] else ''} {shown})" if accounts else ""
    tokens, usd = (rows[name].sum() if rows[name].count() else None for name in ("tokens", "usd"))
    size = [f"{tokens:,} tokens"] if tokens is not None else []
    size += [f"{usd:,.2f} USD"] if usd is not None else []
    return finding(
        **kind,
        message=f"{rows.height:,} more like the {_SHOWN} largest '{kind['code']}'{where}{account}"
        f"{', together ' + ' and '.join(size) if size else ''}.",
        advice=rows["advice"][0],
        tokens=tokens,
        usd=usd,
    )


def quarantined(month: str, files: pl.DataFrame) -> pl.DataFrame:
    """A finding per source with records that could not be read; the month is then incomplete."""
    sources = (
        files.group_by("source")
        .agg(
            pl.col("rows_quarantined", "rows_read").sum(),
            pl.col("uri").filter(pl.col("rows_quarantined") > 0).min(),
        )
        .filter(pl.col("rows_quarantined") > 0)
        .sort("source")
    )
    parts = [
        finding(
            month, "quarantine", "warning",
            f"{bad:,} of {read:,} records of source '{source}' could not be read, first in {uri}.",
            "See quarantine.csv for file, line and reason; mend or re-export the file and close again.",
        )
        for source, bad, read, uri in sources.select("source", "rows_quarantined", "rows_read", "uri").rows()
    ]  # fmt: skip
    return assemble(parts)


def unpriced(month: str, bridge: pl.DataFrame) -> pl.DataFrame:
    """A finding per model without a known price, with what is metered or unexplained: never free."""
    rest = pl.col("tokens").filter(pl.col("step") == "unexplained").sum().abs()
    place = ["provider", "account", "model"]
    models = (
        bridge.filter(pl.col("usd").is_null())
        .group_by(*place, "scope", "service_tier", "token_kind")
        .agg(pl.col("tokens").sum(), rest=rest)
        .group_by(place)
        .agg(pl.col("tokens", "rest").sum())
        .filter((pl.col("tokens") != 0) | (pl.col("rest") != 0))
        .sort(place)
    )
    parts = [
        finding(
            month, "unpriced", "warning",
            f"{tokens:,} metered tokens of model '{model}' in {provider} account '{account}' have no known "
            f"price{f'; {rest:,} tokens of it are unexplained, in no dollars' if rest else ''}.",
            "Add a [[prices]] entry with provider, model, token_kind and usd_per_million.",
            provider=provider, account=account, tokens=tokens, subject=model,
        )
        for provider, account, model, tokens, rest in models.rows()
    ]  # fmt: skip
    return assemble(parts)


def unmetered(month: str, rows: pl.DataFrame) -> pl.DataFrame:
    """A finding per account and reason whose traced tokens meet no meter; they are outside the bridge."""
    sums = rows.group_by("provider", "account", "reason").agg(pl.col("tokens").sum()).sort(pl.all())
    parts = [
        finding(
            month, "unmetered", "warning",
            f"{tokens:,} traced tokens of {provider} account '{account}' are not compared: {reason}.",
            "Add a source of kind usage, requests or invoice for this account, or a complete export.",
            provider=provider, account=account, tokens=tokens, subject=reason,
        )
        for provider, account, reason, tokens in sums.rows()
    ]  # fmt: skip
    return assemble(parts)


def unmapped(month: str, rows: pl.DataFrame) -> pl.DataFrame:
    """A finding per unknown word."""
    parts = [
        finding(
            month, "unmapped", "warning",
            f"{row['subject']} '{row['value']}' in {row['origin']} is not known ({row['rows']:,} rows).",
            row["advice"],
            **{name: row[name] for name in ("provider", "account", "tokens", "usd")},
            subject=f"{row['subject']} '{row['value']}' in {row['origin']}",
        )
        for row in rows.iter_rows(named=True)
    ]  # fmt: skip
    return assemble(parts)


def bills_awaited(
    month: str, tieout: pl.DataFrame, billed: pl.DataFrame, bridge: pl.DataFrame
) -> pl.DataFrame:
    """A finding per account without an invoice, and per metered account that nothing charges."""
    place = ["provider", "account"]
    awaited = tieout.filter(pl.col("invoice_id").is_null()).select(place).unique().sort(place)
    charged = billed.filter(pl.col("category").is_in(CHARGES))
    metered = bridge.group_by(place).agg(pl.col("tokens").sum()).filter(pl.col("tokens") > 0)
    unbilled = metered.join(charged, on=place, how="anti").sort(place)
    return assemble(
        [
            *(
                finding(
                    month, "invoice_awaited", "note",
                    f"No invoice of {provider} account '{account}' yet; its cost export stands in.",
                    "Add the invoice to a source of kind invoice when it arrives, and close again.",
                    provider=provider, account=account,
                )
                for provider, account in awaited.rows()
            ),
            *(
                finding(
                    month, "no_bill", "warning",
                    f"{tokens:,} tokens of {provider} account '{account}' are metered, and no cost export "
                    "and no invoice charges for them.",
                    "Add a source of kind cost or invoice; until then its dollars are list prices.",
                    provider=provider, account=account, tokens=tokens,
                )
                for provider, account, tokens in unbilled.rows()
            ),
        ]
    )  # fmt: skip


def one_sided_models(month: str, bridge: pl.DataFrame) -> pl.DataFrame:
    """A finding per scope in which one model is only traced and another only metered: perhaps an alias."""
    place = ["provider", "account", "scope"]
    named = bridge.filter(~pl.col("model").is_in([ALL, "unknown"]))
    models = named.group_by([*place, "model"]).agg(
        traced=pl.col("tokens").filter(pl.col("step") == "traced").sum(), metered=pl.col("tokens").sum()
    )
    only_traced = models.filter(
        (pl.col("metered") == 0) & (pl.col("traced") > 0) & (pl.col("provider") != "self_hosted")
    )
    only_metered = models.filter((pl.col("traced") == 0) & (pl.col("metered") > 0))
    pairs = (
        only_traced.group_by(place)
        .agg(pl.col("model").sort(), pl.col("traced").sum())
        .join(only_metered.group_by(place).agg(metered_models=pl.col("model").sort()), on=place)
        .sort(place)
    )
    parts = [
        finding(
            month, "perhaps_alias", "warning",
            f"In scope '{row['scope']}' {', '.join(row['model'])} appear only in traces and "
            f"{', '.join(row['metered_models'])} only on the meter.",
            "If they are the same model, add a line to [models.aliases].",
            provider=row["provider"], account=row["account"], tokens=row["traced"],
        )
        for row in pairs.iter_rows(named=True)
    ]  # fmt: skip
    return assemble(parts)


def material_unexplained(
    month: str, bridge: pl.DataFrame, billed_usd: Decimal | None, materiality: Materiality
) -> pl.DataFrame:
    """An error when the unexplained is above both bounds of materiality, gross over the cells."""
    rest = bridge.filter(pl.col("step") == "unexplained")
    cells = rest.group_by("provider", "account", "scope", "model", "service_tier", "token_kind").agg(
        pl.col("usd").sum().abs(), pl.col("tokens").sum().abs()
    )
    usd = Decimal(cells["usd"].sum())
    base = billed_usd or Decimal(bridge["usd"].sum())
    percent = usd * 100 / abs(base) if base else Decimal(100 if usd else 0)
    if usd < materiality.usd or percent < materiality.percent:
        return _SCHEMA.to_frame()
    return finding(
        month, "unexplained_material", "error",
        f"{usd:,.2f} USD of drift ({percent:.1f} % of the bill, signs ignored) is unexplained, above the "
        f"materiality of {materiality.usd} USD and {materiality.percent} %.",
        "Start with the largest unexplained cells in bridge.csv, and with the findings below.",
        tokens=int(cells["tokens"].sum()), usd=usd,
    )  # fmt: skip
