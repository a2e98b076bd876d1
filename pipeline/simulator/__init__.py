"""A seeded company with known truth; imports nothing else of ours."""
