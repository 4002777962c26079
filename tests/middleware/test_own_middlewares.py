"""What goes beyond Traefik: `ipDenyList`, `limit` and `respond`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.live import Seen, ask, backend, live, plain, routed
from tests.pieces import Pieces, body_of
from tests.support import Origin, build, make_request, read_all, run
from trafficcop.config.own import IPDenyList, Limit, Respond
from trafficcop.config.shared import IPStrategy
from trafficcop.errors import Kind, ProxyError
from trafficcop.http.body import Bytes
from trafficcop.http.headers import Headers
from trafficcop.http.messages import Request, Response

# === ipDenyList ===

XFF = "X-Forwarded-For"


@pytest.mark.parametrize(
    ("options", "peer", "forwarded_for", "status"),
    [
        ({"source_range": ("192.0.2.0/24",)}, "192.0.2.7", None, 403),
        ({"source_range": ("192.0.2.0/24",)}, "198.51.100.7", None, 200),
        ({"source_range": ("192.0.2.0/24",)}, "", None, 403),
        ({"source_range": ("192.0.2.7", "2001:db8::/32")}, "2001:db8::1", None, 403),
        ({"source_range": ("192.0.2.7",), "reject_status_code": 404}, "192.0.2.7", None, 404),
        ({"source_range": ("192.0.2.7",), "ip_strategy": IPStrategy()}, "192.0.2.7", None, 403),
        ({"source_range": ("192.0.2.7",), "ip_strategy": IPStrategy(depth=1)}, "192.0.2.7", "203.0.113.1", 200),
        ({"source_range": ("203.0.113.1",), "ip_strategy": IPStrategy(depth=1)}, "192.0.2.7", "203.0.113.1", 403),
        ({"source_range": ("203.0.113.1",), "ip_strategy": IPStrategy(depth=2)}, "192.0.2.7", "203.0.113.1", 403),
        ({"source_range": ("203.0.113.1",), "ip_strategy": IPStrategy(depth=1)}, "192.0.2.7", "garbage", 403),
        ({"source_range": ("2001:db8::",), "ip_strategy": IPStrategy(ipv6_subnet=64)}, "2001:db8::7", None, 403),
    ],
)
async def test_who_is_denied(options: Any, peer: str, forwarded_for: str | None, status: int):
    request = make_request(peer=peer, headers=[] if forwarded_for is None else [(XFF, forwarded_for)])
    answer = await run(build("ip_deny_list", IPDenyList(**options), Origin(body=b"fine")), request)
    texts = {200: b"fine", 403: b"Forbidden", 404: b"Not Found"}
    assert answer == (status, {}, texts[status])


# === limit ===


class Reading:
    """A server that reads the request before it answers."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def __call__(self, request: Request) -> Response:
        self.bodies.append(await read_all(request.body))
        return Response(200, Headers(), Bytes(b"fine"))


REFUSED = (413, {}, b"Request Entity Too Large")


@pytest.mark.parametrize(
    ("body", "is_refused"),
    [
        (b"", False),
        (b"12345", False),
        (b"123456", True),
        (Pieces(b"123", b"45"), False),
        (Pieces(b"123", b"456"), True),
        (Pieces(b"12345", is_whole=True), False),
        (Pieces(b"123456", is_whole=True), True),
    ],
)
async def test_sizes(body: Any, is_refused: bool):
    server = Reading()
    answer = await run(
        build("limit", Limit(max_request_body_bytes=5), server), make_request(method="POST", body=body_of(body))
    )
    assert answer == (REFUSED if is_refused else (200, {}, b"fine"))
    assert len(server.bodies) == (not is_refused)


async def test_what_is_known_to_be_too_long_is_not_sent_at_all():
    server = Origin()
    await run(build("limit", Limit(max_request_body_bytes=5), server), make_request(method="POST", body=b"123456"))
    assert not server.requests


async def test_trailers_pass():
    request = make_request(method="POST", body=Pieces(b"1", trailers=[(b"X-Sum", b"1")]).stream())
    await run(build("limit", Limit(max_request_body_bytes=5), Reading()), request)
    assert request.body.trailers == [(b"X-Sum", b"1")]


async def test_other_failures_pass():
    async def unreachable(request: Request) -> Response:
        raise ProxyError(Kind.UNREACHABLE)

    with pytest.raises(ProxyError):
        await build("limit", Limit(max_request_body_bytes=5), unreachable)(
            make_request(method="POST", body=Pieces().stream())
        )


