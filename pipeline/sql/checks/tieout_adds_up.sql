-- Bad rows: invoices whose components do not add up to what was billed, or are not whole cents.
-- Parameters: $month
select provider, account, invoice_id,
    sum(usd) filter (component <> 'billed') as components_usd,
    sum(usd) filter (component = 'billed') as billed_usd
from recon.tieout where month = $month
group by all
having components_usd is distinct from billed_usd or bool_or(usd <> round(usd, 2))
order by all
