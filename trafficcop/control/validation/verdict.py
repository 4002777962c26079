"""What `--validate` finds: as lines for people, as one JSON object for programs, as an exit code for scripts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from trafficcop.config.lazy import dataclass
from trafficcop.errors import Issue

_GUESS = re.compile(r" \((did you mean [^()]*\?)\)$")
_ADVICE = re.compile(r"^(deprecated|removed): (.+)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Everything that is wrong, everything that is worth knowing, and how much there is of what."""

    errors: tuple[Issue, ...]
    warnings: tuple[Issue, ...]
    counts: Mapping[str, int]

    @property
    def is_valid(self) -> bool:
        return not self.errors

    def exit_code(self, *, is_strict: bool = False) -> int:
        """1 for errors; 2 for warnings, where they count."""
        if self.errors:
            return 1
        return 2 if is_strict and self.warnings else 0

    def lines(self) -> Iterator[str]:
        """One line for each thing there is to say, whatever a value holds; errors first."""
        for issue in self.errors:
            yield _line(str(issue))
        for issue in self.warnings:
            yield f"warning: {_line(str(issue))}"

    def summary(self) -> str:
        """`2 entry points, 3 routers, 1 service, 0 middlewares: valid, 1 warning`"""
        objects = ", ".join(_counted(count, word) for word, count in self.counts.items())
        outcome = "valid" if self.is_valid else _counted(len(self.errors), "error")
        return f"{objects}: {outcome}, {_counted(len(self.warnings), 'warning')}"

    def json(self) -> str:
        """`errors`, `warnings` and `summary`."""
        summary: dict[str, Any] = {"valid": self.is_valid, "errors": len(self.errors), "warnings": len(self.warnings)}
        summary |= {_camel(f"{word}s"): count for word, count in self.counts.items()}
        found = {
            "errors": [_object(issue) for issue in self.errors],
            "warnings": [_object(issue) for issue in self.warnings],
            "summary": summary,
        }
        # What is no Unicode in a file name is no JSON either.
        return json.dumps(found, indent=2, ensure_ascii=False).encode("utf-8", "replace").decode()


def _object(issue: Issue) -> dict[str, Any]:
    """Every member is there: null where nothing is known."""
    position = issue.position
    message, hint = split_hint(issue.message)
    return {
        "file": position.source or None,
        "line": position.line or None,
        "column": position.column or None,
        "path": issue.path or None,
        "message": message,
        "hint": hint or None,
    }


def split_hint(message: str) -> tuple[str, str]:
    """What is wrong, and what to do about it if the message says that at its end."""
    guess = _GUESS.search(message)
    if guess is not None:
        return message[: guess.start()], guess[1]
    advice = _ADVICE.match(message)
    return (advice[1], advice[2]) if advice is not None else (message, "")


def _line(text: str) -> str:
    return " ".join(text.split("\n"))


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _camel(words: str) -> str:
    first, *rest = words.split(" ")
    return first + "".join(map(str.capitalize, rest))
