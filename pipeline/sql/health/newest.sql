-- How far every source reaches. Grain: source, kind and provider (null for traces). What lies in the future
-- is the mistake of a clock, and says nothing.
-- Parameters: $now
select source, 'traces' as kind, null::varchar as provider, max(ended_at) as newest_at
from raw.span where ended_at <= $now group by all
union all
select source, 'requests', provider, max(started_at) from raw.request where started_at <= $now group by all
union all
select source, 'usage', provider, max(bucket_end_at) from raw.usage
where not is_empty and bucket_start_at <= $now group by all
union all
select source, 'cost', provider, max(bucket_end_at) from raw.cost
where not is_empty and bucket_start_at <= $now group by all
union all
select source, 'invoice', provider, max(period_end_on)::timestamp::timestamptz from raw.invoice
where period_start_on <= $now::date group by all
