"""Core: the same facts in one shape for all dialects and providers, in disjoint token kinds."""

import polars as pl

from schemas.parts import Leaves, Monthly, Placed
from schemas.types import Amount, Instant, Quantity, Tokens, Usd, column, maybe


class _Owner(Monthly):
    """Who a row belongs to and where it meets the meter."""

    provider: str = column("Slug of the provider that bills; `self_hosted` when nobody does.")
    account: str = column("Provider account; `unknown` when no rule tells.")
    scope: str = column("Place where traced and metered can meet: account, or a narrower configured scope.")
    model: str = column("Model as the provider meters it; `unknown` when the span names none.")
    service_tier: str = column("standard, batch, flex, priority or the provider's word.")
    team: str = column("Team that executed the call; `unowned` when no rule matches.")
    service: str = column("Service that executed the call; `unknown` when the resource names none.")
    feature: str = column("Feature; empty when no attribute tells.")


class _Owned(Leaves, _Owner):
    """Token counts of a call, with its owner."""


class Traced(_Owned):
    """One row per span occurrence that carries usage, as logged, nothing removed."""

    file_id: str = column("File of the occurrence.")
    line: pl.Int64 = column("Line of the occurrence.")
    position: pl.Int64 = column("Position within the line.")
    trace_id: str = column("Trace id.")
    span_id: str = column("Span id.")
    call_id: str = column("The call that the occurrence reports on.")
    dialect: str = column("Code of the dialect that read the span.")
    ended_at: Instant = column("End of the span.")

    class Config:
        """See Closed."""

        name = "core.traced"
        unique = ["file_id", "line", "position"]


class Call(_Owned):
    """One row per call of an application to a model, with the usage of the span that is kept."""

    call_id: str = column("Trace id and span id of the kept span.")
    trace_id: str = column("Trace id of the kept span.")
    span_id: str = column("Span id of the kept span.")
    parent_span_id: str = maybe("Span id of its parent.")
    dialect: str = column("Code of the dialect that read the span.")
    operation: str = column("chat, embeddings, text_completion, responses, ... or unknown.")
    request_model: str = maybe("Model asked for.")
    response_model: str = maybe("Model that answered.")
    response_id: str = maybe("The provider's id of the answer.")
    request_id: str = maybe("The provider's id of the HTTP request.")
    environment: str = column("Deployment environment; `unknown` when not written.")
    initiating_team: str = column(
        "Team of the root span; the call's own where the root is in its service and names nobody."
    )
    initiating_service: str = column("Service of the root span of the trace.")
    root_kind: str = column("Kind of the root span of the trace; `unknown` where it tells nothing.")
    agent_level: str = column(
        "Whether it stands below no agent span, below one, or below one that an agent or tool called.",
        isin=["none", "agent", "sub_agent"],
    )
    conversation_id: str = maybe("Conversation, on the span or on the nearest ancestor.")
    started_at: Instant = column("Start of the call.")
    ended_at: Instant = column("End of its last attempt.")
    is_stream: bool = maybe("Whether the answer was streamed.")
    status: str = column("Status of the kept span: unset, ok or error.")
    error_type: str = maybe("Class of the error.")
    finish_reasons: str = maybe("Finish reasons, comma separated.")
    http_status: pl.Int64 = maybe("HTTP status, where the span has it.")
    attempt_count: pl.Int64 = column("HTTP attempts that are known of; at least 1.", ge=1)
    has_http_spans: bool = column("Whether the attempts were seen as HTTP spans.")
    span_count: pl.Int64 = column("Span occurrences that report on this call.", ge=1)
    usage_quality: str = column(
        "What the kept span says of usage.",
        isin=["recorded", "partial", "placeholder", "false_zero", "estimated", "absent"],
    )
    cache_breakdown: str = column(
        "What the dialect tells of cached input: full, read_only, lumped_writes or none.",
        isin=["full", "read_only", "lumped_writes", "none"],
    )
    reasoning_tokens: Tokens = maybe("Reasoning tokens: a memo inside output.")
    compaction_input_tokens: Tokens = maybe("Input of compaction iterations; rarely counted above too.")
    compaction_output_tokens: Tokens = maybe(
        "Output of compaction iterations; few dialects count it above as well."
    )
    counted_input_tokens: Tokens = maybe("Local count of the prompt's text, without template and tools.")
    counted_output_tokens: Tokens = maybe("Local count of the answer's text, thoughts left out.")
    counted_messages: pl.Int64 = maybe("Messages of the prompt whose text was counted.")
    counted_tools: pl.Int64 = maybe("Tool definitions on the span.")
    counted_tool_tokens: Tokens = maybe("Local count of the tool definitions as JSON.")
    counted_tool_calls: pl.Int64 = maybe("Tool calls in the answer that was counted.")
    text_class: str = maybe("Class of the longest text: prose, code, json, cjk or other.")
    not_billed_reason: str = maybe("Why the provider did not bill the call; null when it did.")
    sampling_threshold: str = maybe("Sampling mark of the kept span.")

    class Config:
        """See Closed."""

        name = "core.call"
        unique = ["call_id"]


