"""The workbook of a month: the figures of the pages as numbers and formulas."""
