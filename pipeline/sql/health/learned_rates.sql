-- What calibration learned, by month. Grain: month and rate.
-- Parameters: $month
select month, rate, steps, posterior, posterior_error, is_separable from recon.rate where month <= $month
order by month, rate
