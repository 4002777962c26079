"""Expressions that any engine matches in linear time: those in which every repetition has only one place to end.

Python's own engine is several times as quick as RE2 with short texts, but it backtracks, and users write expressions
that it would never come back from. So it is given those only where there is nothing to go back to: a sequence of
characters and classes, some of them repeated, each repetition of characters that cannot stand where it ends. What such
an expression means is read here, not by Python, whose syntax is another one.
"""

from __future__ import annotations

import re
from typing import Final

_PIECE: Final = re.compile(
    r"""
    (?:(?P<open>\() (?![?*+{]) | (?P<close>\))
      | (?: (?P<any>\.)
          | \\(?P<escaped>[dw./\\+*?()|\[\]{}^$-])
          | \[(?P<not>\^?)(?P<members>(?:[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9_/.,:;=@%!\#])+-?)\]
          | (?P<plain>[A-Za-z0-9_/:;=@%!\#,~&'"\ -])
        ) (?P<times>[*+]?)
    ) (?![*+?{])
    """,
    re.VERBOSE,
).match
_RANGE: Final = re.compile(r"(.)-(.)|(.)").finditer
_OTHERS: Final = 128  # stands for all bytes beyond ASCII, which only "." and classes that exclude others have
_ALL: Final = frozenset(range(_OTHERS + 1))
_DIGITS: Final = frozenset(b"0123456789")
_WORD: Final = _DIGITS | frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")


def linear(expression: str) -> re.Pattern[bytes] | None:
    """What matches as the expression does at the start of a text, None if it is not of that kind."""
    body = expression.removeprefix("^")
    is_to_the_end = body.endswith("$") and not body.endswith("\\$")
    if is_to_the_end:
        body = body[:-1]
    parts: list[bytes] = []
    repeated: list[tuple[frozenset[int], str]] = []
    position = depth = 0
    while position < len(body):
        piece = _PIECE(body, position)
        if piece is None:
            return None
        position = piece.end()
        if piece["open"] or piece["close"]:
            depth += 1 if piece["open"] else -1
            parts.append(b"(" if piece["open"] else b")")
        else:
            characters, times = _characters(piece), piece["times"]
            # One character beyond ASCII is several bytes: a class must take all of them.
            if _OTHERS in characters and not times:
                return None
            repeated.append((characters, times))
            parts.append(_class(characters) + times.encode())
        if depth < 0:
            return None
    if depth or not _is_certain(repeated):
        return None
    return re.compile(b"".join(parts) + (rb"\Z" if is_to_the_end else b""))


def _characters(piece: re.Match[str]) -> frozenset[int]:
    if piece["any"]:
        return _ALL - {0x0A}
    if piece["escaped"]:
        return {"d": _DIGITS, "w": _WORD}.get(piece["escaped"]) or frozenset((ord(piece["escaped"]),))
    if piece["plain"]:
        return frozenset((ord(piece["plain"]),))
    members: set[int] = set()
    for found in _RANGE(piece["members"]):
        if found[3]:
            members.add(ord(found[3]))
        else:
            members.update(range(ord(found[1]), ord(found[2]) + 1))
    return _ALL - members if piece["not"] else frozenset(members)


def _class(characters: frozenset[int]) -> bytes:
    is_negative = _OTHERS in characters
    listed = sorted(_ALL - characters if is_negative else characters)
    return b"[" + (b"^" if is_negative else b"") + b"".join([b"\\x%02x" % code for code in listed]) + b"]"


def _is_certain(repeated: list[tuple[frozenset[int], str]]) -> bool:
    """Whether no character that may follow a repetition could be one more of it."""
    for index, (characters, times) in enumerate(repeated):
        if not times:
            continue
        for following, following_times in repeated[index + 1 :]:
            if characters & following:
                return False
            if following_times != "*":
                break
    return all(characters for characters, _ in repeated)
