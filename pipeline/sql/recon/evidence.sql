-- recon.evidence: one row per step, team, span (or request) and reason.
-- Parameters: $month
-- The claims of a month over all token kinds of a span, with dollars where every kind has a price.
with priced as (
    select claim.*, rate.usd_per_token
    from recon.claim as claim
    left join recon.expected_rate as rate
        using (month, provider, model, service_tier, token_kind)
    where claim.month = $month and claim.tokens <> 0
)
select month, step, team, trace_id, span_id, sum(tokens)::bigint as tokens,
    case when count(usd_per_token) = count(*) then sum(tokens * usd_per_token) end as usd, reason
from priced
group by month, step, team, trace_id, span_id, reason
order by all
