"""The YAML reader: what it builds, what it refuses and where."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficcop.config.sources import load_file, load_text
from trafficcop.config.syntax.yaml_reader import DEEPEST, read_yaml
from trafficcop.errors import ConfigurationError, Issue


def _refused(text: str) -> Issue:
    with pytest.raises(ConfigurationError) as caught:
        load_text(text, "yaml", "a.yml")
    (issue,) = caught.value.issues
    return issue


@pytest.mark.parametrize("written", ["1.10", "010", "1_000", "yes", "2026-01-02", "0x1F", "1e3", "TRUE", "+1", ".5"])
def test_scalars_stay_as_written(written: str):
    assert read_yaml(f"a: {written}\nb: [{written}]", "") == {"a": written, "b": [written]}


@pytest.mark.parametrize("written", ["", "~", "null", "Null", "NULL", "&a", "!!null ''"])
def test_nulls(written: str):
    data = read_yaml(f"a: {written}\nb: 1", "")
    assert data == {"a": None if "''" not in written else "", "b": "1"}


@pytest.mark.parametrize("written", ["''", '""', "!!str", "!!str null", "'null'", '"~"'])
def test_texts_that_look_like_null(written: str):
    assert isinstance(read_yaml(f"a: {written}\nb: 1", "")["a"], str)


def test_anchors_aliases_and_merge_keys():
    text = """
base: &base {rule: a, service: s}
more: &more {service: t, priority: 1}
one: {<<: *base, service: mine}
two: {service: mine, <<: [*base, *more]}
three:
  <<: *base
  <<: *more
name: &name web
*name : same
list: [*name, *base]
quoted: {'<<': text}
"""
    data = read_yaml(text, "")
    assert data["one"] == {"rule": "a", "service": "mine"}
    assert data["two"] == {"rule": "a", "service": "mine", "priority": "1"}
    assert data["three"]["rule"] == "a"
    assert data["three"]["priority"] == "1"
    assert data["web"] == "same"
    assert data["list"] == ["web", {"rule": "a", "service": "s"}]
    assert data["quoted"] == {"<<": "text"}


def test_block_merge_of_an_inline_mapping():
    assert read_yaml("a:\n  <<: {b: 1}\n  c: 2\n", "") == {"a": {"b": "1", "c": "2"}}


def test_the_first_document_counts():
    assert load_text("a: 1\n---\nb: 2\n", "yaml", "").data == {"a": "1"}


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n", "---\n...\n", "~"])
def test_an_empty_text_is_an_empty_configuration(text: str):
    assert load_text(text, "yaml", "").data == {}


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("a: 1\nb:\n\tc: 2\n", "a.yml:3:1", "a tab cannot indent YAML: use spaces"),
        ("a: b: c\n", "a.yml:1:5", "mapping values are not allowed"),
        ("a: [1, 2\n", "a.yml:2:1", "expected"),
        ("a: 'b\n", "a.yml:2:1", "unexpected end of stream"),
        ("a: 1\nb: 2\na: 3\n", "a.yml:3:1", "the key 'a' is given twice (first at line 1, column 1)"),
        (
            "x:\n  - k: 1\n  - {q: 1, k: 2, 'k': 3}\n",
            "a.yml:3:18",
            "the key 'k' is given twice (first at line 3, column 12)",
        ),
        ("a: *nothing\n", "a.yml:1:4", "unknown anchor 'nothing'"),
        ("a: &a [*a]\n", "a.yml:1:8", "unknown anchor 'a'"),
        ("? [a]\n: 1\n", "a.yml:1:3", "a key must be a text"),
        ("a: &a [1]\n*a : 2\n", "a.yml:2:1", "a key must be a text"),
        ("a: {<<: text}\n", "a.yml:1:9", "a merge key (<<) needs a mapping"),
        ("a: {<<: [[b]]}\n", "a.yml:1:9", "a merge key (<<) needs a mapping"),
        ("a: 1\nb: \0\n", "a.yml:2:4", "a NUL character is not allowed"),
        ("a: 1\nbé: \x01\n", "a.yml:2:5", "control characters are not allowed"),
        ("a: \ud800\n", "a.yml:1:4", "not valid Unicode"),
        ("- a\n", "a.yml:1:1", "expected options at the top level"),
        ("text", "a.yml:1:1", "expected options at the top level"),
        ("%YAML 9.0\n---\na: 1\n", "a.yml:1:1", "incompatible YAML document"),
    ],
)
def test_refusals(text: str, position: str, message: str):
    issue = _refused(text)
    assert str(issue.position) == position
    assert message in issue.message
    assert "\n" not in str(issue)


def test_billion_laughs_are_refused():
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in range(1, 10):
        text += f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n"
    assert "aliases stand for too many values" in _refused(text).message


def test_merged_bombs_are_refused():
    text = "a0: &a0 {" + ", ".join(f"k{n}: v" for n in range(100)) + "}\n"
    for level in range(1, 8):
        text += f"a{level}: &a{level} {{" + ", ".join(f"k{n}: *a{level - 1}" for n in range(50)) + "}\n"
    assert "aliases stand for too many values" in _refused(text).message


def test_deep_nesting_is_refused():
    assert read_yaml("a: " + "[" * (DEEPEST - 1) + "]" * (DEEPEST - 1), "")
    assert f"nested deeper than {DEEPEST} levels" in _refused("a: " + "[" * 100_000).message
    assert f"nested deeper than {DEEPEST} levels" in _refused("a: " + "{a: " * 5_000).message


def test_positions():
    document = load_text(
        """\
