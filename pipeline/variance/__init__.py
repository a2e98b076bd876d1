"""Month over month: what moved the cost, budgets, what a unit costs, and the calls that cost most."""
