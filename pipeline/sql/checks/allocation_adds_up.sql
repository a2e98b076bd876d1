-- Bad rows: lines whose shares are not what they bill, in either view, and parts of a cent of a team on a bill.
-- Parameters: $month
with views as (select unnest(['executing', 'initiating']) as view),
shares as (
    select * replace (coalesce(invoice_id, '') as invoice_id) from recon.allocation where month = $month
),
lines as (
    select view, provider, account, coalesce(invoice_id, '') as invoice_id, line_number, billed_usd
    from recon.charge, views where month = $month
),
shared as (
    select view, provider, account, invoice_id, line_number, sum(usd) as shared_usd from shares group by all
),
parts as (
    select view, provider, account, invoice_id, team, sum(usd) as part_usd from shares group by all
)
select view, provider, account, invoice_id, line_number, null as team,
    coalesce(shared_usd, 0) as shared_usd, coalesce(billed_usd, 0) as wanted_usd
from lines full join shared using (view, provider, account, invoice_id, line_number)
where coalesce(shared_usd, 0) <> coalesce(billed_usd, 0)
union all
select view, provider, account, invoice_id, null, team, part_usd, round(part_usd, 2)::decimal(38, 12)
from parts where part_usd <> round(part_usd, 2)
order by all
