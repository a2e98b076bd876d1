"""From spans to calls: recognising, reading counts, and finding which spans report on one call."""