class Attempt(Monthly):
    """One row per HTTP request to a provider that was seen as a span."""

    call_id: str = maybe("The call it belongs to; null when no span of a call was found.")
    provider: str = column("Provider of the host.")
    trace_id: str = column("Trace id.")
    span_id: str = column("Span id.")
    service: str = column("Service that sent the request.")
    attempt_number: pl.Int64 = column("Order within the call, from 1.", ge=1)
    started_at: Instant = column("Start of the request.")
    ended_at: Instant = column("End of the response headers.")
    server_address: str = maybe("Host.")
    url_path: str = maybe("Path.")
    http_status: pl.Int64 = maybe("Status; null when no response came.")
    error_type: str = maybe("Class of the error.")

    class Config:
        """See Closed."""

        name = "core.attempt"
        unique = ["trace_id", "span_id"]


class Correction(_Owner):
    """One signed row per token kind that a rule moves away from what a span logged, with its reason."""

    step: str = column("Step of the bridge that the correction belongs to.")
    token_kind: str = column("Token kind.")
    tokens: Tokens = column("Signed tokens: negative when the trace read high.")
    reason: str = column("Rule that was applied.")
    call_id: str = column("The call that the corrected occurrence reports on.")
    trace_id: str = column("Trace id of the corrected occurrence.")
    span_id: str = column("Span id of the corrected occurrence.")
    ended_at: Instant = column("End of the corrected occurrence.")

    class Config:
        """See Closed."""

        name = "core.correction"


class _MeterPlace(Monthly):
    """Where and when something was metered."""

    provider: str = column("Slug of the provider.")
    account: str = column("Provider account.")
    scope: str = column("Place where traced and metered can meet.")
    meter: str = column(
        "usage, requests, cost or invoice: which source metered.",
        isin=["usage", "requests", "cost", "invoice"],
    )
    endpoint: str = column("completions, embeddings, messages; `all` when the meter does not tell.")
    model: str = column("Model as metered, aliases resolved; `all` when not told apart.")
    service_tier: str = column("Service tier; `all` when not told apart.")
    bucket_start_at: Instant = column("First instant of the time step.")
    bucket_end_at: Instant = column("First instant after the time step.")
    request_count: pl.Int64 = maybe("Requests, where the provider counts them.")


class Metered(Leaves, _MeterPlace):
    """One row per time step and dimensions of the meter that was chosen for an account."""

    class Config:
        """See Closed."""

        name = "core.metered"
        unique = [
            "month",
            "provider",
            "account",
            "scope",
            "endpoint",
            "model",
            "service_tier",
            "bucket_start_at",
        ]


class Coverage(Monthly):
    """One row per time step for which an account has a meter; what lies outside is unknown, not zero."""

    provider: str = column("Slug of the provider.")
    account: str = column("Provider account.")
    endpoint: str = column("completions, embeddings, messages or all.")
    meter: str = column("usage, requests, cost or invoice.")
    grouping: str = column("Grouping that was chosen for the step.")
    bucket_start_at: Instant = column("First instant of the time step.")
    bucket_end_at: Instant = column("First instant after the time step.")

    class Config:
        """See Closed."""

        name = "core.coverage"
        unique = ["month", "provider", "account", "endpoint", "bucket_start_at"]