http:
  routers:
    web: &web
      Rule: Host(`a`)
      entryPoints:
        - one
        - two
    api:
      <<: *web
      service: api
    same: *web
  services: {s: {loadBalancer: {servers: [{url: x}, {url: y}]}}}
""",
        "yaml",
        "a.yml",
    )
    places: dict[tuple[str | int, ...], str] = {
        (): "a.yml:1:1",
        ("http",): "a.yml:1:1",
        ("http", "routers", "web"): "a.yml:3:5",
        ("http", "routers", "web", "rule"): "a.yml:4:7",
        ("http", "routers", "web", "entryPoints", 1): "a.yml:7:11",
        ("http", "routers", "api", "service"): "a.yml:10:7",
        ("http", "routers", "api", "rule"): "a.yml:4:7",
        ("http", "routers", "same", "entryPoints"): "a.yml:5:7",
        ("http", "routers", "web", "missing", 3, "x"): "a.yml:3:5",
        ("http", "services", "s", "loadBalancer", "servers", 1, "url"): "a.yml:12:54",
    }
    assert {path: str(document.locate(path)) for path in places} == places


def test_bytes_that_are_not_utf8(tmp_path):
    path = tmp_path / "a.yml"
    path.write_bytes("a: ü\nb: ".encode() + b"\xff\n")
    with pytest.raises(ConfigurationError) as caught:
        load_file(path)
    assert [str(issue) for issue in caught.value.issues] == [f"{path}:2:4: not valid UTF-8"]


def test_a_byte_order_mark_is_no_text(tmp_path):
    path = tmp_path / "a.YML"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert load_file(path).data == {"a": "1"}


_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12) | st.sampled_from(
    ["null", "~", "", "yes", "1.10", "010", "a: b", "- a", "<<x", "#c", "*a", "&a", "'", '"', "multi\nline\n"]
)
_KEYS = st.text("abcXYZ09 _-.:", min_size=1, max_size=6).filter(lambda key: key != "<<")
_DATA = st.recursive(
    st.none() | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(_KEYS, _DATA, max_size=4), st.booleans())
@settings(max_examples=150, deadline=None)
def test_what_pyyaml_writes_is_read_back(data: dict[str, Any], is_flow: bool):
    text = yaml.safe_dump(data, default_flow_style=is_flow, allow_unicode=True)
    assert (read_yaml(text, "") or {}) == data


@given(st.text(st.sampled_from("ab:-?[]{},&*!|>'\"#%\n  \t<~1"), max_size=40))
@settings(max_examples=400, deadline=None)
def test_any_text_is_read_as_another_reader_does_or_refused(text: str):
    try:
        ours = read_yaml(text, "a.yml")
    except ConfigurationError as error:
        ours = error
    try:
        reference = next(iter(yaml.load_all(text, yaml.BaseLoader)), None)
    except (yaml.YAMLError, TypeError):
        return
    if isinstance(ours, ConfigurationError):
        (issue,) = ours.issues
        assert re.search("given twice|key must be a text|merge key|found|expected|not allowed", issue.message), issue
    elif "<<" not in text:
        assert _without_nulls(ours) == _without_nulls(reference)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return "" if value in (None, "~") else value


def test_urls_and_ports_need_no_quotes_in_flow_style():
    assert read_yaml("{url: http://127.0.0.1:80, urls: [http://a, b:80], ref: x@file}", "") == {
        "url": "http://127.0.0.1:80",
        "urls": ["http://a", "b:80"],
        "ref": "x@file",
    }
