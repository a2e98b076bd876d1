-- Rows of spans and requests. Grain: source and day, in UTC.
-- Parameters: $since, $now
select source, ended_at::date as day, count(*)::bigint as rows from raw.span
where ended_at >= $since and ended_at <= $now group by all
union all
select source, started_at::date, count(*)::bigint from raw.request
where started_at >= $since and started_at <= $now group by all
order by all
