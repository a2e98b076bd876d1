-- Bad rows: lines of a team whose effects do not add up to the month's cost, or that are not those of the bridge.
-- Parameters: $month
with bridge as (
    select team, provider, account, model, service_tier, sum(tokens)::bigint as tokens, sum(usd) as usd
    from recon.bridge where month = $month group by all
),
variance as (
    select team, provider, account, model, service_tier, tokens, usd, prior_month, prior_usd, line,
        coalesce(prior_usd, 0) + coalesce(price_usd, 0) + coalesce(cache_hit_usd, 0) + coalesce(mix_usd, 0)
            + coalesce(volume_usd, 0) + coalesce(unpriced_usd, 0) as moved_usd
    from recon.variance where month = $month
)
select team, provider, account, model, service_tier,
    coalesce(bridge.tokens, 0) as bridge_tokens, coalesce(variance.tokens, 0) as variance_tokens,
    coalesce(bridge.usd, 0) as bridge_usd, coalesce(variance.usd, 0) as variance_usd, moved_usd
from bridge full join variance using (team, provider, account, model, service_tier)
where coalesce(bridge.tokens, 0) <> coalesce(variance.tokens, 0)
    or coalesce(bridge.usd, 0) <> coalesce(variance.usd, 0)
    or (prior_month is not null and moved_usd <> coalesce(variance.usd, 0))
    or (prior_month is null and (prior_usd is not null or moved_usd <> 0 or line <> 'no_prior'))
order by all
