"""What a syntax error in a rule probably means, in words that help."""

from __future__ import annotations

import re

from lark import Token, UnexpectedToken

from trafficcop.rules.errors import RuleError

_WORD = re.compile(r"[^\s,()`\"'&|]+")
_OPERATORS = {
    "&": "`&` is not an operator of rules, write `&&`",
    "|": "`|` is not an operator of rules, write `||`",
    "and": "write `&&` for “and”",
    "or": "write `||` for “or”",
    "not": "write `!` for “not”",
}


def explain(text: str, error: UnexpectedToken) -> RuleError:
    """A RuleError at the place where a rule stopped making sense."""
    token: Token = error.token
    if token.type == "$END":
        lines = text.split("\n")
        return RuleError(_at_end(text, error.expected), len(lines[-1]) + 1, len(lines))
    return RuleError(_message(text, token, error.expected), token.column or 1, token.line or 1)


def _at_end(text: str, expected: set[str]) -> str:
    if not text.strip():
        return "the rule is empty"
    if "RAW" in expected or "_COMMA" in expected or ("_RIGHT" in expected and "NAME" not in expected):
        return "unexpected end of the rule: `)` is missing"
    if "_LEFT" in expected and "NAME" not in expected:
        return "unexpected end of the rule: a matcher is written Name(`…`)"
    return "unexpected end of the rule: a matcher such as Host(`example.com`) is missing"


def _message(text: str, token: Token, expected: set[str]) -> str:
    if token.type == "OPEN_TEXT":
        return "string literal not terminated: the closing quote is missing"
    if token.type == "OPEN_COMMENT":
        return "comment not terminated: `*/` is missing"
    if token.type == "SEMICOLON":
        return "the line break ends the rule here: write `&&` or `||` at the end of the line, or parentheses around all"
    if "RAW" in expected:
        return f"an argument in backticks is expected, found {token}"
    if "_COMMA" in expected:
        return _after_argument(text, token)
    if "_OR" in expected or "$END" in expected:
        return _after_operand(token)
    if "NAME" in expected:
        return _instead_of_operand(token)
    return f"unexpected {token}: a matcher is written Name(`…`)"


def _after_argument(text: str, token: Token) -> str:
    """Most often an argument without quotes, which ends at the first character that is not of a word."""
    end = token.start_pos or 0
    start = max(text.rfind(mark, 0, end) for mark in "(,") + 1
    word = _WORD.match(text, start + len(text[start:end]) - len(text[start:end].lstrip()))
    if word is not None and word.end() > end:
        return f"{word[0]} has to be written in backticks: `{word[0]}`"
    return f"`,` or `)` is expected after an argument, found {token}"


def _after_operand(token: Token) -> str:
    if token.type == "_RIGHT":
        return "unexpected `)`: there is no `(` for it"
    hint = _OPERATORS.get(token.lower())
    return hint or f"`&&` or `||` is expected, found {token}"


def _instead_of_operand(token: Token) -> str:
    if token.type in ("RAW", "TEXT", "RUNE", "NUMBER"):
        return f"{token} alone is no rule: a matcher such as Host(`example.com`) is expected"
    hint = _OPERATORS.get(token.lower())
    return hint or f"a matcher such as Host(`example.com`) is expected, found {token}"
