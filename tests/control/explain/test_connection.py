"""TCP routers and TLS in front of requests: what is explained is what a real entry point does."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import make
from tests.control.explain.asking import ask as ask_about
from tests.control.given import compiled, static
from tests.live import WEB, live
from tests.secure import ask, certificates_of, client_context
from trafficcop.control.explain.answer import explain
from trafficcop.control.explain.question import Question

TERMINATED, PASSED, HTTP = 299, 298, 418

MIXED = """
http:
  routers:
    web: {rule: 'Host(`web.example.com`)', service: noop@internal, tls: {options: modern}}
    wild: {rule: 'Host(`*.wild.example.com`)', service: noop@internal, tls: {}}
    not: {rule: '!Host(`not.example.com`) && Path(`/`)', service: noop@internal, tls: {}}
    strict: {rule: 'Host(`strict.example.com`)', service: noop@internal, tls: {options: strict}}
    plain: {rule: 'Host(`plain.example.com`)', service: noop@internal}
tcp:
  routers:
    own: {rule: 'HostSNI(`own.example.com`)', service: s, tls: {}}
    behind: {rule: 'HostSNI(`behind.example.com`)', service: p, tls: {passthrough: true}}
    web: {rule: 'HostSNI(`web.example.com`)', service: p, tls: {passthrough: true}}
  services:
    s: {loadBalancer: {servers: [{address: '127.0.0.1:S'}]}}
    p: {loadBalancer: {servers: [{address: '127.0.0.1:P'}]}}
tls:
  options: {modern: {minVersion: VersionTLS13}, strict: {sniStrict: true}}
CERTIFICATES"""
CATCH_ALL = """
http: {routers: {web: {rule: 'Host(`web.example.com`)', service: noop@internal, tls: {}}}}
tcp:
  routers:
    all: {rule: 'HostSNI(`*`)', service: s, tls: {}}
    odd: {rule: 'HostSNI(`*`) && ClientIP(`192.0.2.1`)', service: p, tls: {passthrough: true}}
  services:
    s: {loadBalancer: {servers: [{address: '127.0.0.1:S'}]}}
    p: {loadBalancer: {servers: [{address: '127.0.0.1:P'}]}}
tls:
CERTIFICATES"""
CATCH_BOTH = CATCH_ALL.replace(
    "http: {routers: {", "http: {routers: {any: {rule: 'PathPrefix(`/`)', service: noop@internal, tls: {}}, "
)
IMMEDIATE = """
tcp:
  routers: {all: {rule: 'HostSNI(`*`)', service: p}}
  services: {p: {loadBalancer: {servers: [{address: '127.0.0.1:P'}]}}}
"""
PLAIN = """
http: {routers: {web: {rule: 'PathPrefix(`/`)', service: noop@internal}}}
tcp:
  routers:
    some: {rule: 'ClientIP(`192.0.2.1`)', service: s}
    tls: {rule: 'HostSNI(`own.example.com`)', service: s, tls: {}}
  services: {s: {loadBalancer: {servers: [{address: '127.0.0.1:S'}]}}}
tls:
CERTIFICATES"""


@asynccontextmanager
async def servers(directory: Path) -> AsyncIterator[tuple[int, int]]:
    """One that TLS is taken away for, and one that speaks it itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*make("behind.example.com").write(directory, "behind"))

    def answering(status: int) -> Any:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(b"HTTP/1.1 %d X\r\n\r\n" % status)
            writer.close()

        return serve

    plain = await asyncio.start_server(answering(TERMINATED), "127.0.0.1", 0)
    secure = await asyncio.start_server(answering(PASSED), "127.0.0.1", 0, ssl=context)
    async with plain, secure:
        yield plain.sockets[0].getsockname()[1], secure.sockets[0].getsockname()[1]


def expected(answer: dict[str, Any]) -> int | None:
    """The status that a client should see, None for no connection."""
    result = answer["result"]
    if result["kind"] == "tcp":
        return PASSED if result["service"] == "p@file" else TERMINATED
    return None if result["kind"] == "closed" else int(result["status"])


async def real(port: int, name: str, host: str, *, is_tls: bool) -> int | None:
    if is_tls:
        try:
            return (await ask(port, name, client_context(alpn=("http/1.1",)), host=host)).status
        except (ssl.SSLError, ConnectionError, IndexError):
            return None
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    line = await reader.readline()
    writer.close()
    return int(line.split()[1])


NAMES = ("web", "a.wild", "wild", "not", "strict", "plain", "own", "behind", "elsewhere")


@pytest.mark.parametrize(
    "text", [MIXED, CATCH_ALL, CATCH_BOTH, PLAIN, IMMEDIATE], ids=["mixed", "all", "both", "plain", "immediate"]
)
async def test_explained_as_it_is(text: str, tmp_path: Path):
    async with servers(tmp_path) as (plain, secure):
        is_immediate = text is IMMEDIATE
        text = text.replace("127.0.0.1:S", f"127.0.0.1:{plain}").replace("127.0.0.1:P", f"127.0.0.1:{secure}")
        text = text.replace("CERTIFICATES", certificates_of(tmp_path, own=make("own.example.com")))
        given = static(WEB)
        plan, report = compiled(text, given)
        async with live(text) as port:
            for name in NAMES:
                for host in {f"{name}.example.com", "web.example.com"}:
                    for is_tls in (True,) if is_immediate else (True, False):
                        url = f"http{'s' if is_tls else ''}://{name}.example.com/"
                        question = Question(url, headers=(("Host", host),), entry_point="web")
                        answer = await asyncio.to_thread(explain, question, given, plan, report)
                        told = await real(port, f"{name}.example.com", host, is_tls=is_tls)
                        assert told == expected(answer), (url, host, answer)


