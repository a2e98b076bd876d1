-- The spans of a trace dump as rows of raw.span, flattened by DuckDB alone: what a landing is measured beside.
with request as (
    select unnest(resourceSpans) as part
    from read_json(
        $path,
        format = 'newline_delimited',
        maximum_object_size = 67108864,
        columns = {resourceSpans: 'STRUCT(
            resource STRUCT(attributes STRUCT("key" VARCHAR, "value" STRUCT(stringValue VARCHAR))[]),
            scopeSpans STRUCT(
                scope STRUCT(name VARCHAR, "version" VARCHAR),
                spans STRUCT(
                    traceId VARCHAR, spanId VARCHAR, parentSpanId VARCHAR, traceState VARCHAR, name VARCHAR,
                    kind INTEGER, startTimeUnixNano BIGINT, endTimeUnixNano BIGINT, status STRUCT(code INTEGER),
                    attributes STRUCT("key" VARCHAR, "value" STRUCT(
                        stringValue VARCHAR, intValue BIGINT,
                        arrayValue STRUCT("values" STRUCT(stringValue VARCHAR)[])))[])[])[])[]'}
    )
),
grouped as (
    select map_from_entries(part.resource.attributes) as resource, unnest(part.scopeSpans) as scoped
    from request
),
spans as (
    select resource, scoped.scope as scope, unnest(scoped.spans) as span from grouped
),
keyed as (
    select resource, scope, span, map_from_entries(span.attributes) as tags from spans
)
select
    lower(span.traceId) as trace_id,
    lower(span.spanId) as span_id,
    nullif(lower(span.parentSpanId), '') as parent_span_id,
    span.name as name,
    ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'][coalesce(span.kind, 0) + 1] as kind,
    ['unset', 'ok', 'error'][coalesce(span.status.code, 0) + 1] as status,
    make_timestamp_ns(span.startTimeUnixNano)::timestamptz as started_at,
    make_timestamp_ns(span.endTimeUnixNano)::timestamptz as ended_at,
    scope.name as scope_name,
    scope.version as scope_version,
    resource['service.name'].stringValue as service,
    resource['deployment.environment.name'].stringValue as environment,
    json_object('team', tags['team'].stringValue, 'feature', tags['feature'].stringValue)::varchar as labels,
    tags['gen_ai.operation.name'].stringValue as operation,
    coalesce(tags['gen_ai.provider.name'].stringValue, tags['gen_ai.system'].stringValue) as provider_logged,
    tags['gen_ai.request.model'].stringValue as request_model,
    tags['gen_ai.response.model'].stringValue as response_model,
    tags['gen_ai.response.id'].stringValue as response_id,
    tags['session.id'].stringValue as conversation_id,
    tags['server.address'].stringValue as server_address,
    array_to_string(
        list_transform(tags['gen_ai.response.finish_reasons'].arrayValue.values, lambda item: item.stringValue), ','
    ) as finish_reasons,
    tags['gen_ai.usage.input_tokens'].intValue as input_tokens,
    tags['gen_ai.usage.output_tokens'].intValue as output_tokens,
    tags['gen_ai.usage.cache_read.input_tokens'].intValue as cache_read_tokens
from keyed
