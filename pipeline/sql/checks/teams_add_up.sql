-- Bad rows: a month whose teams together are billed another amount than its invoices.
-- Parameters: $month
with teams as (select coalesce(sum(billed_usd), 0) as team_usd from report.team where month = $month),
invoices as (
    select coalesce(sum(usd), 0) as invoice_usd from recon.tieout where month = $month and component = 'billed'
)
select team_usd, invoice_usd from teams, invoices where team_usd <> invoice_usd
