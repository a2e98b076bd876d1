-- Bad rows: accounts whose buckets hold other tokens than their meter.
-- Parameters: $month
with metered as (
    select provider, account,
        sum(coalesce(input_uncached_tokens, 0) + coalesce(cache_read_tokens, 0)
            + coalesce(cache_write_5m_tokens, 0) + coalesce(cache_write_1h_tokens, 0)
            + coalesce(cache_write_other_tokens, 0) + coalesce(output_tokens, 0)
            + coalesce(input_audio_tokens, 0) + coalesce(output_audio_tokens, 0)
            + coalesce(input_image_tokens, 0) + coalesce(output_image_tokens, 0))::bigint as metered_tokens
    from core.metered where month = $month group by all
),
bucketed as (
    select provider, account, sum(metered_tokens)::bigint as bucketed_tokens
    from recon.bucket where month = $month group by all
)
select provider, account, coalesce(metered_tokens, 0) as metered_tokens,
    coalesce(bucketed_tokens, 0) as bucketed_tokens
from metered full join bucketed using (provider, account)
where coalesce(metered_tokens, 0) <> coalesce(bucketed_tokens, 0)
order by all
