-- What became of the records of files, by the newest day in the file. Grain: source, kind and day; a file of
-- which no row is kept has no day.
-- Parameters: $since, $now
with newest as (
    select file_id, 'traces' as kind, max(ended_at) as newest_at from raw.span
    where ended_at >= $since and ended_at <= $now group by all
    union all
    select file_id, 'requests', max(started_at) from raw.request
    where started_at >= $since and started_at <= $now group by all
    union all
    select file_id, 'usage', max(bucket_start_at) from raw.usage where bucket_start_at >= $since group by all
    union all
    select file_id, 'cost', max(bucket_start_at) from raw.cost where bucket_start_at >= $since group by all
)
select source, kind, newest_at::date as day,
    sum(rows_read)::bigint as rows_read, sum(rows_quarantined)::bigint as rows_quarantined
from raw.file left join newest using (file_id, kind)
where duplicate_of is null and (newest_at is not null or (rows_kept = 0 and rows_quarantined > 0))
group by all
order by all
