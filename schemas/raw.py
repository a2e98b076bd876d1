"""Raw: what the files say, one row a record, nothing resolved, no text of prompts or answers."""

import polars as pl

from schemas.parts import Closed, Leaves
from schemas.types import Amount, Instant, Quantity, Tokens, column, maybe


class _Raw(Closed):
    """Where a raw row comes from."""

    file_id: str = column("First 16 hex digits of the file's SHA-256; see raw.file.")
    line: pl.Int64 = column("Line of the file, or number of the page in it, from 1.", ge=1)
    position: pl.Int64 = column("Position of the record within its line, from 0.", ge=0)


class File(Closed):
    """One row per file that a source offers, with what became of its records."""

    source: str = column("Name of the source in the configuration.")
    uri: str = column("Path of the file, relative to the configuration's folder where possible.")
    file_id: str = column("First 16 hex digits of the SHA-256 of the file's bytes.")
    kind: str = column("traces, usage, cost, invoice or requests.")
    format: str = column("Format that was detected or configured.")
    size_bytes: pl.Int64 = column("Size of the file as stored.", ge=0)
    version: str = maybe(
        "What tells the file's states apart without reading it: ETag, size and time of an object of S3, "
        "else size, times and inode; null where nothing does."
    )
    rows_read: pl.Int64 = column("Records found.", ge=0)
    rows_kept: pl.Int64 = column("Records landed in a raw table.", ge=0)
    rows_quarantined: pl.Int64 = column("Records set aside, each in raw.quarantine.", ge=0)
    pulled_at: Instant = maybe("When an export was pulled from the provider, as far as known.")
    pulled_at_basis: str = maybe("How pulled_at is known: configured, name or modified.")
    duplicate_of: str = maybe("Path of the landed file with the same bytes; this one added no rows.")
    decoder: str = column("Fingerprint of decoder and options; a change lands the file again.")

    class Config:
        """See Closed."""

        name = "raw.file"
        unique = ["source", "uri"]


class Quarantine(Closed):
    """One row per record that could not be read, with the place and the reason."""

    source: str = column("Name of the source in the configuration.")
    uri: str = column("Path of the file.")
    file_id: str = column("First 16 hex digits of the SHA-256 of the file's bytes.")
    line: pl.Int64 = maybe("Line of the file, from 1.")
    byte_offset: pl.Int64 = maybe("Offset in the decompressed bytes at which the record starts.")
    position: pl.Int64 = maybe("Position of the record within its line, from 0.")
    code: str = column("Short stable name of the reason.")
    reason: str = column("What is wrong, with both numbers where numbers disagree.")
    advice: str = column("What to do now.")

    class Config:
        """See Closed."""

        name = "raw.quarantine"


