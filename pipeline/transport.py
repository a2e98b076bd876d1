"""What carries a mail to a server, and the three ways in which that ends."""

from collections.abc import Callable
from typing import Protocol

from pipeline.stored import printable

_LENGTH = 200


class NotTaken(Exception):  # noqa: N818  (it is one of the ends, and no bug)
    """The server did not take the mail, certainly."""

    def __init__(self, reason: str, *, is_final: bool = False, is_of_all: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_final = is_final
        """Whether trying again would end the same way."""
        self.is_of_all = is_of_all
        """Whether no other mail would be taken either."""


class Undecided(Exception):  # noqa: N818
    """The whole mail was on its way and no answer came: nobody here knows whether the server took it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Transport(Protocol):
    """A way to a server."""

    def deliver(self, sender: str, to: str, data: bytes, leaving: Callable[[], None]) -> str:
        """Give a mail to the server and return its answer.

        `leaving` is called once, at the last moment at which the server cannot have taken it.

        Raises:
            NotTaken: the server did not take it.
            Undecided: nobody knows.
        """

    def close(self) -> None:
        """Say goodbye; never raises."""


def told(answer: str | bytes) -> str:
    """Return what a server said, on one line and short."""
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    line = " ".join(text.split())[:_LENGTH]
    return "".join(char if char.isprintable() else printable(char) for char in line)
