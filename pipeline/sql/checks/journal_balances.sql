-- Bad rows: entries whose debits are not their credits, and invoices that are not posted to the other side
-- (lines without a category) with what they bill.
-- Parameters: $month
with lines as (select * from report.journal where month = $month),
posted as (
    select provider, provider_account as account, invoice_id, sum(credit - debit) as posted_usd
    from lines where entry = 'invoice' and category is null group by all
),
billed as (
    select provider, account, invoice_id, sum(usd) as billed_usd
    from recon.tieout where month = $month and component = 'billed' and invoice_id is not null group by all
)
select entry_id as what, sum(debit) as debit_usd, sum(credit) as credit_usd
from lines group by all having debit_usd <> credit_usd
union all
select 'invoice ' || invoice_id, coalesce(posted_usd, 0), coalesce(billed_usd, 0)
from posted full join billed using (provider, account, invoice_id)
where coalesce(posted_usd, 0) <> coalesce(billed_usd, 0)
order by all
