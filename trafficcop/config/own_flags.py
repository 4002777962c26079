"""Flags of a command, taken out of a command line before the options of the configuration are read from it."""

from __future__ import annotations

from collections.abc import Sequence


class BadFlagError(Exception):
    """A flag of a command with a value that it cannot have; the text is for people."""


def take_switch(arguments: list[str], name: str) -> bool:
    """Whether `--name` is there; it is removed."""
    words = (f"--{name}", f"-{name}", f"--{name}=true", f"-{name}=true")
    found = [word for word in arguments if word in words]
    arguments[:] = [word for word in arguments if word not in words]
    return bool(found)


def take_choice(arguments: list[str], name: str, known: Sequence[str]) -> str:
    """The value of `--name`, which is removed; the first of those that are known unless it is given.

    BadFlagError for a value that is not known, or for none.
    """
    chosen = known[0]
    index = 0
    while index < len(arguments):
        word, equals, value = arguments[index].partition("=")
        if word not in (f"--{name}", f"-{name}"):
            index += 1
            continue
        end = index + (1 if equals else 2)
        chosen = value if equals else "".join(arguments[index + 1 : end])
        del arguments[index:end]
    if chosen not in known:
        raise BadFlagError(f"--{name}: {chosen!r} is not known: use {' or '.join(known)}")
    return chosen
