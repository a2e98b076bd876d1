-- Models that usage exports, logs and bills name. Grain: provider, account, model.
-- Parameters: $counted, to leave out what cost exports name on lines that count no tokens
select provider, account, model from raw.usage where model is not null
union
select provider, account, model from raw.request where model is not null
union
select provider, account, model from raw.cost
where model is not null and (not $counted or (cost_type = 'tokens' and quantity is not null))
union
select provider, account, model from raw.invoice where model is not null
