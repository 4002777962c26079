"""What each middleware adds to a request: the whole router in one process, between connections without a kernel.

`python benches/added.py` prints a document; it imports nothing of `benches`: any interpreter that has trafficcop
may run it. Requests go in as bytes at a client's connection and out as bytes at a server's, so that what a middleware
makes the codec do counts as well. What a system call costs varies more than what is asked for here, so there is none:
turns with and without the middleware alternate, and of each the quickest count. An auth server is a second connection
of the same kind: what `forwardAuth` adds is the whole exchange with it, without its system calls. `respond` adds less
than nothing: what it costs itself, less what a server would have cost.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import hashlib
import itertools
import json
import re
import socket
import ssl
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import uvloop

from trafficcop.config.decode import decode_dynamic
from trafficcop.config.entry_points import EntryPoint
from trafficcop.config.static import StaticConfiguration
from trafficcop.control.compile import compile as compile_plan
from trafficcop.plan.messages import PlanPart
from trafficcop.proxy.h1 import ServerConnection
from trafficcop.proxy.pool import Pool
from trafficcop.server.connection import Connection
from trafficcop.store.shared import SharedMemory, SharedStore
from trafficcop.tls.facts import TLSFacts
from trafficcop.tls.generated import generate_quickly
from trafficcop.worker.runtime import Runtime

BATCH = 200
TURNS = 60
AUTH_PORT = 2
FIELDS = (
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\n"
    b"Accept-Encoding: gzip, deflate, br, zstd\r\nCookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n"
    b"Connection: keep-alive\r\n"
)
_PASSWORD = "{SHA}" + base64.b64encode(hashlib.sha1(b"word", usedforsecurity=False).digest()).decode()
_SECRET = "0123456789abcdef" * 2


def _answer(size: int, status: bytes = b"200 OK") -> bytes:
    head = b"HTTP/1.1 %b\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nServer: bench\r\nContent-Type: text/plain\r\n"
    return head % status + b"Content-Length: %d\r\n\r\n" % size + b"x" * size


class Proof:
    """What a client of `digestAuth` sends once it was asked to: one challenge, then a count that grows (RFC 7616)."""

    def __init__(self, user: bytes, realm: bytes, password: bytes) -> None:
        self._user = user
        self._realm = realm
        self._secret = _md5(b":".join((user, realm, password)))
        self._counts = itertools.count(1)
        self._asked = b"", b""

    @property
    def secret(self) -> str:
        """The line of a users file."""
        return b":".join((self._user, self._realm, self._secret)).decode()

    def take(self, challenge: bytes) -> None:
        nonce, opaque = re.search(rb'nonce="([^"]+)"', challenge), re.search(rb'opaque="([^"]+)"', challenge)
        if nonce is None or opaque is None:
            raise RuntimeError(f"no challenge: {challenge!r}")
        self._asked = nonce[1], opaque[1]

    def line(self, method: bytes, target: bytes) -> bytes:
        """The field of the next request."""
        nonce, opaque = self._asked
        count = b"%08x" % next(self._counts)
        response = _md5(b":".join((self._secret, nonce, count, b"0a4f113b", b"auth", _md5(method + b":" + target))))
        who = b'Authorization: Digest username="%b", realm="%b", nonce="%b", uri="%b", ' % (
            self._user,
            self._realm,
            nonce,
            target,
        )
        how = b'cnonce="0a4f113b", nc=%b, qop=auth, response="%b", opaque="%b", algorithm=MD5\r\n'
        return who + how % (count, response, opaque)


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).hexdigest().encode()


@dataclass(frozen=True, slots=True)
class Case:
    """One row: a middleware (or a service), and a request that it lets pass."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    target: bytes = b"/app/page?id=7"
    method: bytes = b"GET"
    fields: bytes = b""
    body: bytes = b""
    answer: bytes = field(default_factory=lambda: _answer(70))
    is_new: bool = False  # every request is for a path that was never asked for
    others: dict[str, Any] = field(default_factory=dict)  # middlewares that this one names
    proof: Proof | None = None
    has_certificate: bool = False  # the client has shown one
    services: dict[str, Any] | None = None  # the row is the service `measured` of these, and `app` what it is held to

    def requests(self, host: bytes, turn: int) -> list[bytes]:
        """The requests of one turn."""
        if self.proof is not None:
            return [self.request(host, self.target) for _ in range(BATCH)]
        if not self.is_new:
            return [self.request(host, self.target)] * BATCH
        return [self.request(host, b"/app/page/%d/%d?id=7" % (turn, number)) for number in range(BATCH)]

    def request(self, host: bytes, target: bytes) -> bytes:
        head = b"%b %b HTTP/1.1\r\nHost: %b\r\n" % (self.method, target, host)
        length = b"Content-Length: %d\r\n" % len(self.body) if self.body else b""
        proof = b"" if self.proof is None else self.proof.line(self.method, target)
        return head + FIELDS + self.fields + proof + length + b"\r\n" + self.body


