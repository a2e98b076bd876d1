-- The bridge of months that were closed before: one row per month, team, line, kind and step.
-- Parameters: $first, $month
select month, team, provider, account, model, service_tier, token_kind, step,
    sum(tokens)::bigint as tokens,
    coalesce(sum(tokens) filter (where usd is null), 0)::bigint as unpriced_tokens,
    sum(usd) as usd
from recon.bridge where month >= $first and month < $month
group by all order by all
