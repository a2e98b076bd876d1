-- Bad rows: cells whose steps do not add up to the metered tokens of their buckets.
-- Parameters: $month
with bridged as (
    select provider, account, scope, model, service_tier, token_kind,
        sum(tokens)::bigint as bridged_tokens,
        sum(tokens) filter (step = 'traced')::bigint as bridged_traced_tokens
    from recon.bridge where month = $month group by all
),
bucketed as (
    select provider, account, scope, model, service_tier, token_kind,
        sum(metered_tokens)::bigint as metered_tokens, sum(traced_tokens)::bigint as traced_tokens
    from recon.bucket where month = $month group by all
)
select provider, account, scope, model, service_tier, token_kind,
    coalesce(bridged_tokens, 0) as bridged_tokens, coalesce(metered_tokens, 0) as metered_tokens,
    coalesce(bridged_traced_tokens, 0) as bridged_traced_tokens, coalesce(traced_tokens, 0) as traced_tokens
from bridged full join bucketed using (provider, account, scope, model, service_tier, token_kind)
where coalesce(bridged_tokens, 0) <> coalesce(metered_tokens, 0)
    or coalesce(bridged_traced_tokens, 0) <> coalesce(traced_tokens, 0)
order by all
