"""The scalar values of a configuration that are more than a string or a number."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Self

_UNITS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_TERM = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_LIMIT = 2**63


class Duration(int):
    """A length of time in nanoseconds, written as Go writes it: `1h2m3.5s`, `300ms`; a bare integer means seconds."""

    __slots__ = ()

    @classmethod
    def of(cls, text: str) -> Self:
        """Read `text`; ValueError says what is wrong with it (Go `time.ParseDuration`, Traefik `paerser/types`)."""
        stripped = text.strip()
        if re.fullmatch(r"[+-]?\d+", stripped):
            return cls._checked(int(stripped) * 10**9, text)
        sign, body = (-1, stripped[1:]) if stripped[:1] == "-" else (1, stripped.removeprefix("+"))
        total, position = 0, 0
        while position < len(body):
            term = _TERM.match(body, position)
            if term is None:
                raise ValueError(
                    f"invalid duration {text!r}: expected a number with a unit such as 300ms, 10s or 1h30m"
                )
            whole, _, fraction = term[1].partition(".")
            unit = _UNITS[term[2]]
            total += int(whole or "0") * unit + int(int(fraction or "0") * unit / 10 ** len(fraction))
            position = term.end()
        if not body:
            raise ValueError(f"invalid duration {text!r}: it is empty")
        return cls._checked(sign * total, text)

    @classmethod
    def _checked(cls, nanoseconds: int, text: str) -> Self:
        if not -_LIMIT <= nanoseconds < _LIMIT:
            raise ValueError(f"invalid duration {text!r}: it does not fit in 64 bits of nanoseconds")
        return cls(nanoseconds)

    @property
    def seconds(self) -> float:
        return self / 10**9

    def __str__(self) -> str:
        """As Go prints it: `1h2m3.5s`, `300ms`, `0s`."""
        if self == 0:
            return "0s"
        sign, rest = ("-", -int(self)) if self < 0 else ("", int(self))
        if rest < 10**9:
            unit, size = ("ns", 1) if rest < 10**3 else ("µs", 10**3) if rest < 10**6 else ("ms", 10**6)
            return f"{sign}{_decimal(rest, size)}{unit}"
        minutes, nanoseconds = divmod(rest, 60 * 10**9)
        hours, minutes = divmod(minutes, 60)
        text = f"{_decimal(nanoseconds, 10**9)}s"
        if hours or minutes:
            text = f"{minutes}m{text}"
        return f"{sign}{hours}h{text}" if hours else sign + text

    def __repr__(self) -> str:
        return f"Duration.of({str(self)!r})"


def _decimal(value: int, size: int) -> str:
    whole, rest = divmod(value, size)
    digits = str(rest).rjust(len(str(size)) - 1, "0").rstrip("0")
    return f"{whole}.{digits}" if rest else str(whole)


class FileOrContent(str):
    """A certificate, key, CA or token: the path of a file that holds it, or the text itself."""

    __slots__ = ()

    @property
    def is_path(self) -> bool:
        """Whether the value names an existing file (Traefik `pkg/types/file_or_content.go`)."""
        # A PEM block is longer than a path may be: os.path.isfile answers False for it instead of raising.
        return "\n" not in self and os.path.isfile(self)

    def read(self) -> bytes:
        """The content; OSError when the file cannot be read."""
        return Path(self).read_bytes() if self.is_path else self.encode()
