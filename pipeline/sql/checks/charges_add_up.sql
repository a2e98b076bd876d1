-- Bad rows: lines whose parts are not what they bill, and invoices whose lines do not add up to a component.
-- Parameters: $month
with lines as (
    select * replace (coalesce(expected_usd, 0) as expected_usd, coalesce(invoice_id, '') as invoice_id)
    from recon.charge where month = $month
),
summed as (
    select provider, account, invoice_id, sum(expected_usd) as metered_at_expected_rate,
        sum(quantity_usd) as quantity, sum(price_usd) as price, sum(fee_usd) as fees,
        sum(minimum_usd) as minimums, sum(credit_usd + discount_usd) as credits, sum(tax_usd) as tax,
        sum(currency_usd) as currency, sum(rounding_usd) as rounding, sum(billed_usd) as billed
    from lines group by all
),
found as (
    unpivot summed on columns(* exclude (provider, account, invoice_id)) into name component value lines_usd
),
wanted as (
    select provider, account, coalesce(invoice_id, '') as invoice_id, component, usd as component_usd
    from recon.tieout where month = $month
)
select provider, account, invoice_id, null as line_number, component,
    coalesce(lines_usd, 0) as lines_usd, coalesce(component_usd, 0) as wanted_usd
from found full join wanted using (provider, account, invoice_id, component)
where coalesce(lines_usd, 0) <> coalesce(component_usd, 0)
union all
select provider, account, invoice_id, line_number, 'line', expected_usd + quantity_usd + price_usd + fee_usd
    + minimum_usd + credit_usd + discount_usd + tax_usd + currency_usd + rounding_usd as parts_usd, billed_usd
from lines where parts_usd <> billed_usd
order by all
