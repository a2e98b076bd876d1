"""Recon: the conversations that were summarised."""

import polars as pl

from schemas.parts import Monthly
from schemas.types import Tokens, Usd, column, maybe


class Compaction(Monthly):
    """One row per conversation and model that summarised it: how often, and how long it was by then."""

    team: str = column("Team that executed the calls.")
    service: str = column("Service that executed the calls.")
    provider: str = column("Slug of the provider.")
    account: str = column("Provider account.")
    model: str = column("Model that wrote the summaries, as the provider meters it.")
    conversation_id: str = column("Conversation as its spans name it; the trace id where they name none.")
    summaries: pl.Int64 = column("Summaries: recorded, or concluded from a context that fell.", ge=1)
    unrecorded: pl.Int64 = column("Of these, summaries whose tokens no span holds: part of the bridge.", ge=0)
    context_tokens: Tokens = maybe(
        "What the next turn would have sent, at the median of its summaries; null when not known.", ge=0
    )
    window_tokens: Tokens = maybe("Most input that the model takes; null when no list says.", ge=1)
    tokens: Tokens = column("Input and output of the summaries.")
    usd: Usd = maybe("Tokens at the expected rate; null when a part of them has no known price.")
    turns_after: pl.Int64 = column("Turns that its summaries made shorter.", ge=0)
    saved_tokens: Tokens = column("Input that these turns did not send again.", ge=0)
    saved_usd: Usd = maybe(
        "Saved tokens at the mean price of the input of the service and model; null when not known."
    )

    class Config:
        """See Closed."""

        name = "recon.compaction"
        unique = ["month", "team", "service", "provider", "account", "model", "conversation_id"]
