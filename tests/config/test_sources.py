"""TOML and JSON text, and files."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficcop.config.sources import load_file, load_text
from trafficcop.errors import ConfigurationError

TOML = """\
# comment with [brackets] = "x"
[entryPoints.web]
  address = ":80" # here
  [entryPoints.web.http]
  middlewares = [
    "a@file",
    "b@file",
  ]

[http.routers."my.router"]
rule = '''
Host(`a`)
'''
tls.options = "x"

[[http.services.s.loadBalancer.servers]]
url = "http://a"
[[http.services.s.loadBalancer.servers]]
url = "http://b"
weight = 1_000
[http.services.s.loadBalancer.sticky]
cookie = { name = "c", "maxAge" = 10 }
"""


def test_toml_positions():
    document = load_text(TOML, "toml", "a.toml")
    assert document.data["entryPoints"]["web"]["http"]["middlewares"] == ["a@file", "b@file"]
    servers = ("http", "services", "s", "loadBalancer", "servers")
    places: dict[tuple[str | int, ...], str] = {
        ("entryPoints", "web"): "a.toml:2:14",
        ("entryPoints", "web", "address"): "a.toml:3:3",
        ("entrypoints", "web", "http", "middlewares", 1): "a.toml:7:5",
        ("http", "routers", "my.router", "rule"): "a.toml:11:1",
        ("http", "routers", "my.router", "tls", "options"): "a.toml:14:5",
        (*servers, 0, "url"): "a.toml:17:1",
        (*servers, 1, "weight"): "a.toml:20:1",
        ("http", "services", "s", "loadBalancer", "sticky", "cookie", "maxAge"): "a.toml:22:24",
    }
    assert {path: str(document.locate(path)) for path in places} == places


def test_toml_of_version_1_1():
    text = '[http.routers]\nweb = {\n  rule = "\\x50ath(`/`)",\n  tls = {},  # why not\n  priorty = 3,\n}\n'
    document = load_text(text, "toml", "a.toml")
    assert document.data == {"http": {"routers": {"web": {"rule": "Path(`/`)", "tls": {}, "priorty": 3}}}}
    assert str(document.locate(("http", "routers", "web", "priorty"))) == "a.toml:5:3"


def test_toml_values():
    data = load_text(
        "a = 1.10\nb = 2026-01-02T03:04:05Z\nc = true\nd = 0x1F\ne = [1, 2]\nf = 07:32:00", "toml", ""
    ).data
    assert data == {"a": "1.10", "b": "2026-01-02T03:04:05Z", "c": True, "d": 31, "e": [1, 2], "f": "07:32:00"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = \n", "a.toml:1:5: not a value: a text stands in quotes"),
        ("a = 1\na = 2\n", "a.toml:2:6: this key, or one above it, is given already"),
        ('a = "b', "a.toml:1:7: "),
        ("[a]\nb = 1\n[a]\n", "a.toml:3:3: the table [a] is given twice"),
        ('[a."b.c"]\n[a."b.c"]\n', "a.toml:2:9: the table [a.b.c] is given twice"),
        ("a = {b = 1, b = 2}", "a.toml:1:18: the key 'b' is given twice"),
        ('a = "b\n', "a.toml:1:7: a text in quotes ends on the line on which it begins"),
        ("a: b\n", "a.toml:1:2: Expected '=' after a key"),
        ("a = 1\x00", "a.toml:1:6: a NUL character is not allowed"),
        ("a = " + "[" * 20_000, "a.toml: "),
    ],
)
def test_toml_refusals(text: str, said: str):
    with pytest.raises(ConfigurationError) as caught:
        load_text(text, "toml", "a.toml")
    (issue,) = caught.value.issues
    assert str(issue).startswith(said)


def test_json_keeps_numbers_as_written_and_has_positions():
    text = '{"a": 1.10, "b": {"c": [true, null, 12],\n "d": "\\ud83d\\ude00"}}'
    document = load_text(text, "json", "a.json")
    assert document.data == {"a": "1.10", "b": {"c": [True, None, "12"], "d": "😀"}}
    assert str(document.locate(("b", "c", 2))) == "a.json:1:37"


def test_json_as_lenient_as_yaml():
    assert load_text("{'a': 1, # why\n b: [x,]}", "json", "").data == {"a": "1", "b": ["x"]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1,\n "a": 2}', "a.json:2:2: the key 'a' is given twice (first at line 1, column 2)"),
        ('{"a": [1}', "a.json:1:9: did not find expected ',' or ']'"),
        ('{"a": "\\ud800"}', "a.json:1:10: found invalid Unicode"),
        ("[1]", "a.json:1:1: expected options at the top level, not a list or a text"),
        ("[" * 100_000, "a.json:1:101: nested deeper than 100 levels"),
    ],
)
def test_json_refusals(text: str, said: str):
    with pytest.raises(ConfigurationError) as caught:
        load_text(text, "json", "a.json")
    (issue,) = caught.value.issues
    assert str(issue).startswith(said)


def test_files(tmp_path):
    (tmp_path / "a.TOML").write_text('a = "1"')
    assert load_file(tmp_path / "a.TOML").data == {"a": "1"}
    for name, said in (("b.ini", "unsupported file extension"), ("no.yml", "cannot be read: No such file")):
        with pytest.raises(ConfigurationError, match=said):
            load_file(str(tmp_path / name))


@given(
    st.text(max_size=60) | st.text(st.sampled_from("a=.[]{}\"',#\n \\1"), max_size=40),
    st.sampled_from(["yaml", "toml", "json"]),
)
@settings(max_examples=400, deadline=None)
def test_any_text_is_read_or_refused_and_can_be_located(text: str, syntax: str):
    try:
        document = load_text(text, syntax, "a")
    except ConfigurationError:
        return
    lines = len(re.split("\r\n|[\n\r\x85\u2028\u2029]", text))
    for key in document.data:
        position = document.locate((key, 0, "x"))
        assert position.source == "a"
        assert 1 <= position.line <= lines