async def test_limit_through_a_listener():
    seen = Seen()
    async with backend(lambda n, head, body: plain(200, b"%d" % len(body)), seen) as port:
        async with live(routed("limit: {maxRequestBodyBytes: 1000}", port)) as web:
            fits = await ask(web, "POST /", b"x" * 1000)
            long = await ask(web, "POST /", b"x" * 1001)
            chunks = b"1f4\r\n" + b"x" * 500 + b"\r\n"
            streams = [
                await ask(web, "POST /\nTransfer-Encoding: chunked", chunks * count + b"0\r\n\r\n", is_framed=True)
                for count in (2, 3)
            ]
    assert (fits[0], fits[2]) == (200, b"1000")
    assert (long[0], long[2]) == (413, b"Request Entity Too Large")
    assert [(status, body) for status, _, body in streams] == [(200, b"1000"), (413, b"Request Entity Too Large")]


# === respond ===

TEXT = "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ({}, (200, {}, b"")),
        ({"status": 204}, (204, {}, b"")),
        ({"status": 503, "body": "Back soon"}, (503, {"Content-Type": TEXT}, b"Back soon")),
        ({"body": "<html>"}, (200, {"Content-Type": "text/html; charset=utf-8"}, b"<html>")),
        (
            {"body": "{}", "headers": {"content-type": "application/json", "Retry-After": "60"}},
            (200, {"content-type": "application/json", "Retry-After": "60"}, b"{}"),
        ),
    ],
)
async def test_answers(options: Any, answer: Any):
    server = Origin()
    handler = build("respond", Respond(**options), server)
    for _ in range(2):
        status, headers, body = await run(handler, make_request())
        assert (status, {name.title(): value for name, value in headers.items()}, body) == (
            answer[0],
            {name.title(): value for name, value in answer[1].items()},
            answer[2],
        )
    assert not server.requests


async def test_a_file(tmp_path: Path):
    path = tmp_path / "robots.txt"
    path.write_text("User-agent: *\n")
    answer = await run(build("respond", Respond(file=str(path)), Origin()), make_request())
    assert answer == (200, {"Content-Type": TEXT}, b"User-agent: *\n")


async def test_respond_through_a_listener():
    text = (
        "http:\n"
        "  routers: {r: {rule: PathPrefix(`/`), service: noop@internal, middlewares: [m]}}\n"
        "  middlewares: {m: {respond: {status: 503, headers: {Retry-After: '60'}, body: Back soon}}}\n"
    )
    async with live(text) as web:
        status, headers, body = await ask(web, "GET /x")
        head = await ask(web, "HEAD /x")
    assert (status, headers["retry-after"], body) == (503, "60", b"Back soon")
    assert (head[0], head[1]["content-length"], head[2]) == (503, "9", b"")


@pytest.mark.parametrize(
    ("kind", "config", "text"),
    [
        ("ip_deny_list", IPDenyList(), "sourceRange is empty, IPDenyLister not created"),
        (
            "ip_deny_list",
            IPDenyList(source_range=("192.0.2.1",), reject_status_code=999),
            "invalid HTTP status code 999",
        ),
        (
            "ip_deny_list",
            IPDenyList(source_range=("nobody",)),
            "cannot parse CIDRs [nobody]: parsing CIDR trusted IPs <nil>: invalid CIDR address: nobody",
        ),
        ("limit", Limit(), "maxRequestBodyBytes should be > 0 got 0"),
        ("limit", Limit(max_request_body_bytes=-1), "maxRequestBodyBytes should be > 0 got -1"),
        ("respond", Respond(status=101), "invalid status 101: an answer has one from 200 to 599"),
        ("respond", Respond(status=204, body="x"), "status 204 has no body"),
        ("respond", Respond(body="x", file="y"), "body and file options are mutually exclusive"),
        ("respond", Respond(file="/does/not/exist"), "unable to read file /does/not/exist: No such file or directory"),
        ("respond", Respond(headers={"a b": "c"}), "invalid header name 'a b'"),
        ("respond", Respond(headers={"Content-Length": "7"}), "invalid header name 'Content-Length'"),
    ],
)
def test_bad_configuration(kind: str, config: object, text: str):
    with pytest.raises(ValueError) as raised:
        build(kind, config, Origin())
    assert str(raised.value) == text
