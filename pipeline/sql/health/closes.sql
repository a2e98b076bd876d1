-- Sizes of the months up to this one. Grain: month.
-- Parameters: $month
select month, span_count, call_count, metered_tokens, billed_usd from report.close where month <= $month
order by month
