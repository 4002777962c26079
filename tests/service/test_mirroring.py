"""`mirroring`: who gets a copy and of what, and that the main answer never suffers."""

from __future__ import annotations

import asyncio
import logging

import pytest

from tests.live import Seen, ask, backend, live, plain
from tests.loopback import Scripted, Visit, until
from tests.pieces import Pieces
from tests.support import Origin, make_request, read_all, run
from trafficcop.errors import Kind, ProxyError
from trafficcop.http.body import EMPTY, Body
from trafficcop.http.headers import Headers
from trafficcop.http.messages import Request, Response
from trafficcop.service import mirroring
from trafficcop.service.mirroring import Mirror, Mirroring


class Reading:
    """A server that reads what it gets, notes it and answers."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.bodies: list[bytes] = []
        self.requests: list[Request] = []

    async def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        self.bodies.append(await read_all(request.body))
        return Response(self.status, Headers(), EMPTY)


async def settled(*mirrorings: Mirroring) -> None:
    """Returns when no copy is under way any more."""
    await until(lambda: not any(one.under_way for one in mirrorings))


@pytest.mark.parametrize(
    ("percent", "chosen"),
    [
        (0, []),
        (1, [1, 101]),
        (10, [1, 11, 21, 31, 41, 51, 61, 71, 81, 91, 101, 111]),
        (50, list(range(1, 121, 2))),
        (75, [n for n in range(1, 121) if n % 4]),
        (100, list(range(1, 121))),
    ],
)
def test_shares_are_exact_at_any_time(percent: int, chosen: list[int]) -> None:
    mirror = Mirror(Origin(), percent)
    assert [total for total in range(1, 121) if mirror.is_next(total)] == chosen


async def test_every_mirror_has_its_share() -> None:
    main, first, second = Origin(), Reading(), Reading()
    handler = Mirroring(main, [Mirror(first, 20), Mirror(second, 50)])
    for _ in range(40):
        await run(handler, make_request())
        await settled(handler)
    assert (len(main.requests), len(first.requests), len(second.requests)) == (40, 8, 20)


async def test_a_copy_is_the_request_as_it_came() -> None:
    async def meddling(request: Request) -> Response:
        request.raw_path = b"/changed"
        request.headers.set(b"X-Kept", b"changed")
        return await Origin(body=await read_all(request.body))(request)

    mirror = Reading()
    handler = Mirroring(meddling, [Mirror(mirror, 100)])
    request = make_request("/path?q=1", method="POST", headers=[("X-Kept", "1")], body=b"content", peer="192.0.2.7")
    assert (await run(handler, request))[2] == b"content"
    await settled(handler)
    (copy,) = mirror.requests
    assert (copy.method, copy.raw_path, copy.query, copy.authority) == (b"POST", b"/path", b"q=1", b"example.com")
    assert (copy.headers.get(b"X-Kept"), copy.peer.text, copy.exchange) == (b"1", "192.0.2.7", None)
    assert mirror.bodies == [b"content"]


class TestBodies:
    @pytest.mark.parametrize("limit", [-1, 8, 9])
    @pytest.mark.parametrize(
        "body",
        [b"12345678", Pieces(b"1234", b"5678", length=8), Pieces(b"1234", b"5678"), Pieces(b"12345678", is_whole=True)],
    )
    async def test_within_the_limit(self, limit: int, body: bytes | Pieces) -> None:
        main, mirror = Reading(), Reading()
        handler = Mirroring(main, [Mirror(mirror, 100)], limit=limit)
        await run(handler, make_request(method="POST", body=body if isinstance(body, bytes) else body.stream()))
        await settled(handler)
        assert main.bodies == mirror.bodies == [b"12345678"]

    @pytest.mark.parametrize("limit", [0, 7])
    @pytest.mark.parametrize(
        "body",
        [b"12345678", Pieces(b"1234", b"5678", length=8), Pieces(b"1234", b"5678"), Pieces(b"12345678", is_whole=True)],
    )
    async def test_beyond_the_limit(self, limit: int, body: bytes | Pieces) -> None:
        main, mirror = Reading(), Reading()
        handler = Mirroring(main, [Mirror(mirror, 100)], limit=limit)
        await run(handler, make_request(method="POST", body=body if isinstance(body, bytes) else body.stream()))
        await settled(handler)
        assert main.bodies == [b"12345678"]
        assert mirror.bodies == []

    async def test_no_body_is_within_every_limit(self) -> None:
        mirror = Reading()
        handler = Mirroring(Reading(), [Mirror(mirror, 100)], limit=0)
        await run(handler, make_request())
        await settled(handler)
        assert mirror.bodies == [b""]

    async def test_not_wanted(self) -> None:
        main, mirror = Reading(), Reading()
        handler = Mirroring(main, [Mirror(mirror, 100)], has_bodies=False, limit=0)
        await run(handler, make_request(method="POST", body=Pieces(b"12", b"34").stream()))
        await settled(handler)
        assert (main.bodies, mirror.bodies) == ([b"1234"], [b""])

    async def test_trailers_are_part_of_it(self) -> None:
        seen: list[object] = []

        async def mirror(request: Request) -> Response:
            await read_all(request.body)
            seen.append(request.body.trailers)
            return Response(200, Headers(), EMPTY)

        handler = Mirroring(Reading(), [Mirror(mirror, 100)])
        await run(handler, make_request(method="POST", body=Pieces(b"12", trailers=[(b"X-Sum", b"3")]).stream()))
        await settled(handler)
        assert seen == [[(b"X-Sum", b"3")]]

    async def test_what_the_main_service_did_not_read_is_not_mirrored(self) -> None:
        mirror = Reading()
        handler = Mirroring(Origin(413), [Mirror(mirror, 100)])
        body = Pieces(b"12", is_endless=True).stream()
        assert (await run(handler, make_request(method="POST", body=body)))[0] == 413
        await settled(handler)
        assert mirror.requests == []


class TestTheMainAnswer:
    async def test_does_not_wait_for_mirrors(self) -> None:
        free = asyncio.Event()

        async def hanging(request: Request) -> Response:
            await free.wait()
            return await Origin()(request)

        handler = Mirroring(Origin(), [Mirror(hanging, 100)])
        for _ in range(3):
            assert (await run(handler, make_request()))[0] == 200
        assert len(handler.under_way) == 3
        free.set()
        await settled(handler)

    async def test_does_not_suffer_from_their_failures(self, caplog: pytest.LogCaptureFixture) -> None:
        async def failing(request: Request) -> Response:
            raise ProxyError(Kind.UNREACHABLE)

        async def broken(request: Request) -> Response:
            raise ZeroDivisionError

        last = Reading()
        handler = Mirroring(Origin(), [Mirror(failing, 100), Mirror(broken, 100), Mirror(last, 100)])
        assert (await run(handler, make_request()))[0] == 200
        await settled(handler)
        assert len(last.requests) == 1
        assert "ZeroDivisionError" in caplog.text

    async def test_may_be_a_failure(self) -> None:
        async def failing(request: Request) -> Response:
            raise ProxyError(Kind.UNREACHABLE)

        mirror = Reading()
        handler = Mirroring(failing, [Mirror(mirror, 100)])
        with pytest.raises(ProxyError):
            await run(handler, make_request())
        await settled(handler)
        assert len(mirror.requests) == 1

    async def test_for_a_client_that_left_nothing_is_mirrored(self) -> None:
        async def left(request: Request) -> Response:
            raise ProxyError(Kind.CLIENT_GONE)

        mirror = Reading()
        handler = Mirroring(left, [Mirror(mirror, 100)])
        with pytest.raises(ProxyError):
            await run(handler, make_request())
        await settled(handler)
        assert mirror.requests == []


async def test_answers_of_mirrors_are_read_to_their_end() -> None:
    answer = Pieces(b"1", b"2", b"3")
    bodies: list[Body] = []

    async def mirror(request: Request) -> Response:
        bodies.append(answer.stream())
        return Response(200, Headers(), bodies[0])

    handler = Mirroring(Origin(), [Mirror(mirror, 100)])
    await run(handler, make_request())
    await settled(handler)
    assert await bodies[0].read() == b""


async def test_copies_under_way_are_bounded(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(mirroring, "MOST_UNDER_WAY", 2)
    free = asyncio.Event()

    async def hanging(request: Request) -> Response:
        await free.wait()
        return await Origin()(request)

    handler = Mirroring(Origin(), [Mirror(hanging, 100)])
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            assert (await run(handler, make_request()))[0] == 200
    assert len(handler.under_way) == 2
    assert len(caplog.records) == 1
    free.set()
    await settled(handler)


SERVICES = """
http:
  routers: {{r: {{rule: PathPrefix(`/`), service: m}}}}
  services:
    m: {{mirroring: {{service: main, maxBodySize: 10, mirrors: [{{name: copy, percent: 50}}]}}}}
    main: {{loadBalancer: {{servers: [{{url: "http://127.0.0.1:{main}"}}]}}}}
    copy: {{loadBalancer: {{servers: [{{url: "http://127.0.0.1:{copy}"}}]}}}}
