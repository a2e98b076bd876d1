"""Months of bills: contracts, lapsed tiers, fees, credits, tax, currencies, and planted price faults."""