def _token() -> bytes:
    import jwt

    return jwt.encode({"sub": "user", "exp": 4102444800}, _SECRET).encode()


def cases() -> Iterator[Case]:
    """Every middleware, in the shape in which it is met most."""
    basic = b"Authorization: Basic " + base64.b64encode(b"user:word") + b"\r\n"
    yield Case("addPrefix", {"prefix": "/v1"})
    yield Case("basicAuth", {"users": [f"user:{_PASSWORD}"]}, fields=basic)
    cheap = {"first": {"addPrefix": {"prefix": "/v1"}}, "second": {"replacePath": {"path": "/other"}}}
    yield Case("chain, of two", {"middlewares": ["first", "second"]}, others=cheap)
    proof = Proof(b"user", b"traefik", b"word")
    yield Case("digestAuth", {"users": [proof.secret]}, proof=proof)
    yield Case("encodedCharacters", {"allowEncodedSlash": True}, target=b"/app/a%20page?id=7")
    yield Case("headers, request", {"customRequestHeaders": {"X-Edge": "bench", "Cookie": ""}})
    yield Case("ipAllowList", {"sourceRange": ["192.0.2.0/24", "127.0.0.0/8"]})
    yield Case("ipDenyList", {"sourceRange": ["192.0.2.0/24", "198.51.100.0/24"]})
    yield Case("ipWhiteList", {"sourceRange": ["192.0.2.0/24", "127.0.0.0/8"]})
    bearer = b"Authorization: Bearer " + _token() + b"\r\n"
    yield Case("jwt", {"secret": _SECRET}, fields=bearer)
    yield Case("limit", {"maxRequestBodyBytes": 1000}, method=b"POST", body=b"x" * 100)
    yield Case("passTLSClientCert", {"pem": True, "info": {"subject": {"commonName": True}}}, has_certificate=True)
    yield Case("redirectRegex", {"regex": "^http://old[.]example[.]com/(.*)", "replacement": "http://new/$1"})
    yield Case("redirectScheme", {"scheme": "http"})
    yield Case("replacePath", {"path": "/other"})
    yield Case("replacePathRegex", {"regex": "^/app/(.*)", "replacement": "/api/$1"})
    yield Case("stripPrefix", {"prefixes": ["/app"]})
    yield Case("stripPrefixRegex", {"regex": ["/[a-z]+/"]})
    # Where nothing is known of the path yet.
    old = {"regex": "^http://old[.]example[.]com/(.*)", "replacement": "http://new/$1"}
    yield Case("redirectRegex, new paths", old, is_new=True)
    yield Case("replacePathRegex, new paths", {"regex": "^/app/(.*)", "replacement": "/api/$1"}, is_new=True)
    yield Case("stripPrefixRegex, new paths", {"regex": ["/[a-z]+/"]}, is_new=True)
    yield from _of_both_ways()


