-- recon.evidence: one row per step, team, span (or request) and reason.
-- Parameters: $month
-- The claims of a month over all token kinds of a span, with dollars where every kind has a price.
with priced as (
    select claim.*, rate.usd_per_token
    from recon.claim as claim
    left join recon.expected_rate as rate
        on rate.month = claim.month and rate.provider = claim.provider and rate.account = claim.account
            and rate.model = claim.model and rate.service_tier = claim.service_tier
            and rate.token_kind = claim.token_kind and rate.context = 'all' and rate.geography = 'all'
            and least(claim.bucket_start_at::date, last_day(strptime($month, '%Y-%m')::date))
                >= rate.valid_from
            and least(claim.bucket_start_at::date, last_day(strptime($month, '%Y-%m')::date))
                < rate.valid_to
    where claim.month = $month and claim.tokens <> 0
)
select month, step, team, trace_id, span_id, sum(tokens)::bigint as tokens,
    case when count(usd_per_token) = count(*) then sum(tokens * usd_per_token) end as usd, reason
from priced
group by month, step, team, trace_id, span_id, reason
order by all
