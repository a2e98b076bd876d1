"""The providers, in the order in which they are tried."""
