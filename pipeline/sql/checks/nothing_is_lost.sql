-- Bad rows: files whose records are neither kept nor in quarantine, and quarantined rows of no known file.
with held as (
    select source, uri, count(*)::bigint as quarantined from raw.quarantine group by all
)
select source, uri, rows_read, rows_kept, rows_quarantined, coalesce(quarantined, 0) as in_quarantine
from raw.file full join held using (source, uri)
where rows_read is distinct from rows_kept + rows_quarantined
    or coalesce(rows_quarantined, 0) <> coalesce(quarantined, 0)
order by all
