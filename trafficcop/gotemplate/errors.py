"""What goes wrong with a template."""

from __future__ import annotations


class TemplateError(Exception):
    """A template that cannot be rendered, and where; line and column count from 1."""

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        self.message = message
        self.line = line
        self.column = column
        super().__init__(f"{line}:{column}: {message}" if line else message)
