"""Whole explanations, as JSON and as text, held against files beside this one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.control.explain.asking import SERVICE, ask, routers
from trafficcop.control.explain.text import to_text

GOLDEN = Path(__file__).parent / "golden"
QUESTIONS: dict[str, dict[str, Any]] = {
    "forwarded": {
        "url": "https://shop.example.com/api/items?page=2",
        "headers": [("X-Debug", "1")],
        "client_ip": "203.0.113.7",
    },
    "refused": {"url": "https://shop.example.com/admin", "method": "POST", "client_ip": "203.0.113.7"},
    "redirected": {"url": "http://shop.example.com/"},
    "nobody": {"url": "http://shop.example.com:8000/api"},
    "stream": {"url": "https://db.example.com/"},
}
_COLOUR = re.compile("\x1b\\[[0-9]+m")


def answer(name: str) -> dict[str, Any]:
    texts = [(GOLDEN / file).read_text() for file in ("shop.yml", "static.yml")]
    return ask(texts[0], given=texts[1], **QUESTIONS[name])


@pytest.mark.parametrize("name", QUESTIONS)
def test_json(name):
    assert answer(name) == json.loads((GOLDEN / f"{name}.json").read_text())


@pytest.mark.parametrize("name", QUESTIONS)
def test_text(name):
    assert to_text(answer(name), is_coloured=False) == (GOLDEN / f"{name}.txt").read_text()


def test_text_in_colour():
    text = to_text(answer("forwarded"), is_coloured=True)
    assert text == (GOLDEN / "forwarded.ansi").read_text()
    assert _COLOUR.sub("", text) == (GOLDEN / "forwarded.txt").read_text()


@pytest.mark.parametrize("name", QUESTIONS)
def test_colours_change_no_word_and_end_where_they_begin(name):
    text = to_text(answer(name), is_coloured=True)
    assert _COLOUR.sub("", text) == to_text(answer(name), is_coloured=False)
    for line in text.splitlines():
        assert [code == "\x1b[0m" for code in _COLOUR.findall(line)] == [False, True] * (line.count("\x1b") // 2)


def test_the_sample_in_the_readme():
    readme = (Path(__file__).parents[3] / "README.md").read_text()
    assert (GOLDEN / "refused.txt").read_text() in readme


def lines(*given: Any, **question: Any) -> list[str]:
    return to_text(ask(*given, **question), is_coloured=False).splitlines()


def test_nobody_and_a_misspelt_host():
    assert lines(routers("Host(`example.com`)"), "http://exmaple.com/") == [
        "GET http://exmaple.com/ from 127.0.0.1",
        "→ 404 Not Found, because no router takes it",
        "├─ entry point web (:80)",
        "├─ besides 1 router for other hosts",
        "└─ did you mean example.com?",
    ]


def test_what_the_entry_point_makes_of_it():
    found = lines(routers("Path(`/b`)"), "http://example.com/a/../%62", headers=[("Host", "other.example.com")])
    assert found[2] == "├─ entry point web (:80), which sees host other.example.com and path /b"


def test_no_server_and_no_more():
    text = (
        "http:\n"
        "  routers: {r: {rule: Path(`/`), service: s, entryPoints: [web]}}\n"
        "  services: {s: {loadBalancer: {servers: []}}}\n"
    )
    assert lines(text)[1:] == [
        "→ 503 Service Unavailable, because service s@file has no server available",
        "├─ entry point web (:80)",
        "└─ router r@file  Path(`/`)  priority 9",
        "   └─ service s@file (loadBalancer, wrr) no server available",
        "      └─ sends GET / with Host: example.com",
    ]


def test_ties_are_told():
    text = "http:\n  routers:\n"
    text += "".join(f"    {name}: {{rule: Path(`/`), service: s, entryPoints: [web]}}\n" for name in "ab")
    assert lines(text + SERVICE)[-1] == "   └─ b@file  Path(`/`)  priority 9, the same: its name comes later"


def test_what_a_terminal_would_obey_is_not_printed():
    rule = b"Path(`/`) && !Header(`X`, `\x1b[2J`)".decode()
    text = f"http:\n  routers: {{r: {{rule: {json.dumps(rule)}, service: s, entryPoints: [web]}}}}\n"
    found = "\n".join(lines(text + SERVICE, headers=[("X-A", "1")]))
    assert "\x1b" not in found
    assert "\\x1b[2J" in found
