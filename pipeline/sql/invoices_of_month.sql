-- Invoices that have landed. Grain: month of the first day billed, invoice, and content of its file.
select distinct strftime(period_start_on, '%Y-%m') as month, invoice_id, file_id
from raw.invoice
order by all
