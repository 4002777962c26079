"""The tree of a template. `at` is the offset of a node in the text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Constant:
    value: object
    at: int


@dataclass(frozen=True, slots=True)
class Dot:
    at: int


@dataclass(frozen=True, slots=True)
class Variable:
    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Identifier:
    """A function."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Chain:
    """Fields, methods or keys of what `start` gives."""

    start: Operand
    fields: tuple[str, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands, each given the result of the one before; `names` get the last result."""

    commands: tuple[Command, ...]
    names: tuple[str, ...]
    is_declaration: bool
    at: int


@dataclass(frozen=True, slots=True)
class Command:
    operands: tuple[Operand, ...]
    at: int


Operand = Constant | Dot | Variable | Identifier | Chain | Pipeline


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Output:
    pipeline: Pipeline


@dataclass(frozen=True, slots=True)
class Branch:
    """`if` and `with`."""

    pipeline: Pipeline
    body: Body
    otherwise: Body
    sets_dot: bool


@dataclass(frozen=True, slots=True)
class Range:
    pipeline: Pipeline
    body: Body
    otherwise: Body


@dataclass(frozen=True, slots=True)
class Leap:
    """`break` or `continue`."""

    is_break: bool


@dataclass(frozen=True, slots=True)
class Invocation:
    """`template` and `block`."""

    name: str
    pipeline: Pipeline | None
    at: int


Node = Text | Output | Branch | Range | Leap | Invocation
Body = tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Template:
    body: Body
    defined: Mapping[str, Body]