class Billed(Placed):
    """One row per line of a cost export or an invoice, in the words of the tie-out."""

    provider: str = column("Slug of the provider.")
    account: str = column("Provider account.")
    origin: str = column("cost or invoice.", isin=["cost", "invoice"])
    invoice_id: str = maybe("Number of the invoice; null on cost exports.")
    category: str = column("usage, fee, minimum, credit, discount, tax, rounding or adjustment.")
    billed_on: pl.Date = maybe("Day of the charge, where known.")
    line_item: str = maybe("SKU or description as sent.")
    model: str = maybe("Model, where known.")
    token_kind: str = maybe("Token kind, where known.")
    service_tier: str = column("Service tier; `all` when not told.")
    quantity: Quantity = maybe("Billed quantity in tokens for token lines, else in the line's unit.")
    amount: Amount = column("Amount in the currency of the line.")
    currency: str = column("ISO 4217 code.")
    amount_usd: Usd = maybe("Amount in US dollars of the books; null while the exchange rate is not known.")
    exchange_rate: Usd = maybe("US dollars for one unit; null in dollars and where not known.")
    exchange_rate_source: str = maybe("Who states that rate.")
    stated_usd: Usd = maybe("Amount at the rate that the invoice states, where it does.")
    charge_class: str = maybe("Correction where the line corrects an earlier bill, after FOCUS.")
    quantity_step: Quantity = maybe("Smallest step in which the export counts tokens; null on other lines.")

    class Config:
        """See Closed."""

        name = "core.billed"


class _RequestPlace(Monthly):
    """Where and when a request was metered."""

    provider: str = column("Slug of the provider that bills.")
    account: str = column("Provider account.")
    scope: str = column("Place where traced and metered can meet.")
    model: str = column("Model as metered.")
    service_tier: str = column("Service tier; `all` when not told.")
    request_id: str = maybe("Id of the HTTP request.")
    response_id: str = maybe("Id of the answer.")
    part: str = column("message, the name of an iteration, or cache_hit.")
    started_at: Instant = column("When the request reached the provider.")


class Request(Leaves, _RequestPlace):
    """One row per request of a per-request meter, models resolved, with its tokens in leaves."""

    class Config:
        """See Closed."""

        name = "core.request"


class Unmapped(Monthly):
    """One row per model, SKU, provider or account that no table or rule knows, with its size."""

    subject: str = column("model, sku, provider, account or endpoint.")
    value: str = column("The word that is not known.")
    provider: str = column("Slug of the provider, or `unknown`.")
    account: str = column("Provider account, or `unknown`.")
    origin: str = column("traces, usage, cost, invoice or requests.")
    rows: pl.Int64 = column("Rows concerned.", ge=1)
    tokens: Tokens = maybe("Tokens concerned, where counted.")
    usd: Usd = maybe("Dollars concerned, where billed.")
    advice: str = column("What to do now.")

    class Config:
        """See Closed."""

        name = "core.unmapped"


class Silence(Monthly):
    """One row per call that an application span should have below it and that left no span of its own."""

    provider: str = column("Provider of the calls that usually stand there.")
    account: str = column("Their account.")
    scope: str = column("Their scope.")
    model: str = column("Their model.")
    service_tier: str = column("Their service tier.")
    team: str = column("Team of the calls, else of the span.")
    service: str = column("Service that makes the calls that usually stand there.")
    feature: str = column("Feature; empty when not known.")
    operation: str = column("Operation of the calls that usually stand there.")
    trace_id: str = column("Trace of the application span.")
    span_id: str = column("The application span, or the HTTP span without a call.")
    has_http_span: bool = column("Whether an HTTP request to a model was seen.")
    error_type: str = maybe("Class of the error on the HTTP or application span.")
    started_at: Instant = column("Start of that span.")
    ended_at: Instant = column("End of the application span; at most ten minutes after an HTTP request.")
    expected_calls: pl.Float64 = column("Chance that the missing call is of this kind; 1 over a span.", ge=0)

    class Config:
        """See Closed."""

        name = "core.silence"
