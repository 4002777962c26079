"""The REST provider and what answers in front of it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficcop.admin import rest
from trafficcop.admin.rest import RESTApp
from trafficcop.errors import ConfigurationError
from trafficcop.providers.message import Message
from trafficcop.providers.rest import RESTProvider

GOOD = {
    "http": {
        "routers": {"r": {"rule": "Host(`a.example.com`)", "service": "s"}},
        "services": {"s": {"loadBalancer": {"servers": [{"url": "http://127.0.0.1:1"}]}}},
    }
}


async def request(
    provider: RESTProvider, body: bytes, path: str = "/api/providers/rest", method: str = "PUT"
) -> tuple[int, str, dict[str, str]]:
    """(status, body, fields) of one request; the body comes in two pieces."""
    pieces = [body[: len(body) // 2], body[len(body) // 2 :]]
    sent = []

    async def receive():
        piece = pieces.pop(0) if pieces else b""
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [],
    }
    await RESTApp(provider.put)(scope, receive, send)
    text = b"".join(part.get("body", b"") for part in sent[1:]).decode()
    return sent[0]["status"], text, {name.decode(): value.decode() for name, value in sent[0]["headers"]}


async def newest(provider: RESTProvider) -> Message:
    async with asyncio.timeout(10):
        return await anext(provider.provide())


async def test_a_configuration_is_taken_and_shown():
    provider = RESTProvider()
    status, text, fields = await request(provider, json.dumps(GOOD).encode())
    assert (status, fields["content-type"]) == (200, "application/json; charset=UTF-8")
    assert not text.endswith("\n")
    shown = json.loads(text)["http"]
    assert shown["routers"]["r"] == GOOD["http"]["routers"]["r"]
    assert shown["services"]["s"]["loadBalancer"]["servers"] == [{"url": "http://127.0.0.1:1"}]
    message = await newest(provider)
    assert message.provider == "rest"
    assert set(message.configuration.http.routers) == {"r"}


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("PUT", "/api/providers/file", 400, "Only 'rest' provider can be updated through the REST API\n"),
        ("GET", "/api/providers/rest", 405, ""),
        ("POST", "/api/providers/rest", 405, ""),
        ("PUT", "/api/providers/", 404, "404 page not found\n"),
        ("PUT", "/api/providers/rest/", 404, "404 page not found\n"),
        ("PUT", "/api/rawdata", 404, "404 page not found\n"),
    ],
)
async def test_other_methods_and_paths(method: str, path: str, status: int, text: str):
    assert (await request(RESTProvider(), b"{}", path, method))[:2] == (status, text)


BAD = [
    (b"", "the body is empty"),
    (b"   ", "the body is empty"),
    (b"[]", "expected options at the top level"),
    (b'"text"', "expected options at the top level"),
    (b"{", "REST:1:"),
    (b"{} {}", "REST:1:"),
    (b"\xff\xfe", "not valid UTF-8"),
    (b'{"http": {"routers": {"r": {"priority": "high"}}}}', "http.routers.r.priority"),
    (b'{"http": {"routers": []}}', "http.routers: expected a mapping of names"),
    (b'{"tcp": {"routers": {"r": 5}}}', "tcp.routers.r"),
    (b'{"http": {"routers": {"r": {}}}, "udp": {"services": {"s": {"loadBalancer": 7}}}}', "udp.services.s"),
    (b'{"http": {"routers": {"r": {"priority": NaN}}}}', "NaN is no JSON"),
    (b"http: {}", "REST:1:1: Expecting value"),
    (b'{"a":' * 100_000, "recursion"),
]


@pytest.mark.parametrize(("body", "text"), BAD)
async def test_a_mistake_refuses_all_and_keeps_what_was_there(body: bytes, text: str):
    provider = RESTProvider()
    await request(provider, json.dumps(GOOD).encode())
    before = await newest(provider)
    status, answer, _ = await request(provider, body)
    assert status == 400
    assert text in answer
    with pytest.raises(ConfigurationError):
        await provider.put(body)
    assert not provider._news.is_set()
    assert provider._message == before


async def test_every_mistake_is_told():
    body = {"http": {"routers": {"a": {"priority": "x"}, "b": {"priority": "y"}}}}
    _, text, _ = await request(RESTProvider(), json.dumps(body, indent=1).encode())
    assert [line.split(": ")[:2] for line in text.splitlines()] == [
        ["REST:5:5", "http.routers.a.priority"],
        ["REST:8:5", "http.routers.b.priority"],
    ]


async def test_unknown_fields_are_ignored():
    provider = RESTProvider()
    body = {"http": {"routers": {"r": {"service": "s", "colour": "red"}}, "things": {}}, "more": 1}
    assert (await request(provider, json.dumps(body).encode()))[0] == 200
    message = await newest(provider)
    assert message.configuration.http.routers["r"].service == "s"
    assert all(issue.is_warning for issue in message.issues)


async def test_a_body_that_is_too_long(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rest, "LONGEST", 100)
    provider = RESTProvider()
    assert (await request(provider, b" " * 98 + b"{}"))[0] == 200
    assert (await request(provider, b" " * 99 + b"{}"))[0] == 413
    monkeypatch.setattr(rest, "_SKIPPED", 1000)
    assert (await request(provider, b" " * 5000))[0] == 413


async def test_a_large_configuration():
    routers = {f"r{number}": {"rule": f"Host(`{number}.example.com`)", "service": "s"} for number in range(3000)}
    provider = RESTProvider()
    assert (await request(provider, json.dumps({"http": {"routers": routers}}).encode()))[0] == 200
    assert len((await newest(provider)).configuration.http.routers) == 3000


async def test_it_outlives_the_process_that_took_it(tmp_path: Path):
    first, second, third = RESTProvider(), RESTProvider(), RESTProvider()
    for provider in (first, second, third):
        provider.directory = tmp_path
    await first.put(json.dumps(GOOD).encode())
    assert (await newest(second)).configuration == (await newest(first)).configuration
    (tmp_path / "rest.json").write_bytes(b"{")
    async with asyncio.timeout(10):
        waiting = asyncio.ensure_future(anext(third.provide()))
        await asyncio.sleep(0)
        await third.put(b"{}")
        assert (await waiting).configuration.http is None


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes(body: bytes):
    status, _, _ = asyncio.run(request(RESTProvider(), body))
    assert status in (200, 400)
