-- Bad rows: invoices whose charges in FOCUS and whose printed lines differ by more than half a cent, or which
-- one side lacks. Both sides are grouped by InvoiceId before they meet, and nothing is filtered afterwards
-- that would drop a side. A voided invoice charges nothing. Accounts of which no bill could be tied out
-- have no charges at all; a finding says why.
-- Parameters: $month
with charged as (
    select InvoiceIssuerName, BillingAccountId, InvoiceId, sum(BilledCost) as charged_usd
    from report.allocation where month = $month and InvoiceId is not null group by all
),
printed as (
    select InvoiceIssuerName, BillingAccountId, InvoiceId, sum(BilledCost) as printed_usd,
        bool_and(BilledCost is not null) as is_known
    from report.invoice_detail where month = $month and InvoiceIssueStatus <> 'Voided' group by all
),
tied as (
    select distinct x_Provider, BillingAccountId
    from report.allocation where month = $month and ChargeCategory <> 'Purchase'
),
expected as (
    select distinct InvoiceIssuerName, BillingAccountId, InvoiceId
    from report.invoice_detail semi join tied using (x_Provider, BillingAccountId) where month = $month
),
met as (
    select InvoiceIssuerName, BillingAccountId, InvoiceId, charged_usd, printed_usd,
        coalesce(is_known, true) as is_known
    from charged full join printed using (InvoiceIssuerName, BillingAccountId, InvoiceId)
)
select InvoiceIssuerName, BillingAccountId, InvoiceId, charged_usd, printed_usd
from met left join expected using (InvoiceIssuerName, BillingAccountId, InvoiceId)
where charged_usd is not null and not (is_known and abs(charged_usd - coalesce(printed_usd, 0)) <= 0.005)
    or charged_usd is null and expected.InvoiceId is not null and coalesce(printed_usd, 0) <> 0
order by all