def _of_both_ways() -> Iterator[Case]:
    """Those that look at answers, too, or at what all workers share."""
    yield Case("rateLimit", {"average": 10**8, "burst": 10**8})
    yield Case("inFlightReq", {"amount": 1000})
    yield Case("buffering", {"maxRequestBodyBytes": 100000}, method=b"POST", body=b"x" * 100)
    yield Case("circuitBreaker", {"expression": "NetworkErrorRatio() > 0.5"})
    yield Case("circuitBreaker, latency", {"expression": "LatencyAtQuantileMS(50.0) > 100"})
    yield Case("compress, short body", {})
    yield Case("compress, other type", {"excludedContentTypes": ["text/plain"]})
    yield Case("contentType", {})
    yield Case("errors", {"status": ["500-599"], "service": "app", "query": "/{status}"})
    asked = {"address": f"http://127.0.0.1:{AUTH_PORT}/auth", "trustForwardHeader": False}
    yield Case("forwardAuth", asked)
    yield Case("forwardAuth, cached", asked | {"cache": {"ttl": "1h"}})
    yield Case("grpcWeb", {"allowOrigins": ["*"]})
    yield Case("headers, response", {"customResponseHeaders": {"X-Frame-Options": "DENY"}})
    cors = {"accessControlAllowOriginList": ["https://a.example.com"], "addVaryHeader": True}
    yield Case("headers, CORS", cors, fields=b"Origin: https://a.example.com\r\n")
    pattern = {"accessControlAllowOriginListRegex": ["^https://[a-z]+[.]example[.]com$"]}
    yield Case("headers, CORS by expression", pattern, fields=b"Origin: https://a.example.com\r\n")
    security = {"frameDeny": True, "contentTypeNosniff": True, "browserXssFilter": True, "stsSeconds": 31536000}
    yield Case("headers, security", security)
    yield Case("respond, no server", {"body": "x" * 70})
    yield Case("retry", {"attempts": 3})
    yield Case("retry, by status", {"attempts": 3, "status": ["500-599"]})


def _document(case: Case) -> dict[str, Any]:
    if case.services is not None:
        rules = {name: {"rule": f"Host(`{name}.example.com`)", "service": "app"} for name in ("with", "base")}
        return {
            "http": {"routers": rules | {"with": rules["with"] | {"service": "measured"}}, "services": case.services}
        }
    kind = case.name.partition(",")[0]
    return {
        "http": {
            "routers": {
                "with": {"rule": "Host(`with.example.com`)", "service": "app", "middlewares": ["measured"]},
                "base": {"rule": "Host(`base.example.com`)", "service": "app"},
            },
            "middlewares": {"measured": {kind: case.options}, **case.others},
            "services": {"app": {"loadBalancer": {"servers": [{"url": "http://127.0.0.1:1"}]}}},
        }
    }


class Ear(asyncio.Transport):
    """The transport of a connection that ends here: it keeps what was written last."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 40000), "sockname": ("127.0.0.1", 80)})
        self.heard = b""

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self.heard += bytes(data)

    def is_closing(self) -> bool:
        return False

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def abort(self) -> None:
        raise RuntimeError(f"a connection was given up after {self.heard!r}")

    close = abort


class Server:
    """A server's end of a connection that the router has already: it gives one answer to everything."""

    def __init__(self, pool: Pool, answer: bytes) -> None:
        self.ear = Ear()
        self.answer = answer
        connection = ServerConnection(pool)
        connection.connection_made(self.ear)
        pool.adopt(connection)
        pool.release(connection)
        self.reply = connection.data_received


