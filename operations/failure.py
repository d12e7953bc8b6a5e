"""What ends a command."""

from collections.abc import Sequence


class OperationError(Exception):
    """A reason to stop that a person can act on; its text is all they see."""


class RegctlError(Exception):
    """The registry did not do what was asked of it, in the words of regctl."""

    def __init__(self, words: Sequence[str], text: str) -> None:
        self.is_missing = "[http 404]" in text
        """Whether the registry says that there is no such thing."""
        self.is_refused = "[http 405]" in text
        """Whether the registry does not do such things at all."""
        reason = " ".join(text.split()) or "regctl gave no reason"
        super().__init__(f"regctl {words[0]} {words[1]}: {reason}")
