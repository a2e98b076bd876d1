"""One tree of errors. A message says what, where, how much, and what to do now."""


class TallystickError(Exception):
    """Anything that Tallystick refuses to do."""


class ConfigError(TallystickError):
    """The configuration cannot be used as it is."""


class SourceError(TallystickError):
    """A file cannot be read as what it claims to be; carries what raw.quarantine keeps."""

    def __init__(self, code: str, reason: str, advice: str) -> None:
        super().__init__(f"{reason} {advice}")
        self.code = code
        self.reason = reason
        self.advice = advice


class StorageError(TallystickError):
    """A place cannot be listed, read or written now; carries what a check says of it."""

    def __init__(self, reason: str, advice: str, *, may_pass: bool = False) -> None:
        super().__init__(f"{reason} {advice}")
        self.reason = reason
        self.advice = advice
        self.may_pass = may_pass
        """Whether the same may go well later, with nothing changed here."""


class ContractError(TallystickError):
    """A frame of ours breaks the contract of its table: always a bug."""


class BalanceError(TallystickError):
    """Numbers do not add up: always a bug."""


class WarehouseError(TallystickError):
    """The warehouse cannot be opened, or is held by another process."""


class VocabularyError(TallystickError):
    """Tokens cannot be counted: a vocabulary is missing or damaged."""
