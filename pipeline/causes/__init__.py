"""The drift causes. Each is independent of the others; the balance makes them compete for the same tokens."""