class Span(_Raw):
    """One row per span occurrence of a trace dump, with the attributes that reconciliation needs."""

    source: str = column("Name of the source in the configuration.")
    account: str = maybe("Provider account that the source is bound to by the configuration.")
    trace_id: str = column("Trace id, 32 lower-case hex digits.", str_length=32)
    span_id: str = column("Span id, 16 lower-case hex digits.", str_length=16)
    parent_span_id: str = maybe("Span id of the parent; null on a root.")
    name: str = column("Span name, cut at 128 characters.")
    kind: str = column("unspecified, internal, server, client, producer or consumer.")
    status: str = column("unset, ok or error.")
    started_at: Instant = column("Start of the span.")
    ended_at: Instant = column("End of the span.")
    sampling_threshold: str = maybe("The `th` value of the W3C tracestate entry `ot`.")
    scope_name: str = column("Instrumentation scope; empty when the dump names none.")
    scope_version: str = column("Version of the instrumentation scope; empty when not written.")
    service: str = maybe("Resource attribute service.name.")
    environment: str = maybe("Resource attribute deployment.environment.name, or its older name.")
    labels: str = column("JSON object of the span attributes that identity rules read, keys sorted.")
    resource_labels: str = column(
        "JSON object of the resource attributes that identity rules read, keys sorted."
    )
    operation: str = maybe("gen_ai.operation.name, or the dialect's own word for it.")
    provider_logged: str = maybe("Provider as the instrumentation names it; not always who bills.")
    request_model: str = maybe("Model asked for, often an alias.")
    response_model: str = maybe("Model that answered, often a dated snapshot.")
    response_id: str = maybe("The provider's id of the answer.")
    request_id: str = maybe("The provider's id of the HTTP request.")
    conversation_id: str = maybe("gen_ai.conversation.id or the dialect's session id.")
    is_stream: bool = maybe("Whether the answer was streamed, where the span says so.")
    finish_reasons: str = maybe("Finish reasons, comma separated; empty string for an empty list.")
    error_type: str = maybe("error.type, or the class of a recorded exception; never its message.")
    server_address: str = maybe("Host that was called.")
    url_path: str = maybe("Path of the URL that was called, without query.")
    http_method: str = maybe("HTTP method of an HTTP span.")
    http_status: pl.Int64 = maybe("HTTP status code.")
    resend_count: pl.Int64 = maybe("http.request.resend_count or the SDK's retry count.")
    attempt_count: pl.Int64 = maybe("Attempts of the call, where the dialect counts them.")
    service_tier: str = maybe("Service tier of the response, else of the request.")
    project_id: str = maybe("Project or workspace id, where the span carries it.")
    cache_hit: bool = maybe("Whether a gateway answered from its own cache.")
    input_tokens: Tokens = maybe("Input tokens as logged; whether cached ones are inside is the dialect's.")
    output_tokens: Tokens = maybe("Output tokens as logged.")
    total_tokens: Tokens = maybe("Total as logged.")
    cache_read_tokens: Tokens = maybe("Tokens read from the provider's prompt cache, as logged.")
    cache_write_tokens: Tokens = maybe("Tokens written to the prompt cache, as logged, all lifetimes.")
    cache_write_5m_tokens: Tokens = maybe("Cache writes with five minutes of life, as logged.")
    cache_write_1h_tokens: Tokens = maybe("Cache writes with one hour of life, as logged.")
    reasoning_tokens: Tokens = maybe("Reasoning tokens as logged.")
    input_audio_tokens: Tokens = maybe("Audio tokens inside the input, as logged.")
    output_audio_tokens: Tokens = maybe("Audio tokens inside the output, as logged.")
    compaction_input_tokens: Tokens = maybe("Input of compaction iterations, as logged.")
    compaction_output_tokens: Tokens = maybe("Output of compaction iterations, as logged.")
    usage_conflict: str = maybe("Synonyms on the span that disagree: `name: first != second`.")
    counted_input_tokens: Tokens = maybe(
        "Local count of the prompt's text, without template and tools; the text itself is not kept.", ge=0
    )
    counted_output_tokens: Tokens = maybe("Local count of the answer's text, thoughts left out.", ge=0)
    counted_messages: pl.Int64 = maybe("Messages of the prompt whose text was counted.", ge=0)
    counted_tools: pl.Int64 = maybe("Tool definitions on the span.", ge=0)
    counted_tool_tokens: Tokens = maybe("Local count of the tool definitions as JSON.", ge=0)
    counted_tool_calls: pl.Int64 = maybe("Tool calls in the answer that was counted.", ge=0)
    text_class: str = maybe("Class of the longest text: prose, code, json, cjk or other.")

    class Config:
        """See Closed."""

        name = "raw.span"
        unique = ["file_id", "line", "position"]


class _Counted(Leaves, _Raw):
    """Token counts, with where they come from."""


class Usage(_Counted):
    """One row per result of a provider's usage export, and one per empty bucket (it proves coverage)."""

    source: str = column("Name of the source in the configuration.")
    provider: str = column("Slug of the provider.")
    account: str = column("Provider account, from the configuration.")
    endpoint: str = column("completions, embeddings, messages or activity.")
    grouping: str = column("Dimensions the export is grouped by, sorted, joined by +; empty when none.")
    bucket_start_at: Instant = column("First instant of the time step.")
    bucket_end_at: Instant = column("First instant after the time step.")
    is_empty: bool = column("True for a bucket without results.")
    project_id: str = maybe("Project or workspace; null when not grouped by it.")
    api_key_id: str = maybe("API key; null when not grouped by it.")
    model: str = maybe("Model as metered; null when not grouped by it.")
    service_tier: str = maybe("Tier in the provider's words; `batch` for batch rows.")
    dimensions: str = column("JSON object of all dimensions as sent, keys sorted: part of the row's key.")
    request_count: pl.Int64 = maybe("Model requests, where the provider counts them.", ge=0)

    class Config:
        """See Closed."""

        name = "raw.usage"
        unique = ["file_id", "line", "position"]


