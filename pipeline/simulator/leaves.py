"""Tokens of one answer in disjoint kinds."""

from typing import NamedTuple

KINDS = ("input_uncached", "cache_read", "cache_write_5m", "cache_write_1h", "cache_write_other", "output")
"""The kinds that the simulated providers sell; every token is in exactly one."""


class Leaves(NamedTuple):
    """Counts by kind, in the order of `KINDS`. Differences may be negative."""

    input_uncached: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    cache_write_other: int = 0
    output: int = 0

    @property
    def input(self) -> int:
        """All input, cached or not: what instrumentations write as input tokens."""
        return sum(self[:5])

    @property
    def writes(self) -> int:
        """Cache writes of all lifetimes."""
        return self.cache_write_5m + self.cache_write_1h + self.cache_write_other

    @property
    def total(self) -> int:
        """Input and output."""
        return sum(self)

    def plus(self, other: "Leaves") -> "Leaves":
        """Return the sum, kind by kind."""
        a, b, c, d, e, f = self
        p, q, r, s, t, u = other
        return Leaves(a + p, b + q, c + r, d + s, e + t, f + u)

    def minus(self, other: "Leaves") -> "Leaves":
        """Return the difference, kind by kind."""
        a, b, c, d, e, f = self
        p, q, r, s, t, u = other
        return Leaves(a - p, b - q, c - r, d - s, e - t, f - u)

    def times(self, factor: int) -> "Leaves":
        """Return every kind multiplied."""
        return Leaves(*(mine * factor for mine in self))


NOTHING = Leaves()
