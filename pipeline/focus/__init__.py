"""The month in the words of FOCUS: charges after 1.2, invoices and billing periods after 1.4."""
