"""Rules as text: the tree they become, or what is said about them."""

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficcop.rules import parse as parse_module
from trafficcop.rules.ast import And, Matcher, Node, Or
from trafficcop.rules.parse import MAX_LENGTH, RuleError, locate, parse
from trafficcop.rules.walk import leaves, operands


def leaf(name: str, *arguments: str, no: bool = False) -> Matcher:
    return Matcher(name, arguments, no)


A, B, C = leaf("Host", "a"), leaf("Path", "/b"), leaf("Method", "GET")
NOT_A, NOT_B, NOT_C = leaf("Host", "a", no=True), leaf("Path", "/b", no=True), leaf("Method", "GET", no=True)

TREES: list[tuple[str, Node]] = [
    ("Host(`a`)", A),
    ('Host("a")', A),
    ("  Host ( `a` , ) \n\n", A),
    ("host(`a`)", A),
    ("HOST(`a`)", A),
    ("Hostregexp(`a`)", leaf("HostRegexp", "a")),
    ("(((Host(`a`))))", A),
    ("!Host(`a`)", NOT_A),
    ("!!Host(`a`)", A),
    ("! ( ! Host(`a`) )", A),
    ("Host(`a`) && Path(`/b`)", And(A, B)),
    ("Host(`a`)&&Path(`/b`)||Method(`GET`)", Or(And(A, B), C)),
    ("Host(`a`) || Path(`/b`) && Method(`GET`)", Or(A, And(B, C))),
    ("(Host(`a`) || Path(`/b`)) && Method(`GET`)", And(Or(A, B), C)),
    ("Host(`a`) && Path(`/b`) && Method(`GET`)", And(And(A, B), C)),
    ("!(Host(`a`) && Path(`/b`))", Or(NOT_A, NOT_B)),
    ("!(Host(`a`) || !(Path(`/b`) || Method(`GET`)))", And(NOT_A, Or(B, C))),
    ("!Host(`a`) && Path(`/b`)", And(NOT_A, B)),
    ("Host(`a`) &&\n  Path(`/b`)", And(A, B)),
    ("Host(\n`a`,\n)", A),
    ("(Host(`a`)\n|| Path(`/b`)\n)", Or(A, B)),
    ("Host(`a`) // ` who ' knows \"\n", A),
    ("/* Path(`/`) */ Host(/* \n */`a`)", A),
    ("Host(`a`) /* no\nbreak before it */", A),
    ("Header(`X`, `a\\d`)", leaf("Header", "X", "a\\d")),
    ("Header(`X`, `a\nb\r`)", leaf("Header", "X", "a\nb")),
    ('Header(`X`, "a`\'b")', leaf("Header", "X", "a`'b")),
    (r'Header(`X`, "\a\b\f\n\r\t\v\\\"")', leaf("Header", "X", '\a\b\f\n\r\t\v\\"')),
    (r'Header(`X`, "\101\x42\u0043\U00000044")', leaf("Header", "X", "ABCD")),
    (r'Header(`X`, "\xc3\xa9\xff")', leaf("Header", "X", "é\udcff")),
    ("Query(`a`)", leaf("Query", "a")),
    ("Query(`a`, `b`)", leaf("Query", "a", "b")),
    ("Header(`X`, `é`)", leaf("Header", "X", "é")),
]


@pytest.mark.parametrize(("text", "tree"), TREES)
def test_tree(text: str, tree: Node) -> None:
    assert parse(text) == tree
    assert parse(text) == tree  # the second time without the grammar


