"""Who bills a call, and on which account: the host first, then the company's own meters, then words."""

import ipaddress
from collections.abc import Callable, Sequence

import polars as pl

from pipeline.provider import Provider

SELF_HOSTED = "self_hosted"
UNKNOWN = "unknown"

_PRIVATE_SUFFIXES = (".local", ".internal", ".localhost", ".lan", ".svc")


def with_biller(calls: pl.DataFrame, known: pl.DataFrame, providers: Sequence[Provider]) -> pl.DataFrame:
    """Return calls with `provider` and `account` filled.

    `known` has one row per (`provider`, `account`, `model`) that a meter names. The word that the
    instrumentation logs comes late: it says which SDK was used, not who bills. A private host is self-hosted
    unless a meter knows the model (then it is a gateway of the company); an unknown public host is not.
    """
    with_facts = _with_meters(calls, known).with_columns(
        _mapped(calls, "server_address", lambda host: host_provider(host, providers)).alias("_host"),
        _mapped(calls, "provider_logged", lambda word: logged_provider(word, providers)).alias("_logged"),
        _mapped_model(calls, providers).alias("_prefix"),
    )
    metered = known.select(pl.col("provider").alias("_logged"), pl.col("model").alias("_model")).unique()
    knows = metered.with_columns(pl.lit(True).alias("_logged_knows"))
    model = pl.coalesce("response_model", "request_model").alias("_model")
    joined = with_facts.with_columns(model).join(
        knows, on=["_logged", "_model"], how="left", maintain_order="left"
    )
    filled = joined.with_columns(_provider(joined).alias("provider"))
    return _with_account(filled, known).drop(
        "_host", "_logged", "_prefix", "_model", "_logged_knows", "_own", "_any"
    )


def host_provider(host: str, providers: Sequence[Provider]) -> str | None:
    """Return the slug of the provider whose host this is, `self_hosted` for private hosts, else null."""
    name = host.lower().rstrip(".")
    for provider in providers:
        for known in provider.hosts:
            if name == known or (known.startswith(".") and name.endswith(known)):
                return provider.slug
    return SELF_HOSTED if _is_private(name) else None


def logged_provider(word: str, providers: Sequence[Provider]) -> str | None:
    """Return the slug for a word of an instrumentation; of `openai.chat` the first part counts too."""
    for candidate in (word.lower(), word.lower().split(".")[0]):
        for provider in providers:
            if candidate in provider.logged_names or candidate == provider.slug:
                return provider.slug
    return None


def model_provider(model: str, providers: Sequence[Provider]) -> str | None:
    """Return the slug of the only provider with the longest prefix that fits the model's name."""
    fits = [
        (len(prefix), provider.slug)
        for provider in providers
        for prefix in provider.model_prefixes
        if model.lower().startswith(prefix)
    ]
    longest = {slug for length, slug in fits if length == max(fits)[0]}
    return longest.pop() if len(longest) == 1 else None


def _is_private(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return bool(host) and ("." not in host or host.endswith(_PRIVATE_SUFFIXES))
    return address.is_private or address.is_loopback or address.is_link_local


def _mapped(frame: pl.DataFrame, column: str, find: Callable[[str], str | None]) -> pl.Expr:
    words = frame[column].drop_nulls().unique().to_list()
    table = {word: find(word) for word in words}
    return pl.col(column).replace_strict(table, default=None, return_dtype=pl.String)


def _mapped_model(frame: pl.DataFrame, providers: Sequence[Provider]) -> pl.Expr:
    columns = ("response_model", "request_model")
    return pl.coalesce(
        [_mapped(frame, name, lambda model: model_provider(model, providers)) for name in columns]
    )


def _with_meters(calls: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """`_own`: the only provider of the call's account that meters its model. `_any`: of all accounts."""
    own = _only(known, ["account", "model"], "_own")
    every = _only(known, ["model"], "_any")
    frame = calls
    for name in ("response_model", "request_model"):
        frame = frame.join(
            own.rename({"model": name, "_own": f"_own_{name}"}),
            on=["account", name],
            how="left",
            maintain_order="left",
        ).join(
            every.rename({"model": name, "_any": f"_any_{name}"}), on=name, how="left", maintain_order="left"
        )
    return frame.with_columns(
        pl.coalesce("_own_response_model", "_own_request_model").alias("_own"),
        pl.coalesce("_any_response_model", "_any_request_model").alias("_any"),
    ).drop("_own_response_model", "_own_request_model", "_any_response_model", "_any_request_model")


def _only(known: pl.DataFrame, keys: list[str], name: str) -> pl.DataFrame:
    return (
        known.group_by(keys)
        .agg(pl.col("provider").n_unique().alias("_count"), pl.col("provider").min().alias(name))
        .filter(pl.col("_count") == 1)
        .drop("_count")
    )


def _provider(frame: pl.DataFrame) -> pl.Expr:
    is_private = pl.col("_host") == SELF_HOSTED
    is_strange = pl.col("server_address").is_not_null() & pl.col("_host").is_null()
    misfit = is_strange & pl.col("_prefix").ne_missing(pl.col("_logged")) & pl.col("_prefix").is_not_null()
    metered = pl.coalesce("_own", pl.when(pl.col("account").is_null()).then(pl.col("_any")))
    elsewhere = pl.when(pl.col("_logged_knows").is_null()).then(pl.col("_any"))
    return (
        pl.when(is_private.not_().fill_null(True) & pl.col("_host").is_not_null())
        .then(pl.col("_host"))
        .when(is_private.fill_null(False))
        .then(pl.coalesce(metered, pl.lit(SELF_HOSTED)))
        .when(pl.col("_own").is_not_null())
        .then(pl.col("_own"))
        .when(elsewhere.is_not_null() & pl.col("account").is_null())
        .then(elsewhere)
        .when(misfit & pl.col("_logged_knows").is_null())
        .then(pl.lit(UNKNOWN))
        .otherwise(pl.coalesce("_logged", "_prefix", pl.lit(UNKNOWN)))
    )


def _with_account(calls: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """The source's account; else the only one that meters for the provider; else unknown, or its slug."""
    accounts = known.group_by("provider").agg(
        pl.when(pl.col("account").n_unique() == 1)
        .then(pl.col("account").min())
        .otherwise(pl.lit(UNKNOWN))
        .alias("_account")
    )
    return (
        calls.join(accounts, on="provider", how="left", maintain_order="left")
        .with_columns(pl.coalesce("account", "_account", "provider").alias("account"))
        .drop("_account")
    )
