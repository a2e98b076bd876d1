"""Whose a span is: teams by rules and attributes, features by attributes, inherited from the spans above."""

from collections.abc import Iterator, Sequence

import msgspec
import polars as pl

from pipeline.globs import fits
from pipeline.settings import Settings
from pipeline.spans.tree import nearest
from pipeline.team_settings import TeamRule

UNOWNED = "unowned"

_JSON = msgspec.json.Decoder()


def identify(nodes: pl.DataFrame, parent: pl.Series, wanted: pl.Series, settings: Settings) -> pl.DataFrame:
    """Return `team` and `feature` of the wanted spans, row by row.

    Rules come first, in order, each within its dates; then the attributes that name a team: on the span, on
    its resource, on the nearest span above that has one. Attributes that rules ask for are inherited
    in the same way; the service is the span's own. Neither rule nor attribute: `unowned`; no feature: "".
    """
    labels = _labels(nodes, parent, wanted, settings.label_attributes)
    facts = nodes.select("service", "project_id", "ended_at")[wanted]
    table = pl.concat([facts, labels], how="horizontal")
    owners = settings.identity.team_attributes
    return table.select(
        pl.coalesce(_by_rules(table, settings.teams), _by_attributes(owners), pl.lit(UNOWNED)).alias("team"),
        pl.coalesce(_by_attributes(settings.identity.feature_attributes), pl.lit("")).alias("feature"),
    )


def inherited(values: pl.Series, parent: pl.Series) -> pl.Series:
    """Return each row's value, else that of the nearest ancestor that has one, else null."""
    if values.null_count() == len(values):
        return values
    above = values.gather(nearest(parent, values.is_not_null()))
    return pl.select(pl.coalesce(values, above)).to_series()


def _labels(nodes: pl.DataFrame, parent: pl.Series, wanted: pl.Series, keys: Sequence[str]) -> pl.DataFrame:
    """`own:`, `resource:` and `any:` (inherited) value of each attribute; empty text counts as absent."""
    own, resource = _values(nodes["labels"], keys), _values(nodes["resource_labels"], keys)
    columns: dict[str, pl.Series] = {}
    for key in keys:
        columns[f"own:{key}"] = own[key].gather(wanted)
        columns[f"resource:{key}"] = resource[key].gather(wanted)
        columns[f"any:{key}"] = inherited(own[key], parent).gather(wanted)
    return pl.DataFrame(columns)


def _values(column: pl.Series, keys: Sequence[str]) -> pl.DataFrame:
    distinct = column.rename("labels").unique()
    found = [_JSON.decode(text) if text else {} for text in distinct]
    table = {key: [_text(labels.get(key)) for labels in found] for key in keys}
    schema = dict.fromkeys(keys, pl.String)
    wide = pl.DataFrame(table, schema=schema).with_columns(distinct)
    return column.rename("labels").to_frame().join(wide, on="labels", how="left", maintain_order="left")


def _text(value: object) -> str | None:
    return str(value) if isinstance(value, str | int) and value != "" else None


def _by_attributes(keys: Sequence[str]) -> pl.Expr:
    places = [f"{place}:{key}" for place in ("own", "resource", "any") for key in keys]
    return pl.coalesce([*[pl.col(name) for name in places], pl.lit(None, pl.String)])


def _by_rules(table: pl.DataFrame, rules: Sequence[TeamRule]) -> pl.Expr:
    found = [pl.when(_matches(rule, table)).then(pl.lit(rule.team)) for rule in rules]
    return pl.coalesce([*found, pl.lit(None, pl.String)])


def _matches(rule: TeamRule, table: pl.DataFrame) -> pl.Expr:
    conditions = list(_conditions(rule, table))
    return pl.all_horizontal(conditions).fill_null(False) if conditions else pl.lit(True)


def _conditions(rule: TeamRule, table: pl.DataFrame) -> Iterator[pl.Expr]:
    day = pl.col("ended_at").dt.date()
    if rule.service is not None:
        yield fits(table["service"], [rule.service])
    for key, pattern in rule.span_attribute.items():
        yield fits(table[f"any:{key}"], [pattern])
    for key, pattern in rule.resource_attribute.items():
        yield fits(table[f"resource:{key}"], [pattern])
    if rule.project_id is not None:
        yield pl.col("project_id") == rule.project_id
    if rule.valid_from is not None:
        yield day >= rule.valid_from
    if rule.valid_to is not None:
        yield day < rule.valid_to
