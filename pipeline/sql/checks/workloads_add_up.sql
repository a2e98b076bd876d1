-- Bad rows: teams whose workloads hold other calls or tokens than their billed calls.
-- Parameters: $month
with billed as (
    select provider, account, team, count(*)::bigint as calls,
        sum(coalesce(input_uncached_tokens, 0) + coalesce(cache_read_tokens, 0)
            + coalesce(cache_write_5m_tokens, 0) + coalesce(cache_write_1h_tokens, 0)
            + coalesce(cache_write_other_tokens, 0) + coalesce(output_tokens, 0)
            + coalesce(input_audio_tokens, 0) + coalesce(output_audio_tokens, 0)
            + coalesce(input_image_tokens, 0) + coalesce(output_image_tokens, 0))::bigint as tokens
    from core.call where month = $month and not_billed_reason is null group by all
),
anatomy as (
    select provider, account, team, sum(calls)::bigint as calls, sum(tokens)::bigint as tokens
    from recon.anatomy where month = $month group by all
)
select provider, account, team,
    coalesce(billed.calls, 0) as billed_calls, coalesce(anatomy.calls, 0) as workload_calls,
    coalesce(billed.tokens, 0) as billed_tokens, coalesce(anatomy.tokens, 0) as workload_tokens
from billed full join anatomy using (provider, account, team)
where coalesce(billed.calls, 0) <> coalesce(anatomy.calls, 0)
    or coalesce(billed.tokens, 0) <> coalesce(anatomy.tokens, 0)
order by all
