"""From the text of a template to its tree."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput

from trafficcop.gotemplate.errors import TemplateError
from trafficcop.gotemplate.quoting import unquote
from trafficcop.gotemplate.scan import Piece, line_and_column, scan
from trafficcop.gotemplate.syntax import (
    Body,
    Branch,
    Chain,
    Command,
    Constant,
    Dot,
    Identifier,
    Invocation,
    Leap,
    Node,
    Operand,
    Output,
    Pipeline,
    Range,
    Template,
    Text,
    Variable,
)

_DEEPEST = 100
_OPENERS = {"if_", "with_", "range_", "block", "define"}
_FOLLOWERS = {"end", "else_", "else_if", "else_with"}
_HEX_FLOAT = re.compile(r"[+-]?0[xX].*[pP.]")


@lru_cache(maxsize=1)
def _grammar() -> Lark:
    grammar = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", maybe_placeholders=False, propagate_positions=True)


def parse(text: str, functions: frozenset[str]) -> Template:
    """The tree; TemplateError when the syntax is broken or an unknown function is called."""
    return _Parser(text, functions).template()


class _Parser:
    def __init__(self, text: str, functions: frozenset[str]) -> None:
        self._text = text
        self._functions = functions
        self._pieces = list(scan(text))
        self._next = 0
        self._depth = 0
        self._loops = 0
        self._defined: dict[str, Body] = {}
        self._scope: list[str] = ["$"]

    def template(self) -> Template:
        body, stop, at = self._body()
        if stop is not None:
            raise self._error(f"unexpected {{{{{_word(stop)}}}}}", at)
        return Template(body, self._defined)

    def _error(self, message: str, at: int) -> TemplateError:
        return TemplateError(message, *line_and_column(self._text, at))

    def _body(self) -> tuple[Body, Tree[Token] | None, int]:
        """Nodes up to an `else` or `end`, which is returned, or up to the end of the text."""
        nodes: list[Node] = []
        while self._next < len(self._pieces):
            piece = self._pieces[self._next]
            self._next += 1
            if not piece.is_action:
                nodes.append(Text(piece.content))
                continue
            tree = self._tree(piece)
            if tree.data in _FOLLOWERS:
                return tuple(nodes), tree, piece.at
            node = self._node(tree, piece)
            if node is not None:
                nodes.append(node)
        return tuple(nodes), None, len(self._text)

    def _tree(self, piece: Piece) -> Tree[Token]:
        if _nesting(piece.content) > _DEEPEST:
            raise self._error("parentheses nested too deeply", piece.at)
        try:
            return _grammar().parse(piece.content)
        except UnexpectedInput as error:
            at = getattr(error, "pos_in_stream", None)
            offset = at if isinstance(at, int) and at >= 0 else len(piece.content)
            found = piece.content[offset : offset + 20].split("\n")[0]
            raise self._error(
                f"unexpected {found!r} in action" if found else "incomplete action", piece.at + offset
            ) from None

    def _node(self, tree: Tree[Token], piece: Piece) -> Node | None:
        kind = str(tree.data)
        if kind in _OPENERS:
            self._depth += 1
            if self._depth > _DEEPEST:
                raise self._error("blocks nested too deeply", piece.at)
            node = self._control(kind, tree, piece)
            self._depth -= 1
            return node
        if kind in ("break_", "continue_"):
            if not self._loops:
                raise self._error(f"{{{{{kind[:-1]}}}}} outside {{{{range}}}}", piece.at)
            return Leap(kind == "break_")
        if kind == "template":
            pipeline = self._pipeline(tree.children[1], piece.at) if len(tree.children) > 1 else None
            return Invocation(self._string(tree.children[0], piece.at), pipeline, piece.at)
        return Output(self._pipeline(tree, piece.at))

    def _control(self, kind: str, tree: Tree[Token], piece: Piece) -> Node | None:
        if kind == "define":
            if self._depth > 1:
                raise self._error("unexpected {{define}} inside a block", piece.at)
            self._define(self._string(tree.children[0], piece.at))
            return None
        if kind == "block":
            name = self._string(tree.children[0], piece.at)
            pipeline = self._pipeline(tree.children[1], piece.at)
            self._define(name)
            return Invocation(name, pipeline, piece.at)
        before = len(self._scope)
        names = tree.children[0] if len(tree.children) > 1 else None
        pipeline = self._pipeline(tree.children[-1], piece.at, names)
        if kind == "range_":
            self._loops += 1
            body, stop, at = self._body()
            self._loops -= 1
            node: Node = Range(pipeline, body, self._otherwise(stop, at, piece, kind))
        else:
            body, stop, at = self._body()
            node = Branch(pipeline, body, self._otherwise(stop, at, piece, kind), kind == "with_")
        del self._scope[before:]
        return node

    def _define(self, name: str) -> None:
        scope, self._scope = self._scope, ["$"]
        loops, self._loops = self._loops, 0
        body, stop, at = self._body()
        self._scope, self._loops = scope, loops
        if stop is None or stop.data != "end":
            raise self._error("unexpected {{else}} in a definition" if stop else "unexpected EOF", at)
        if body or name not in self._defined:
            self._defined[name] = body

    def _otherwise(self, stop: Tree[Token] | None, at: int, piece: Piece, kind: str) -> Body:
        if stop is None:
            raise self._error("unexpected EOF: this block has no {{end}}", piece.at)
        if stop.data == "end":
            return ()
        if stop.data == "else_":
            body, last, at = self._body()
            if last is None or last.data != "end":
                raise self._error("expected end; found {{else}}" if last else "unexpected EOF", at)
            return body
        if {"else_if": "if_", "else_with": "with_"}[str(stop.data)] != kind:
            raise self._error(f"unexpected {_word(stop)}", at)
        node = self._node(Tree(kind, stop.children), Piece("", at, True))
        return () if node is None else (node,)

    def _string(self, tree: Any, at: int) -> str:
        return self._unquoted(str(tree.children[0]), at)

    def _unquoted(self, written: str, at: int) -> str:
        try:
            return unquote(written)
        except ValueError as error:
            raise self._error(str(error), at) from None

    def _pipeline(self, tree: Any, base: int, names: Any = None) -> Pipeline:
        given = list(tree.children)
        variables: tuple[str, ...] = ()
        how = ""
        if names is not None:
            first, second, how = names.children
            variables = (str(first), str(second))
        elif isinstance(given[0], Token):
            variables = (str(given[0]),)
            how = given[1]
            del given[:2]
        at = base + (tree.meta.start_pos if not tree.meta.empty else 0)
        commands = tuple(self._command(command, base, index) for index, command in enumerate(given))
        is_declaration = ":" in how
        for name in variables:
            if is_declaration:
                self._scope.append(name)
            elif name not in self._scope:
                raise self._error(f"undefined variable {name!r}", at)
        return Pipeline(commands, variables, is_declaration, at)

    def _command(self, tree: Any, base: int, index: int) -> Command:
        operands = tuple(self._operand(operand, base) for operand in tree.children)
        at = base + tree.meta.start_pos
        if index and isinstance(operands[0], Constant | Dot):
            raise self._error("non executable command in pipeline", at)
        if isinstance(operands[0], Constant) and operands[0].value is None:
            raise self._error("nil is not a command", at)
        return Command(operands, at)

    def _operand(self, tree: Any, base: int) -> Operand:
        at = base + tree.meta.start_pos
        kind = str(tree.data)
        written = str(tree.children[0]) if tree.children and isinstance(tree.children[0], Token) else ""
        match kind:
            case "chain":
                return self._chain(tree, base, at)
            case "field":
                return Chain(Dot(at), (written[1:],), at)
            case "dot":
                return Dot(at)
            case "parenthesised":
                return self._pipeline(tree.children[0], base)
            case "variable" if written not in self._scope:
                raise self._error(f"undefined variable {written!r}", at)
            case "variable":
                return Variable(written, at)
            case "identifier" if written not in self._functions:
                raise self._error(f"function {written!r} not defined", at)
            case "identifier":
                return Identifier(written, at)
        return Constant(self._constant(kind, written, at), at)

    def _chain(self, tree: Any, base: int, at: int) -> Operand:
        start = self._operand(tree.children[0], base)
        fields = tuple(str(field)[1:] for field in tree.children[1:])
        if isinstance(start, Chain) and isinstance(start.start, Dot):
            return Chain(start.start, start.fields + fields, at)
        if isinstance(start, Constant):
            raise self._error(f"unexpected . after term {start.value!r}", at)
        return Chain(start, fields, at)

    def _constant(self, kind: str, written: str, at: int) -> object:
        if kind in ("nil", "true", "false"):
            return {"nil": None, "true": True, "false": False}[kind]
        if kind == "text":
            return self._unquoted(written, at)
        if kind == "character":
            character = self._unquoted('"' + written[1:-1].replace('"', '\\"').replace("\\'", "'") + '"', at)
            if len(character) != 1:
                raise self._error(f"malformed character constant: {written}", at)
            return ord(character)
        try:
            return number(written)
        except (ValueError, OverflowError):
            raise self._error(f"bad number syntax: {written!r}", at) from None


def number(written: str) -> int | float:
    """An int or float64 constant."""
    digits = written.lstrip("+-").lower()
    if _HEX_FLOAT.match(written):
        return float.fromhex(written.replace("_", ""))
    if not digits.startswith("0x") and any(mark in digits for mark in ".e"):
        value = float(written)
        if math.isinf(value):
            raise OverflowError(written)
        return value
    if digits[0] == "0" and digits.strip("0_") and digits[1].isdigit():
        return int(written.replace("_", ""), 8)
    whole = int(written, 0)
    if not -(2**63) <= whole < 2**63:
        raise OverflowError(written)
    return whole


def _nesting(content: str) -> int:
    return content.count("(")


def _word(tree: Tree[Token]) -> str:
    return str(tree.data).replace("_", " ").strip()
