-- Bad rows: accounts whose traced tokens, less what was counted twice, are not those of their calls.
-- Parameters: $month
with leaves as (
    select provider, account, columns('.*_tokens'), 1 as sign from core.traced where month = $month
),
traced as (
    select provider, account,
        sum(coalesce(input_uncached_tokens, 0) + coalesce(cache_read_tokens, 0)
            + coalesce(cache_write_5m_tokens, 0) + coalesce(cache_write_1h_tokens, 0)
            + coalesce(cache_write_other_tokens, 0) + coalesce(output_tokens, 0)
            + coalesce(input_audio_tokens, 0) + coalesce(output_audio_tokens, 0)
            + coalesce(input_image_tokens, 0) + coalesce(output_image_tokens, 0))::bigint as tokens
    from leaves group by all
),
twice as (
    select provider, account, sum(tokens)::bigint as tokens
    from core.correction where month = $month and step = 'duplicate_spans' group by all
),
calls as (
    select provider, account,
        sum(coalesce(input_uncached_tokens, 0) + coalesce(cache_read_tokens, 0)
            + coalesce(cache_write_5m_tokens, 0) + coalesce(cache_write_1h_tokens, 0)
            + coalesce(cache_write_other_tokens, 0) + coalesce(output_tokens, 0)
            + coalesce(input_audio_tokens, 0) + coalesce(output_audio_tokens, 0)
            + coalesce(input_image_tokens, 0) + coalesce(output_image_tokens, 0))::bigint as tokens
    from core.call where month = $month group by all
)
select provider, account, coalesce(traced.tokens, 0) as traced_tokens, coalesce(twice.tokens, 0) as twice_tokens,
    coalesce(calls.tokens, 0) as call_tokens
from traced full join twice using (provider, account) full join calls using (provider, account)
where coalesce(traced.tokens, 0) + coalesce(twice.tokens, 0) <> coalesce(calls.tokens, 0)
order by all