class Cost(_Raw):
    """One row per result of a provider's cost export, and one per empty bucket."""

    source: str = column("Name of the source in the configuration.")
    provider: str = column("Slug of the provider.")
    account: str = column("Provider account, from the configuration.")
    grouping: str = column("Dimensions the export is grouped by, sorted, joined by +; empty when none.")
    bucket_start_at: Instant = column("First instant of the time step.")
    bucket_end_at: Instant = column("First instant after the time step.")
    is_empty: bool = column("True for a bucket without results.")
    project_id: str = maybe("Project or workspace; null when not grouped by it.")
    line_item: str = maybe("SKU text as sent.")
    model: str = maybe("Model that the SKU text or the row names.")
    token_kind: str = maybe("Token kind that the SKU text or the row names; null for fees and unknown SKUs.")
    service_tier: str = maybe("Tier in the provider's words.")
    cost_type: str = column(
        "tokens, fee, credit, tax, adjustment or unknown; `other` for a charge that is for no model."
    )
    dimensions: str = column("JSON object of all dimensions as sent, keys sorted: part of the row's key.")
    quantity: Quantity = maybe("Billed quantity, where sent.")
    quantity_unit: str = maybe("Unit of the quantity as sent; a bare one in the words of what it counts.")
    amount: Amount = maybe("Amount in the row's currency; null on empty buckets.")
    currency: str = maybe("ISO 4217 code, upper case.")

    class Config:
        """See Closed."""

        name = "raw.cost"
        unique = ["file_id", "line", "position"]


class Invoice(_Raw):
    """One row per line of an invoice manifest, with the header's figures repeated."""

    source: str = column("Name of the source in the configuration.")
    provider: str = column("Slug of the provider whose usage is billed.")
    account: str = column("Provider account.")
    issuer: str = column("Name of the issuer as printed.")
    invoice_id: str = column("Number of the invoice.")
    issued_on: pl.Date = maybe("Date of issue.")
    issue_status: str = maybe("Open, Issued or Voided, after FOCUS; null when not told.")
    reference_invoice_id: str = maybe("The invoice that this one corrects or credits.")
    exchange_rate: Amount = maybe("US dollars for one unit of the currency, as the invoice states.")
    period_start_on: pl.Date = column("First day billed.")
    period_end_on: pl.Date = column("First day no longer billed.")
    currency: str = column("ISO 4217 code, upper case.")
    total: Amount = column("Total of the invoice, tax and credits included.")
    category: str = column(
        "What the line is.",
        isin=["usage", "fee", "minimum", "credit", "discount", "tax", "rounding", "adjustment", "prepayment"],
    )
    grant_id: str = maybe("Grant of credit that the line buys or draws from.")
    expires_on: pl.Date = maybe("Last day of the credit that the line buys; null where it does not expire.")
    description: str = maybe("Text of the line.")
    model: str = maybe("Model, where the line names one.")
    token_kind: str = maybe("Token kind, where the line names one.")
    service_tier: str = maybe("Tier in the provider's words.")
    quantity: Quantity = maybe("Quantity of the line.")
    quantity_unit: str = maybe("tokens, 1K tokens, 1M tokens, requests, hours, ...")
    amount: Amount = column("Amount of the line; credits and discounts are negative.")

    class Config:
        """See Closed."""

        name = "raw.invoice"
        unique = ["file_id", "line", "position"]


class Request(_Counted):
    """One row per request of a per-request meter (a gateway's log, a provider's invocation log)."""

    source: str = column("Name of the source in the configuration.")
    provider: str = column("Slug of the provider that bills.")
    account: str = column("Provider account.")
    request_id: str = maybe("Id of the HTTP request.")
    response_id: str = maybe("Id of the answer.")
    part: str = column(
        "message; the name of an iteration billed beside it; cache_hit: a gateway's own answer, no tokens."
    )
    project_id: str = maybe("Project or workspace.")
    api_key_id: str = maybe("API key.")
    model: str = maybe("Model that was billed.")
    service_tier: str = maybe("Tier in the provider's words.")
    started_at: Instant = column("When the request reached the provider.")
    reasoning_tokens: Tokens = maybe("Reasoning tokens, inside the output.", ge=0)

    class Config:
        """See Closed."""

        name = "raw.request"
        unique = ["file_id", "line", "position"]
