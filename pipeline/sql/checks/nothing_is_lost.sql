-- Bad rows: files whose records are neither kept nor in quarantine.
with held as (
    select source, uri, count(*)::bigint as quarantined from raw.quarantine group by all
)
select source, uri, rows_read, rows_kept, rows_quarantined, coalesce(quarantined, 0) as in_quarantine
from raw.file left join held using (source, uri)
where rows_read <> rows_kept + rows_quarantined or rows_quarantined <> coalesce(quarantined, 0)
order by all
