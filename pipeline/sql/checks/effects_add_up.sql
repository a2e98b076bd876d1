-- Bad rows: billed lines whose price effects do not add up to their price.
-- Parameters: $month
with effects as (
    select provider, account, coalesce(invoice_id, '') as invoice_id, line_number, sum(usd) as effects_usd
    from recon.price_effect where month = $month group by all
),
prices as (
    select provider, account, coalesce(invoice_id, '') as invoice_id, line_number, sum(price_usd) as price_usd
    from recon.charge where month = $month group by all
)
select provider, account, invoice_id, line_number,
    coalesce(effects_usd, 0) as effects_usd, coalesce(price_usd, 0) as price_usd
from effects full join prices using (provider, account, invoice_id, line_number)
where coalesce(effects_usd, 0) <> coalesce(price_usd, 0)
order by all
