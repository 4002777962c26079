"""Whatever somebody asks, there is an answer or a reason, and the text of it can be printed."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.control.explain.test_text import GOLDEN
from tests.control.given import compiled, static
from trafficcop.control.explain.answer import explain
from trafficcop.control.explain.live import question_of
from trafficcop.control.explain.text import to_text
from trafficcop.errors import BadQuestion

STATIC = static((GOLDEN / "static.yml").read_text())
PLAN, REPORT = compiled((GOLDEN / "shop.yml").read_text(), STATIC)

texts = st.text(max_size=20)
hosts = st.sampled_from(("shop.example.com", "[::1]", "192.0.2.1", "x", "shop.example.com:8000", "%41", "a@b:443"))
tails = st.text(st.sampled_from("/?#%2fF.;=&aé\\ :@[]\x00\n"), max_size=12)
urls = texts | st.tuples(st.sampled_from(("http://", "https://", "HTTPS://", "//", "ws://")), hosts, tails).map("".join)
names = st.sampled_from(
    ("Host", "X-Debug", "Content-Length", "Transfer-Encoding", "Connection", "Upgrade", "Expect", "TE")
)
values = (
    st.sampled_from(("shop.example.com", "1", "chunked", "close", "\t", "é", "a,b;c", "websocket", "100-continue"))
    | texts
)
members = st.fixed_dictionaries(
    {"url": urls},
    optional={
        "method": st.sampled_from(("GET", "POST", "CONNECT", "OPTIONS", "M-SEARCH", "x", "PRI")) | texts,
        "headers": st.dictionaries(names | texts, values | st.lists(values, max_size=3), max_size=3),
        "clientIP": st.ip_addresses().map(str) | texts,
        "entryPoint": st.sampled_from(("web", "websecure", "intern", "")),
    },
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts


anything = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))


def asked_of(fields: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """The answer, or the reason why there is none."""
    try:
        return explain(question_of(fields), STATIC, PLAN, REPORT), ""
    except BadQuestion as error:
        return None, str(error)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(asked=members)
def test_every_question_has_an_answer_or_a_reason(asked):
    answer, reason = asked_of(asked)
    assert (answer is None) == bool(reason)
    if answer is not None:
        json.dumps(answer)
        text = to_text(answer, is_coloured=False)
        assert all(line.isprintable() for line in text.split("\n"))
        assert answer["result"]["kind"] in ("service", "answer", "tcp", "closed")


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(asked=anything, member=st.sampled_from(("url", "method", "headers", "clientIP", "entryPoint", "other")))
def test_members_of_any_type_are_judged(asked, member):
    answer, reason = asked_of({"url": "http://shop.example.com/", member: asked})
    assert (answer is None) == bool(reason)
