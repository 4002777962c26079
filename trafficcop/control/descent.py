"""Checking objects that refer to one another: each once, circles found, and no end of nesting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from trafficcop.control.ledger import Entry, Ledger

T = TypeVar("T")

_DEEPEST = 100


class Descent(Generic[T]):
    """The checks of one kind of objects ("service", "middleware"). `stack`: what is being checked now, of all kinds."""

    def __init__(self, kind: str, stack: list[str], ledger: Ledger) -> None:
        self.results: dict[str, str] = {}  # by qualified name: why it cannot be used, "" when it can
        self._kind = kind
        self._stack = stack
        self._ledger = ledger

    def follow(self, name: str, entry: Entry[T], check: Callable[[Entry[T]], str]) -> str:
        """What `check` says of an object that is looked at for the first time; it may follow others."""
        if entry.is_disabled:  # it could not be decoded
            return ", ".join(entry.errors)
        frame = f"{self._kind}:{name}"
        if frame in self._stack:
            trail = "->".join([*self._stack, frame])
            text = f"could not instantiate {self._kind} {name}: recursion detected in {trail}"
            return self._ledger.fail(entry, text)
        if len(self._stack) >= _DEEPEST:
            return self._ledger.fail(entry, f"services and middlewares are nested more than {_DEEPEST} deep")
        self._stack.append(frame)
        result = check(entry)
        self._stack.pop()
        self.results[name] = result
        return result
