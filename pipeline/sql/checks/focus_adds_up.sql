-- Bad rows: bills whose charges in the columns of FOCUS cost another amount than the tie-out bills.
-- Purchases of credit are no cost of the month; what prepaid credit pays is.
-- Parameters: $month
with charged as (
    select x_Provider as provider, BillingAccountId as account, coalesce(InvoiceId, '') as invoice_id,
        sum(EffectiveCost) as focus_usd
    from report.allocation where month = $month and ChargeCategory <> 'Purchase' group by all
),
billed as (
    select provider, account, coalesce(invoice_id, '') as invoice_id, sum(usd) as billed_usd
    from recon.tieout where month = $month and component = 'billed' group by all
)
select provider, account, invoice_id, coalesce(focus_usd, 0) as focus_usd, coalesce(billed_usd, 0) as billed_usd
from charged full join billed using (provider, account, invoice_id)
where coalesce(focus_usd, 0) <> coalesce(billed_usd, 0)
order by all
