"""Plain rules read without the grammar: the same programs as with it, or none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficcop.rules.names import MATCHERS, Kind, Syntax
from trafficcop.rules.plain import read_plain
from trafficcop.rules.shape import read

PLAIN = [
    "Host(`a`)",
    " host\t( `a` )",
    "Host(`a`) && PathPrefix(`/b`)",
    "Host(`a`)||Host(`b`)&&Path(`/c`)||Method(`GET`)",
    "Header(`a`, `b`) && Query(`c`) && Query(`c` ,`d`) && ClientIP(`::1`) && Path(`/`)",
    " || ".join(f"Host(`{number}`)" for number in range(40)),
]
OTHERS = [
    "",
    "Host",
    "Host()",
    "Host(`a`, `b`)",
    "Host(`a`,)",
    "Host(`a`)\n&& Path(`/b`)",
    "!Host(`a`)",
    "(Host(`a`))",
    "Host(`a`) &&",
    "Host(`a`) & Path(`/b`)",
    "Host(`a`) Path(`/b`)",
    "Hosts(`a`)",
    "Host(``a`)",
    "Host(`a`) // all",
    "Header(`a`)",
]

calls = st.builds(
    "{}{}({})".format,
    st.sampled_from(
        [*sorted({name for known in MATCHERS.values() for name in known}), "host", "HOST", "hOst", "Hos", ""]
    ),
    st.sampled_from(["", " ", "\t", "\n"]),
    st.lists(st.sampled_from(["`a`", " `b`", "`c` ", ""]), max_size=3).map(",".join),
)
joints = st.sampled_from(["&&", " || ", "||", " && ", "&", " ", "\n||", "!"])
rules = st.lists(st.tuples(calls, joints), min_size=1, max_size=6).map(
    lambda parts: "".join(call + joint for call, joint in parts[:-1]) + parts[-1][0]
)


def skeleton_of(text: str) -> str:
    return "\0".join(text.split("`")[0::2])


@pytest.mark.parametrize("text", PLAIN)
def test_plain_rules(text: str) -> None:
    assert read_plain(skeleton_of(text), "http", "v3") == read(text, "http", "v3").program


@pytest.mark.parametrize("text", OTHERS)
def test_everything_else_is_left_to_the_grammar(text: str) -> None:
    assert read_plain(skeleton_of(text), "http", "v3") is None


@given(rules, st.sampled_from(sorted(MATCHERS)))
def test_never_differs_from_the_grammar(text: str, variant: tuple[Kind, Syntax]) -> None:
    program = read_plain(skeleton_of(text), *variant)
    if program is not None:
        assert program == read(text, *variant).program
