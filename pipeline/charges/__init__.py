"""Hop three line by line: what each billed line is expected to cost, and what the difference is."""
