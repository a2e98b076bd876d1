-- Files that hold rows of a stretch of time, or bill for it. Grain: kind and content. Days count whole.
select distinct 'traces' as kind, file_id from raw.span where ended_at >= $start and ended_at < $end
union
select distinct 'usage' as kind, file_id from raw.usage where bucket_end_at > $start and bucket_start_at < $end
union
select distinct 'cost' as kind, file_id from raw.cost where bucket_end_at > $start and bucket_start_at < $end
union
select distinct 'requests' as kind, file_id from raw.request where started_at >= $start and started_at < $end
union
select distinct 'invoice' as kind, file_id from raw.invoice
where period_end_on > $start::date and period_start_on < $end::date
order by all
