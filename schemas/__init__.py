"""What a row is: the contracts of every table, and nothing that computes."""