MISTAKES = [
    ("", 1, 1, "the rule is empty"),
    (" \n ", 2, 2, "the rule is empty"),
    ("Host", 1, 5, "Name(`…`)"),
    ("Host(", 1, 6, "`)` is missing"),
    ("Host(`a`", 1, 9, "`)` is missing"),
    ("(Host(`a`)", 1, 11, "`)` is missing"),
    ("Host(`a`) &&", 1, 13, "is missing"),
    ("Host(`a`) && !", 1, 15, "is missing"),
    ("Host(`a`))", 1, 10, "there is no `(` for it"),
    ("Host(`a", 1, 6, "not terminated"),
    ('Host("a', 1, 6, "not terminated"),
    ("Host(`a`) /* b", 1, 11, "comment not terminated"),
    ("Host()", 1, 1, "no args for matcher Host"),
    ("Path(`/`) && Host(``)", 1, 19, "empty args for matcher Host"),
    ("Header(`a`, ``)", 1, 13, "empty args for matcher Header"),
    ("Host(`a`, `b`)", 1, 6, "ruleSyntax: v2"),
    ("Header(`a`)", 1, 8, "got 1, expected 2"),
    ("Query(`a`, `b`, `c`)", 1, 12, "got 3, expected 1 or 2"),
    ("Host(a.example.com)", 1, 7, "a.example.com has to be written in backticks"),
    ("Path(/a)", 1, 6, "backticks"),
    ("Host(localhost)", 1, 6, "not defined"),
    ("ClientIP(10.0.0.1)", 1, 10, "is a number"),
    ("Host('a.b')", 1, 6, "single quotes, write `a.b` in backticks"),
    ('PathRegexp("\\.php")', 1, 13, "escape sequence \\. "),
    ('PathRegexp("\\400")', 1, 13, "escape sequence"),
    ('PathRegexp("\\ud800")', 1, 13, "escape sequence"),
    ("Hots(`a`)", 1, 1, "unsupported function: Hots (did you mean Host?)"),
    ("hostSNI(`a`)", 1, 1, "unsupported function: hostSNI"),
    ("hostRegexp(`a`)", 1, 1, "did you mean HostRegexp?"),
    ("Headers(`a`, `b`)", 1, 1, "in the v3 syntax it is Header"),
    ("HostSNI(`a`)", 1, 1, "TCP"),
    ("Xyzzy(`a`)", 1, 1, "known are ClientIP, Header"),
    ("Host(`a`) & Path(`/`)", 1, 11, "write `&&`"),
    ("Host(`a`) | Path(`/`)", 1, 11, "write `||`"),
    ("Host(`a`) AND Path(`/`)", 1, 11, "write `&&`"),
    ("not Host(`a`)", 1, 5, "Name(`…`)"),
    ("Host(`a`) Path(`/`)", 1, 11, "`&&` or `||` is expected"),
    ("Host(`a`) == `b`", 1, 11, "`&&` or `||` is expected"),
    ("Host(`a` `b`)", 1, 10, "`,` or `)` is expected"),
    ("Host(Path(`/`))", 1, 10, "is expected"),
    ("Host(,)", 1, 6, "an argument in backticks is expected"),
    ("`a`", 1, 1, "alone is no rule"),
    ("12", 1, 1, "alone is no rule"),
    ("Host(`a`)\n&& Path(`/b`)", 1, 10, "line break ends the rule"),
    ("Host(`a`) // b\n&& Path(`/b`)", 1, 10, "line break ends the rule"),
    ("Host(`a`) /*\n*/ && Path(`/b`)", 1, 10, "line break ends the rule"),
    ("Host(`a`) &&\n  Pfad(`/b`)", 2, 3, "unsupported function: Pfad"),
    ("*", 1, 1, "is expected"),
    ("Host(`a`)\x0b", 1, 10, "is expected"),
    ("Host(`\ud800`)", 1, 7, "not valid Unicode"),
]


@pytest.mark.parametrize(("text", "line", "column", "words"), MISTAKES)
def test_mistake(text: str, line: int, column: int, words: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse(text)
    assert words in caught.value.message
    assert (caught.value.line, caught.value.column) == (line, column)


def test_error_text_tells_the_place() -> None:
    assert str(RuleError("wrong", 3)) == "column 3: wrong"
    assert str(RuleError("wrong", 3, 2)) == "line 2, column 3: wrong"
    assert str(RuleError("wrong")) == "wrong"


def test_v2_takes_lists() -> None:
    assert parse("Host(`a`, `b`)", syntax="v2") == leaf("Host", "a", "b")
    assert parse("HeadersRegexp(`a`, `b`)", syntax="v2") == leaf("HeadersRegexp", "a", "b")
    with pytest.raises(RuleError, match="a matcher of the v3 syntax"):
        parse("PathRegexp(`a`)", syntax="v2")


def test_tcp() -> None:
    everything = leaf("HostSNI", "*")
    assert parse("HostSNI(`*`)", "tcp") == everything
    assert parse(" * ", "tcp") == everything
    assert parse("*", "tcp", "v2") == everything
    assert parse("hostsni(`a`) && !ALPN(`h2`)", "tcp") == And(leaf("HostSNI", "a"), leaf("ALPN", "h2", no=True))
    with pytest.raises(RuleError, match="unsupported function: Host "):
        parse("Host(`a`)", "tcp")
    with pytest.raises(RuleError, match="got 2, expected 1"):
        parse("HostSNI(`a`, `b`)", "tcp")
    assert parse("HostSNI(`a`, `b`)", "tcp", "v2") == leaf("HostSNI", "a", "b")


def test_thousands_of_alternatives_make_a_shallow_tree() -> None:
    rule = " || ".join(f"Host(`h{number}.example.com`)" for number in range(5000))
    node = parse(rule)
    assert [member.arguments[0] for member in leaves(node)] == [f"h{number}.example.com" for number in range(5000)]
    assert len(operands(node, Or)) == 5000
    assert pickle.loads(pickle.dumps(node)) == node


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100_000,
        "(" * 5000 + "Host(`a`)" + ")" * 5000,
        "!(" * 5000 + "Host(`a`)" + ")" * 5000,
        "(Host(`a`) || Host(`b`) && " * 2000 + "Host(`a`)" + ")" * 2000,
        "Host(`a`) ||" * 200_000,
    ],
)
def test_what_is_too_much_is_refused(text: str) -> None:
    with pytest.raises(RuleError):
        parse(text)


