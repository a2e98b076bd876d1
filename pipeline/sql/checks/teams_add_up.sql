-- Bad rows: teams that are billed another amount than is allocated to them where they executed, and a month
-- whose teams together are billed another amount than its invoices.
-- Parameters: $month
with teams as (
    select team, sum(billed_usd) as team_usd from report.team where month = $month group by all
),
allocated as (
    select team, sum(usd) as wanted_usd from recon.allocation
    where month = $month and view = 'executing' group by all
),
invoices as (
    select coalesce(sum(usd), 0) as wanted_usd from recon.tieout where month = $month and component = 'billed'
)
select team, coalesce(team_usd, 0) as team_usd, coalesce(wanted_usd, 0) as wanted_usd
from teams full join allocated using (team)
where coalesce(team_usd, 0) <> coalesce(wanted_usd, 0)
union all
select null, (select coalesce(sum(team_usd), 0) from teams) as team_usd, wanted_usd
from invoices where wanted_usd <> (select coalesce(sum(team_usd), 0) from teams)
order by all
