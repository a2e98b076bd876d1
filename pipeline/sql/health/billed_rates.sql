-- What the lines of cost exports and invoices charge for tokens, by month; rates are divided elsewhere.
-- Grain: month, provider, account, model, tier and kind.
-- Parameters: $month
select month, provider, account, model, service_tier, token_kind,
    sum(amount_usd) as usd, sum(quantity) as quantity
from core.billed
where month <= $month and category = 'usage' and model is not null and token_kind is not null
    and quantity is not null and amount_usd is not null
group by all
order by all