def test_deepest_tree_can_be_pickled() -> None:
    text = "Path(`/x`)"
    while True:
        longer = f"Host(`a`) && Host(`b`) && ({text} || Host(`c`) || Host(`d`))"
        try:
            parse(longer)
        except RuleError as error:
            reason = error.message
            break
        text = longer
    assert "nested" in reason
    node = parse(text)
    assert pickle.loads(pickle.dumps(node)) == node


def test_many_negations() -> None:
    assert parse("!" * 10_001 + "Host(`a`)") == NOT_A


def test_length_is_limited() -> None:
    with pytest.raises(RuleError, match="longer than"):
        parse("Host(`" + "a" * MAX_LENGTH + "`)")


def test_place_of_an_argument() -> None:
    text = "Host(`a`) &&\n !(PathRegexp(`/b`) || HeaderRegexp(`c`, `d`))"
    assert locate(text, "http", "v3", 0, 0) == (1, 6)
    assert locate(text, "http", "v3", 1, 0) == (2, 15)
    assert locate(text, "http", "v3", 2, 1) == (2, 42)
    assert locate(text, "http", "v3", 2, -1) == (2, 37)


def test_skeletons_are_forgotten_before_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse_module, "_SKELETONS_LIMIT", 3)
    parse_module._skeletons.clear()
    for spaces in range(10):
        assert parse(" " * spaces + "Host(`a`)") == A
        assert len(parse_module._skeletons) <= 3


# Random rules: a list of tokens that is often, but not always, a rule.
TOKENS = [
    "Host",
    "(",
    ")",
    "`",
    "a",
    "`a`",
    '"',
    '"b"',
    "'",
    "&&",
    "||",
    "!",
    ",",
    " ",
    "\n",
    "\r",
    "\0",
    "//",
    "/*",
    "*/",
]
TEXTS = st.lists(st.sampled_from([*TOKENS, "Host(`a`)", "Path(`/x`)", "Header(`X`, `y`)"]), max_size=14).map("".join)


def outcome(text: str, **options: Any) -> Node | tuple[str, int, int]:
    try:
        return parse(text, **options)
    except RuleError as error:
        return error.message, error.line, error.column


@given(TEXTS)
def test_fast_way_gives_what_the_slow_way_gives(text: str) -> None:
    parse_module._skeletons.clear()
    slow = outcome(text)
    assert outcome(text) == slow
    # And with a skeleton that another rule has left there.
    for other in (
        "Host(`a`)",
        "Host(`a`) && Path(`/x`)",
        text.replace("a", "b"),
        text.replace("\r", "").replace("\0", ""),
    ):
        outcome(other)
    assert outcome(text) == slow


@given(st.text(max_size=60) | TEXTS, st.sampled_from(["http", "tcp"]), st.sampled_from(["v2", "v3"]))
def test_any_text_gives_a_tree_or_a_rule_error(text: str, kind: str, syntax: str) -> None:
    result = outcome(text, kind=kind, syntax=syntax)
    if isinstance(result, tuple):
        message, line, column = result
        lines = text.split("\n")
        assert message
        assert 1 <= line <= len(lines)
        assert 1 <= column <= len(lines[line - 1]) + 1
