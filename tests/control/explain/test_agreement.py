"""What `explain` tells is what a real router does: random configurations, random requests, real connections."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.control.given import compiled, static
from tests.live import backend, running
from trafficcop.control.explain.answer import explain
from trafficcop.control.explain.question import Question

STATIC = "entryPoints: {web: {address: '127.0.0.1:0', http: {encodedCharacters: {allowEncodedSlash: false}}}}"

HOSTS = ("a.example.com", "b.example.com", "c.b.example.com", "localhost", "A.Example.com.", "a.example.com:80", ".")
PATHS = (
    *("/", "/a", "/a/", "/a/b", "/ab", "/A", "/a%62", "/a%2Fb", "/a/../b", "//a", "/b;x", "/a%20b", "/%C3%A9"),
    "/x/y/z",
)
QUERIES = ("", "?", "?a", "?a=1", "?a=2&a=1", "?b=1&a=", "?a=1;b=2", "?a=%31")
METHODS = ("GET", "POST", "PUT", "OPTIONS", "DELETE")
FIELDS = (
    *(("X-A", "1"), ("X-A", "2"), ("x-b", "one two"), ("X_A", "1"), ("X-Forwarded-For", "192.0.2.7")),
    *(("X-Forwarded-Proto", "https"), ("Connection", "X-A"), ("Authorization", "Basic YW5uOnNlY3JldA==")),
    *(("Origin", "https://a.example.com"), ("Access-Control-Request-Method", "PUT"), ("Upgrade", "websocket")),
    *(("Content-Type", "text/plain"), ("Content-Length", "0"), ("Host", "b.example.com"), ("Te", "trailers")),
)
V3 = (
    *("Host(`a.example.com`)", "Host(`b.example.com`)", "Host(`*.example.com`)", "Host(`*`)", "Host(`A.Example.com.`)"),
    *("HostRegexp(`^[ab]\\.example\\.com$`)", "HostRegexp(`.+`)", "Path(`/a`)", "Path(`/a/b`)", "Path(`/a%2Fb`)"),
    *("PathPrefix(`/a`)", "PathPrefix(`/`)", "PathPrefix(`/x/y`)", "PathRegexp(`^/[ab]+$`)", "PathRegexp(`é`)"),
    *("Method(`GET`)", "Method(`post`)", "Header(`X-A`, `1`)", "Header(`Host`, `b.example.com`)"),
    *("HeaderRegexp(`X-B`, `^one`)", "Query(`a`, `1`)", "Query(`a`)", "QueryRegexp(`a`, `^[12]$`)"),
    *("ClientIP(`127.0.0.0/8`)", "ClientIP(`192.0.2.7`)"),
)
V2 = (
    *("Host(`a.example.com`, `b.example.com`)", "HostHeader(`localhost`)", "HostRegexp(`{sub:[a-c]}.example.com`)"),
    *("Path(`/a`, `/b`)", "Path(`/{one:[a-z]+}`)", "PathPrefix(`/a`, `/x/{rest:.*}`)", "Method(`GET`, `PUT`)"),
    *("Headers(`X-A`, `1`)", "HeadersRegexp(`X-B`, `two$`)", "Query(`a=1`)", "ClientIP(`127.0.0.1`, `::1`)"),
)
MIDDLEWARES: dict[str, Any] = {
    "strip": {"stripPrefix": {"prefixes": ["/a", "/x"]}},
    "strip-regex": {"stripPrefixRegex": {"regex": ["^/[a-z]"]}},
    "add": {"addPrefix": {"prefix": "/added"}},
    "replace": {"replacePath": {"path": "/x/y?r=1"}},
    "replace-regex": {"replacePathRegex": {"regex": "^/a(.*)", "replacement": "/b$1"}},
    "fields": {"headers": {"customRequestHeaders": {"X-A": "", "X-New": "1", "Host": "new.example.com"}}},
    "cors": {"headers": {"accessControlAllowMethods": ["PUT"], "accessControlAllowOriginList": ["*"]}},
    "answer": {"headers": {"customResponseHeaders": {"X-Out": "1", "X-Server": ""}, "frameDeny": True}},
    "token": {"jwt": {"secret": "abcdefghijklmnopqrstuvwxyz012345"}},
    "no-for": {"headers": {"customRequestHeaders": {"X-Forwarded-For": ""}}},
    "scheme": {"redirectScheme": {"scheme": "https", "permanent": True}},
    "regex": {"redirectRegex": {"regex": "^http://b\\.example\\.com(:\\d+)?/(.*)", "replacement": "https://b/$2"}},
    "allow": {"ipAllowList": {"sourceRange": ["192.0.2.0/24"], "ipStrategy": {"depth": 1}}},
    "deny": {"ipDenyList": {"sourceRange": ["127.0.0.2"]}},
    "auth": {"basicAuth": {"users": ["ann:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="], "removeHeader": True}},
    "digest": {"digestAuth": {"users": ["ann:traefik:aabbccddeeff00112233445566778899"]}},
    "respond": {"respond": {"status": 203, "headers": {"Location": "here"}}},
    "encoded": {"encodedCharacters": {"allowEncodedSlash": True}},
    "both": {"chain": {"middlewares": ["strip", "add"]}},
    "compress": {"compress": {}},
    "retry": {"retry": {"attempts": 2}},
}
NAMES = ("r0", "r1", "r2", "r3", "r4", "r5")


def rules(leaves: tuple[str, ...]) -> st.SearchStrategy[str]:
    leaf = st.sampled_from(leaves) | st.sampled_from(leaves).map(lambda text: f"!{text}")
    joined = st.tuples(leaf, st.sampled_from((" && ", " || ")), leaf).map("".join)
    return leaf | joined | st.tuples(joined, leaf).map(lambda pair: f"({pair[0]}) && {pair[1]}")


@st.composite
def routers(draw: st.DrawFn) -> dict[str, Any]:
    made: dict[str, Any] = {}
    roots: list[str] = []
    for name in NAMES[: draw(st.integers(1, len(NAMES)))]:
        is_v2 = draw(st.integers(0, 3)) == 0
        middlewares = draw(st.lists(st.sampled_from(sorted(MIDDLEWARES)), max_size=2, unique=True))
        router: dict[str, Any] = {
            "rule": draw(rules(V2 if is_v2 else V3)),
            "ruleSyntax": "v2" if is_v2 else "v3",
            "priority": draw(st.integers(0, 3)),
            "middlewares": [*middlewares, f"name-{name}"],
        }
        if roots and draw(st.integers(0, 3)) == 0:
            parent = draw(st.sampled_from(roots))
            router["parentRefs"] = [parent]
        else:
            roots.append(name)
        made[name] = router
    parents = {parent for router in made.values() for parent in router.get("parentRefs", ())}
    for name, router in made.items():
        if name not in parents:
            router["service"] = "s"
    return made


def configuration(made: dict[str, Any], port: int) -> str:
    named = {f"name-{name}": {"headers": {"customRequestHeaders": {f"X-Is-{name}": "1"}}} for name in made}
    http = {
        "routers": made,
        "middlewares": MIDDLEWARES | named,
        "services": {"s": {"loadBalancer": {"servers": [{"url": f"http://127.0.0.1:{port}"}]}}},
    }
    return json.dumps({"http": http})


class Asked:
    """A request, for both of them."""

    def __init__(self, method: str, host: str, target: str, fields: list[tuple[str, str]]) -> None:
        self.question = Question(f"http://example.com{target}", method, (("Host", host), *fields), entry_point="web")
        host = next((value for name, value in reversed(fields) if name == "Host"), host)
        others = "".join(f"{name}: {value}\r\n" for name, value in fields if name != "Host")
        self.head = f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nX-End: close\r\n{others}\r\n".encode()

    def __repr__(self) -> str:
        return repr(self.head)


def requests() -> st.SearchStrategy[Asked]:
    target = st.tuples(st.sampled_from(PATHS), st.sampled_from(QUERIES)).map("".join)
    fields = st.lists(st.sampled_from(FIELDS), max_size=3, unique_by=lambda field: field[0].lower())
    return st.builds(Asked, st.sampled_from(METHODS), st.sampled_from(HOSTS), target, fields)


def seen(number: int, head: str, body: bytes) -> bytes:
    content = head.encode()
    return b"HTTP/1.1 200 OK\r\nX-Server: here\r\nContent-Length: %d\r\n\r\n%b" % (len(content), content)


async def answer_of(port: int, head: bytes) -> tuple[int, dict[str, str], str]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(head)
    async with asyncio.timeout(10):
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)}
        status = int(lines[0].split(" ")[1])
        body = b""
        if status not in (204, 304) and not head.startswith(b"HEAD"):
            body = await reader.readexactly(int(fields.get("content-length", "0")))
    writer.close()
    return status, fields, body.decode()


def chosen(explained: dict[str, Any]) -> list[str]:
    """The routers on the way, by the fields that they set."""
    found = []
    while explained.get("router") is not None:
        found.append(explained["router"]["name"].partition("@")[0])
        explained = explained["router"].get("children", {})
    return found


def check(explained: dict[str, Any], real: tuple[int, dict[str, str], str]) -> None:
    status, fields, body = real
    result = explained["result"]
    if result["kind"] == "answer":
        assert status == result["status"]
        assert not body.endswith("\r\n\r\n"), "a server was asked"
        for name in ("Location", "WWW-Authenticate"):
            value = result["headers"].get(name)
            if value is None or "nonce" not in value:
                assert fields.get(name.lower()) == value
        return
    assert (result["kind"], status) == ("service", 200)
    line, *lines = body.split("\r\n")
    told = explained
    while "children" in told["router"]:
        told = told["router"]["children"]
    sent = told["router"]["service"]["sent"]
    assert line == f"{sent['method']} {sent['path']} HTTP/1.1"
    assert f"Host: {sent['host']}" in lines
    check_fields(explained, lines, fields)
    passed = [text[5:].split(":")[0].lower() for text in lines if text.lower().startswith("x-is-")]
    assert sorted(passed) == sorted(chosen(explained))


def check_fields(explained: dict[str, Any], lines: list[str], fields: dict[str, str]) -> None:
    """Of each field that was changed the last change counts, towards the server and on the way back."""
    seen: dict[str, str] = {}
    for name, _, value in (line.partition(": ") for line in lines if line):
        key = name.lower()
        seen[key] = f"{seen[key]}, {value}" if key in seen else value
    sent: dict[str, str | None] = {}
    answered: dict[str, str | None] = {}
    for change in changes(explained):
        if change["part"] == "requestHeader":
            sent[change["name"].lower()] = change["to"]
        elif change["part"] == "responseHeader":  # the one that stands first sees the answer last
            answered.setdefault(change["name"].lower(), change["to"])
    assert {name: seen.get(name) for name in sent} == sent
    assert {name: fields.get(name) for name in answered} == answered


def changes(explained: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while explained.get("router") is not None:
        found += [change for step in explained["router"]["middlewares"] for change in step.get("changes", ())]
        explained = explained["router"].get("children", {})
    return found


async def compare(made: dict[str, Any], asked: list[Asked]) -> None:
    async with backend(seen) as server:
        text = configuration(made, server)
        given_static = static(STATIC)
        plan, report = compiled(text, given_static)
        async with running(text, STATIC) as (port, _):
            for one in asked:
                real = await answer_of(port, one.head)
                check(await asyncio.to_thread(explain, one.question, given_static, plan, report), real)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(made=routers(), asked=st.lists(requests(), min_size=5, max_size=15))
def test_explain_and_a_router_agree(made: dict[str, Any], asked: list[Asked]):
    asyncio.run(compare(made, asked))


def test_the_configuration_is_what_it_seems():
    """A mistake in the tables above would leave routers out."""
    made = {
        f"r{index}": {"rule": rule, "ruleSyntax": "v2" if rule in V2 else "v3", "service": "s", "middlewares": [name]}
        for index, (rule, name) in enumerate(zip((*V3, *V2), [*MIDDLEWARES, *MIDDLEWARES, *MIDDLEWARES], strict=False))
    }
    plan, _ = compiled(configuration(made, 1), static(STATIC))
    assert len(plan.routers) == len(V3) + len(V2)
    assert yaml.safe_load(configuration(made, 1))
