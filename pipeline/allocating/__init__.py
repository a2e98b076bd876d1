"""From billed lines to teams: who used what a line charges for, and by which rule the rest is shared."""
