-- Traces of the last days with many calls, many calls of one prompt size under one parent, or many failures.
-- Grain: trace. A span that was exported twice counts once; of client spans, calls and resends, the largest
-- count of failures is taken, since they are the same failures seen from three places.
-- Parameters: $day, $now, $calls, $repeats, $failures
with span as (
    select trace_id, span_id, any_value(parent_span_id) as parent, min(service) as service,
        any_value(request_model) as model, max(input_tokens) as input_tokens,
        max(output_tokens) as output_tokens, max(kind) as kind, max(http_status) as http_status,
        bool_or(status = 'error') as is_error, max(resend_count) as resends,
        max(attempt_count) as attempts, min(started_at) as started_at, max(ended_at) as ended_at,
        bool_or(input_tokens is not null or output_tokens is not null or request_model is not null) as is_call
    from raw.span where ended_at >= $day and ended_at <= $now group by trace_id, span_id
), repeated as (
    select trace_id, max(times)::bigint as repeats from (
        select trace_id, count(*) as times from span
        where is_call and input_tokens > 0 group by trace_id, parent, model, input_tokens
    ) group by trace_id
), trace as (
    select trace_id, min(service) filter (is_call) as service, count(*) filter (is_call) as calls,
        coalesce(sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) filter (is_call), 0)::bigint
            as tokens,
        greatest(
            count(*) filter (is_call and is_error),
            count(*) filter (not is_call and kind = 'client' and (is_error or http_status >= 400)),
            coalesce(sum(greatest(resends, attempts - 1)) filter (is_call), 0)
        )::bigint as failures,
        min(started_at) as started_at, max(ended_at) as ended_at
    from span group by trace_id
)
select trace_id, service, calls, coalesce(repeats, 0) as repeats, failures, tokens, started_at, ended_at
from trace left join repeated using (trace_id)
where calls > $calls or repeats > $repeats or failures > $failures
order by trace_id