"""


async def test_behind_a_listener() -> None:
    seen = Seen()
    async with (
        backend(lambda n, head, body: plain(200, b"main")) as main,
        backend(lambda n, head, body: plain(500, b"copy"), seen) as copy,
        live(SERVICES.format(main=main, copy=copy)) as port,
    ):
        for n in range(6):
            assert (await ask(port, f"POST /{n}", b"%d" % n))[::2] == (200, b"main")
        assert (await ask(port, "POST /long", b"12345678901"))[::2] == (200, b"main")
        await until(lambda: len(seen.bodies) == 3)
        assert [head.split(" ")[1] for head in seen.heads] == ["/0", "/2", "/4"]
        assert seen.bodies == [b"0", b"2", b"4"]
        assert "X-Forwarded-For: 127.0.0.1\r\n" in seen.heads[0]


async def test_a_mirror_that_never_answers_slows_nobody() -> None:
    """Each request waits for the one before it: one that waited for the mirror would wait for ever."""

    async def never(visit: Visit) -> None:
        await visit.head()
        await visit.closed()

    copy = Scripted(never)
    await copy.start()
    async with (
        backend(lambda n, head, body: plain(200, b"main")) as main,
        live(SERVICES.format(main=main, copy=copy.port)) as port,
    ):
        for n in range(20):
            assert (await ask(port, f"POST /{n}", b"%d" % n))[::2] == (200, b"main")
        await until(lambda: len(copy.heads) == 10)
    await copy.stop()
