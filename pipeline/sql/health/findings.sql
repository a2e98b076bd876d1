-- Findings of the month.
-- Parameters: $month
select code, severity, provider, account, message, advice from recon.finding where month = $month order by all