class Line:
    """A client's connection, the router, and the servers' connections, all of one thread."""

    def __init__(self, runtime: Runtime, case: Case) -> None:
        self.client = Ear()
        self._down = Connection(runtime.listeners["web"])
        self._down.connection_made(self.client)
        if case.has_certificate and self._down.peer is not None:
            self._down.peer.tls = _facts()
        # The auth server is asked before the other one.
        pools = sorted(runtime._pools._pools.values(), key=lambda pool: pool.origin.port != AUTH_PORT)
        self._servers = [Server(pool, _answer(0) if pool.origin.port == AUTH_PORT else case.answer) for pool in pools]

    async def first(self, request: bytes) -> bytes:
        """One exchange for which anything may be waited; what the client got."""
        self.client.heard = b""
        self._down.data_received(request)
        for _ in range(1000):
            for server in self._servers:
                if server.ear.heard:
                    server.ear.heard = b""
                    server.reply(server.answer)
            if self.client.heard:
                return self.client.heard
            await asyncio.sleep(0.005)
        raise RuntimeError("no answer")

    async def turn(self, requests: list[bytes]) -> float:
        """Nanoseconds that a request takes, of a batch of them; with what they leave for the loop's next turn."""
        client, ask = self.client, self._down.data_received
        servers = [(server.ear, server.reply, server.answer) for server in self._servers]
        began = time.thread_time_ns()
        for request in requests:
            client.heard = b""
            ask(request)
            for ear, reply, answer in servers:
                if ear.heard:
                    ear.heard = b""
                    reply(answer)
        await asyncio.sleep(0)
        taken = (time.thread_time_ns() - began) / BATCH
        if not client.heard.startswith(b"HTTP/1.1 200 "):
            raise RuntimeError(f"{request!r} got {client.heard!r}")
        return taken


class _Shown:
    """An engine of TLS that knows a client's certificate and nothing else."""

    def __init__(self, chain: tuple[bytes, ...]) -> None:
        self._chain = chain

    def peer_chain(self) -> tuple[bytes, ...]:
        return self._chain


def _facts() -> TLSFacts:
    shown: Any = _Shown((ssl.PEM_cert_to_DER_cert(generate_quickly().chain.decode()),))
    return TLSFacts(shown, "default", "with.example.com")


async def measure(case: Case) -> float:
    """Microseconds that it adds."""
    static = StaticConfiguration(entry_points={"web": EntryPoint()})
    decoded = decode_dynamic(_document(case))
    plan, report = compile_plan(static, {"file": decoded.value}, decoded.issues)
    if any(not issue.is_warning for issue in report.issues):
        raise RuntimeError(f"{case.name}: {report.issues}")
    runtime = Runtime(static, None, SharedStore(SharedMemory(2), 0))
    with socket.socket() as sock:
        runtime.listen("web", sock)
        linker = runtime.linker()
        services, middlewares = tuple(plan.services.values()), tuple(plan.middlewares.values())
        linker.add(PlanPart(1, plan.routers, services, middlewares, plan.transports, is_last=True))
        runtime.install(linker.finish())
        line = Line(runtime, case)
        hosts = b"with.example.com", b"base.example.com"
        if case.proof is not None:
            case.proof.take(await line.first(case.request(hosts[0], case.target)))
        for host in hosts:
            heard = await line.first(case.request(host, case.target))
            if not heard.startswith(b"HTTP/1.1 200 "):
                raise RuntimeError(f"{case.name}: {heard!r}")
        gc.collect()
        gc.freeze()
        return await _difference(lambda number: line.turn(case.requests(hosts[number % 2], number)))


async def _difference(turn: Callable[[int], Awaitable[float]]) -> float:
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(2 * TURNS):
        taken[number % 2].append(await turn(number))
    with_it, without = (statistics.mean(sorted(row)[: TURNS // 4]) for row in taken)
    return (with_it - without) / 1e3


def print_rows(cases: Iterable[Case]) -> None:
    """Measure those named on the command line, or all."""
    wanted = sys.argv[1:]
    found: dict[str, float] = {}
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        for case in cases:
            if not wanted or case.name in wanted or case.name.partition(",")[0] in wanted:
                found[case.name] = runner.run(measure(case))
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    print_rows(cases())
