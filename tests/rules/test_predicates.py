"""The language of conditions: what it means, and where each mistake is found."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficcop.rules.predicates import Function, parse_predicate

FUNCTIONS: dict[str, Function[dict[str, object]]] = {
    "Flag": Function((), bool, lambda: lambda state: state["flag"]),
    "Count": Function((), int, lambda: lambda state: state["count"]),
    "Word": Function((), str, lambda: lambda state: state["word"]),
    "Ratio": Function((int, int), float, lambda low, high: lambda state: (low + high) / 10),
    "At": Function((float,), int, lambda quantile: lambda state: int(quantile)),
}
STATE: dict[str, object] = {"flag": True, "count": 3, "word": "GET"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Flag()", True),
        ("(Flag())", True),
        ("Count() == 3", True),
        ("Count() != 3", False),
        ("Count() < 3", False),
        ("Count() <= 3", True),
        ("Count() > 2", True),
        ("Count() >= 4", False),
        ('Word() == "GET"', True),
        ("Word() == `GET`", True),
        ('Word() != "G\\u0045T"', False),
        ("Ratio(1, 2) > 0.2", True),
        ("Ratio(1, 2,) > .5", False),
        ("Ratio(1,2) < 1e3", True),
        ("At(50.0) == 50", True),
        ("Count() > 5 || Flag()", True),
        ("Count() > 5 && Flag()", False),
        ("Flag() || Flag() && Count() > 5", True),
        ("(Flag() || Flag()) && Count() > 5", False),
        ("Count() > 1 && Count() < 5 && Flag()", True),
        ("Count() > 5 || Count() < 1 || Count() == 2", False),
    ],
)
def test_meaning(text: str, expected: bool):
    assert parse_predicate(text, FUNCTIONS)(STATE) is expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1:1: the expression ends too early"),
        ("Flag() &&", "1:10: the expression ends too early"),
        ("Flag(", "1:6: the expression ends too early"),
        ("Flag())", "1:7: unexpected ')'"),
        ("Flag() & Flag()", "1:8: unexpected '&'"),
        ("Nope()", "1:1: unsupported function: Nope"),
        ("Flag() || Nope() > 1", "1:11: unsupported function: Nope"),
        ("Count", "1:1: Count is not defined"),
        ("!Flag()", "1:1: ! is not supported"),
        ("Count() > -1", "1:11: - is not supported"),
        ("Count()", "1:1: expected predicate, got a function that returns int"),
        ("3", "1:1: expected predicate, got int"),
        ("Flag() && Count()", "1:11: expected predicate, got a function that returns int"),
        ("Count() > 0.5", "1:11: expected int, got float64"),
        ("Ratio(1, 2) > 1", "1:15: expected float64, got int"),
        ('Count() == "3"', "1:12: expected int, got string"),
        ('Word() < "A"', "1:1: unsupported argument of <: a function that returns string"),
        ("3 == Count()", "1:1: unsupported argument of ==: int"),
        ("Flag() == 1", "1:1: unsupported argument of ==: a condition"),
        ("Count() == 3 == 3", "1:1: unsupported argument of ==: a condition"),
        ("Count() == Count()", "1:12: expected int, got a function that returns int"),
        ("Ratio(1) > 0.5", "1:1: Ratio takes 2 arguments, not 1"),
        ("At(50) > 1", "1:4: At expects float64, got int"),
        ("At(Count()) > 1", "1:4: At expects float64, got a function that returns int"),
        ("Count() == 010", "1:12: ambiguous number 010"),
        ('Word() == "\\q"', '1:11: failed to parse argument: "\\q"'),
        ("Flag()" + " || Flag()" * 2000, "the expression is too long"),
        ("(" * 200 + "Flag()" + ")" * 200, "the expression is too long"),
    ],
)
def test_mistakes(text: str, message: str):
    with pytest.raises(ValueError) as raised:
        parse_predicate(text, FUNCTIONS)
    assert str(raised.value) == message


@pytest.mark.parametrize("text", ["!" * 9000 + "Flag()", "Count()" + " == 1" * 1500])
def test_depth_is_no_danger(text: str):
    with pytest.raises(ValueError):
        parse_predicate(text, FUNCTIONS)


@given(st.text(alphabet='FlagCount()&|<>=!.,"`0123456789 \\-\n', max_size=40) | st.text(max_size=20))
def test_anything_is_a_condition_or_a_mistake(text: str):
    try:
        test = parse_predicate(text, FUNCTIONS)
    except ValueError:
        return
    assert test(STATE) in (True, False)