# === what is told of TLS ===

SECURE = """
http:
  routers:
    a: {rule: 'Host(`a.example.com`)', service: noop@internal, entryPoints: [websecure], tls: {options: mutual}}
    b: {rule: 'Host(`b.example.com`)', service: noop@internal, entryPoints: [websecure], tls: {options: alpn}}
    c: {rule: 'Host(`c.example.com`)', service: noop@internal, entryPoints: [websecure], tls: {options: bad}}
    d: {rule: 'Host(`d.example.com`)', service: noop@internal, entryPoints: [websecure], tls: {options: strict}}
    e1: {rule: 'Host(`e.example.com`)', service: noop@internal, entryPoints: [websecure], tls: {options: strict}}
    e2: {rule: 'Host(`e.example.com`)', service: noop@internal, entryPoints: [websecure], tls: {options: alpn}}
tcp:
  routers:
    t: {rule: 'HostSNI(`t.example.com`)', service: w, entryPoints: [websecure], tls: {}, middlewares: [few]}
    u: {rule: 'HostSNI(`u.example.com`)', service: s, entryPoints: [websecure], tls: {options: bad}}
    v: {rule: 'HostSNI(`v.example.com`)', service: s, entryPoints: [websecure], tls: {options: strict}}
  middlewares: {few: {inFlightConn: {amount: 1}}}
  services:
    s: {loadBalancer: {servers: [{address: '192.0.2.1:1', tls: true}, {address: '192.0.2.2:2'}]}}
    w: {weighted: {services: [{name: s, weight: 2}, {name: x}]}}
    x: {weighted: {services: [{name: s}]}}
tls:
  options:
    mutual: {clientAuth: {clientAuthType: RequireAnyClientCert}}
    alpn: {alpnProtocols: [smtp]}
    bad: {cipherSuites: [TLS_NONE]}
    strict: {sniStrict: true}
CERTIFICATES"""


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> str:
    directory = tmp_path_factory.mktemp("tls")
    return SECURE.replace("CERTIFICATES", certificates_of(directory, own=make("a.example.com", "t.example.com")))


OWN = ["a.example.com", "t.example.com"]
NO_CERTIFICATE = "no certificate for this name, and sniStrict is set"


@pytest.mark.parametrize(
    ("name", "shown", "why"),
    [
        (
            "a",
            {"options": "mutual@file", "clientAuth": "RequireAnyClientCert", "certificate": OWN},
            None,
        ),
        ("b", {"options": "alpn@file"}, "no protocol in common: the options have smtp"),
        ("c", {"options": ""}, "the TLS options for this name cannot be used"),
        ("d", {"options": "strict@file"}, NO_CERTIFICATE),
        ("e", {"options": "default", "certificate": "default"}, None),
        ("z", {"options": "default", "certificate": "default"}, None),
    ],
)
def test_the_handshake(secure: str, name: str, shown: dict[str, Any], why: str | None):
    answer = ask_about(secure, f"https://{name}.example.com/")
    refused = {} if why is None else {"refused": why}
    assert answer["tls"] == {"serverName": f"{name}.example.com"} | shown | refused
    if why is None:
        assert "router" in answer
    else:
        assert answer["result"] == {"kind": "closed", "by": "TLS", "why": why}
        assert "router" not in answer


def test_a_conflict_of_options_is_told(secure: str):
    answer = ask_about(secure, "https://e.example.com/")
    assert answer["router"]["name"] == "websecure-conflicted-e1@file"
    assert "conflicting" in answer["router"]["warnings"][0]


def test_another_host_than_the_connections(secure: str):
    answer = ask_about(secure, "https://z.example.com/", headers=[("Host", "a.example.com")])
    assert answer["result"] == {
        "kind": "answer",
        "status": 421,
        "by": "TLS options",
        "name": "mutual@file",
        "headers": {},
    }


def test_an_address_has_no_server_name(secure: str):
    answer = ask_about(secure, "https://192.0.2.1/", entry_point="websecure")
    assert answer["tls"] == {"serverName": "", "options": "default", "certificate": "default"}


def test_a_tcp_router_and_its_service(secure: str):
    answer = ask_about(secure, "https://t.example.com/")
    balancer = {
        "name": "s@file",
        "kind": "loadBalancer",
        "servers": [
            {"address": "192.0.2.1:1", "weight": 1, "tls": True},
            {"address": "192.0.2.2:2", "weight": 1},
        ],
    }
    again = {"name": "s@file", "kind": "loadBalancer", "repeated": True, "weight": 1}
    assert answer["tcpRouter"] == {
        "name": "t@file",
        "rule": "HostSNI(`t.example.com`)",
        "priority": 24,
        "middlewares": ["few@file"],
        "passthrough": False,
        "service": {
            "name": "w@file",
            "kind": "weighted",
            "services": [
                balancer | {"weight": 2},
                {"name": "x@file", "kind": "weighted", "services": [again], "weight": 1},
            ],
        },
    }
    assert answer["tls"]["certificate"] == OWN
    assert answer["result"] == {"kind": "tcp", "router": "t@file", "service": "w@file"}


def test_tcp_routers_that_cannot_serve(secure: str):
    broken = ask_about(secure, "https://u.example.com/")["result"]
    assert (broken["kind"], broken["by"], broken["name"]) == ("closed", "TCP router", "u@file")
    strict = ask_about(secure, "https://v.example.com/")["result"]
    assert strict == {"kind": "closed", "by": "TLS", "why": NO_CERTIFICATE}
