"""What is wrong with a rule, and where."""

from __future__ import annotations


class RuleError(Exception):
    """A rule that cannot be used. Line and column count from 1, within the text of the rule; 0 is unknown.

    `argument` is the index of the argument at fault, for errors that are found when a matcher is linked.
    """

    def __init__(self, message: str, column: int = 0, line: int = 1, *, argument: int = -1) -> None:
        super().__init__(message)
        self.message = message
        self.column = column
        self.line = line
        self.argument = argument

    def __str__(self) -> str:
        if not self.column:
            return self.message
        place = f"column {self.column}" if self.line == 1 else f"line {self.line}, column {self.column}"
        return f"{place}: {self.message}"


def without_guess(message: str) -> str:
    """A message without what may have been meant instead."""
    return message.partition(" (did you mean ")[0]
