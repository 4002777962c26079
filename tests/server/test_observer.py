"""What the access log says of a request that went through router, server and pipeline."""

import json
from collections.abc import Awaitable
from pathlib import Path
from time import monotonic

import pytest

from tests.loopback import Scripted, Visit, router, until
from trafficcop.config.entry_points import EntryPoint
from trafficcop.config.observability import AccessLog as AccessLogOptions
from trafficcop.config.observability import AccessLogFieldHeaders, AccessLogFields
from trafficcop.config.static import StaticConfiguration
from trafficcop.errors import Kind, ProxyError
from trafficcop.http.answer import Answer
from trafficcop.http.body import Bytes
from trafficcop.http.headers import MANAGED, Headers
from trafficcop.http.messages import Handler, Peer, Ready, Request, Response, Route, bare_response
from trafficcop.http.observed import Observed
from trafficcop.proxy.observed import ObservedHandler
from trafficcop.server.access_observer import AccessObserver
from trafficcop.server.admission import Admission
from trafficcop.server.pipeline import pipeline_of
from trafficcop.telemetry.access import AccessLog


def server(request: Request) -> Awaitable[Response]:
    return Ready(Response(201, Headers([(b"Server", b"theirs")]), Bytes(b"hello")))


def refusing(request: Request) -> Awaitable[Response]:
    raise ProxyError(Kind.UNREACHABLE, "refused")


def noted(handler: Handler) -> Handler:
    return ObservedHandler(handler, Observed(None, has_origins=True, has_headers=True))


async def logged(path: Path, handler: Handler, *, is_logged: bool = True) -> dict[str, object] | None:
    """The line of one request that `handler` answered, behind a middleware that takes the Server field away."""
    everything = AccessLogFieldHeaders(default_mode="keep")
    log = AccessLog(AccessLogOptions(format="json", file_path=str(path), fields=AccessLogFields(headers=everything)))
    observer = AccessObserver(log, "web")
    request = Request(b"GET", b"/", None, Headers())
    request.started = monotonic()
    answer = Answer()
    answer.record = observer.begin(request, True)
    request.route = Route("web@file", "app@file", is_logged=is_logged)
    try:
        response = await handler(request)
        response.headers.remove(b"server")
    except ProxyError:
        response = bare_response(502, b"Bad Gateway")
    observer.end_whole(answer, response, 9)
    log.close()
    return read(path)


class Sink:
    """An exchange whose client takes everything."""

    is_congested = False
    is_started = False
    sent_size = 0

    def send_informational(self, status: int, headers: Headers) -> None:
        pass

    def send_head(self, response: Response, first: bytes, is_last: bool) -> None:
        self.is_started = True
        self.sent_size = len(first)

    def send_data(self, data: bytes) -> None:
        self.sent_size += len(data)

    def finish(self, response: Response) -> None:
        pass

    def abort(self) -> None:
        pass

    async def drained(self) -> None:
        pass


def read(path: Path) -> dict[str, object] | None:
    text = path.read_text()
    line: dict[str, object] | None = json.loads(text) if text else None
    return line


async def test_a_server_is_logged_as_it_answered(tmp_path: Path) -> None:
    line = await logged(tmp_path / "log", noted(server))
    assert line is not None
    assert (line["OriginStatus"], line["DownstreamStatus"], line["OriginContentSize"]) == (201, 201, 5)
    assert line["origin_Server"] == "theirs"
    assert "downstream_Server" not in line
    total, origin, overhead = line["Duration"], line["OriginDuration"], line["Overhead"]
    assert isinstance(total, int)
    assert isinstance(origin, int)
    assert isinstance(overhead, int)
    assert 0 <= origin < total
    assert overhead == total - origin


async def test_a_server_that_says_nothing_has_the_status_said_in_its_place(tmp_path: Path) -> None:
    line = await logged(tmp_path / "log", noted(refusing))
    assert line is not None
    assert (line["OriginStatus"], line["DownstreamStatus"]) == (502, 502)


async def test_what_we_answer_ourselves_has_no_origin(tmp_path: Path) -> None:
    line = await logged(tmp_path / "log", server)
    assert line is not None
    assert (line["OriginStatus"], line["OriginContentSize"], line["OriginDuration"]) == (0, 0, 0)


@pytest.mark.parametrize("is_logged", [True, False])
async def test_a_router_may_keep_its_requests_out_of_the_log(tmp_path: Path, is_logged: bool) -> None:
    assert (await logged(tmp_path / "log", server, is_logged=is_logged) is not None) == is_logged


async def test_the_line_has_the_request_as_routers_saw_it(tmp_path: Path) -> None:
    everything = AccessLogFieldHeaders(default_mode="keep")
    log = AccessLog(
        AccessLogOptions(format="json", file_path=str(tmp_path / "log"), fields=AccessLogFields(headers=everything))
    )
    observer = AccessObserver(log, "web")
    entry_point = EntryPoint(address=":80")
    pipeline = pipeline_of(Admission(entry_point), lambda _: Ready(bare_response(200, b"ok")), observer)
    fields = [(b"X-Forwarded-For", b"192.0.2.9"), (b"Accept", b"*/*")]
    request = Request(b"POST", b"/a//b/../%63", b"x;y", Headers(fields), Bytes(b"123"), Peer("192.0.2.1", 5))
    request.authority = b"example.com"
    request.marks = MANAGED
    await pipeline.serve(Sink(), request)
    log.close()
    line = read(tmp_path / "log")
    assert line is not None
    assert (line["RequestPath"], line["ClientHost"]) == ("/a/c?x&y", "192.0.2.1")
    assert (line["request_X-Forwarded-Host"], line["request_Content-Length"]) == ("example.com", "3")
    assert "request_X-Forwarded-For" not in line
    assert line["downstream_Content-Length"] == "2"


def test_processes_that_share_a_log_number_requests_without_overlap(tmp_path: Path) -> None:
    def numbers(place: int) -> list[int]:
        log = AccessLog(AccessLogOptions(file_path=str(tmp_path / "log")), place=place, places=3)
        observer = AccessObserver(log, "web")
        found = [observer.begin(Request(b"GET", b"/", None, Headers()), True)[6] for _ in range(3)]
        log.close()
        return found

    assert [numbers(place) for place in range(3)] == [[1, 4, 7], [2, 5, 8], [3, 6, 9]]


async def test_sizes_are_those_of_contents_not_of_chunks(tmp_path: Path) -> None:
    async def script(visit: Visit) -> None:
        await visit.head()
        await visit.until(b"0\r\n\r\n")
        await visit.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        await visit.send(b"0\r\n\r\n")
        await visit.closed()

    path = tmp_path / "log"
    chosen = AccessLogOptions(format="json", file_path=str(path))
    origin = Scripted(script)
    async with router(origin, static=StaticConfiguration(access_log=chosen)) as loopback:
        client = await loopback.client()
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await until(lambda: bool(origin.heads))
        await client.send(b"2\r\nde\r\n0\r\n\r\n")
        assert (await client.answer())[2] == b"hello"
        await until(lambda: bool(path.read_text()))
    line = read(path)
    assert line is not None
    assert (line["RequestContentSize"], line["OriginContentSize"], line["DownstreamContentSize"]) == (5, 5, 5)


class Tracer:
    """An observer of one's own: it marks requests on their way, and sees how they end."""

    keeps_all = True

    def __init__(self) -> None:
        self.spans: list[tuple[bytes, int]] = []

    def begin(self, request: Request, is_admitted: bool) -> bytes:
        request.headers.set(b"traceparent", b"00-%032x-01" % len(self.spans))
        return request.raw_path

    def end_whole(self, answer: Answer, response: Response, size: int) -> None:
        self.end(answer, response, size)

    def end(self, answer: Answer, response: Response | None, size: int) -> None:
        self.spans.append((answer.record, 0 if response is None else response.status))


async def test_an_observer_may_mark_requests_and_sees_each_of_them_end() -> None:
    passed: list[bytes | None] = []

    def handler(request: Request) -> Awaitable[Response]:
        passed.append(request.headers.get(b"traceparent"))
        if request.raw_path == b"/refused":
            raise ProxyError(Kind.UNREACHABLE, "refused")
        if request.raw_path == b"/broken":
            raise ZeroDivisionError
        return Ready(bare_response(200, b"ok"))

    tracer = Tracer()
    pipeline = pipeline_of(Admission(EntryPoint(address=":80")), handler, tracer)
    for path in (b"/", b"/refused", b"/broken"):
        request = Request(b"GET", path, None, Headers())
        request.authority = b"example.com"
        await pipeline.serve(Sink(), request)
    assert tracer.spans == [(b"/", 200), (b"/refused", 502), (b"/broken", 500)]
    assert passed == [b"00-%032x-01" % number for number in range(3)]


@pytest.mark.parametrize("default_mode", ["keep", "drop"])
async def test_what_the_server_said_is_told_with_its_fields_if_these_are_kept(
    tmp_path: Path, default_mode: str
) -> None:
    async def script(visit: Visit) -> None:
        for _ in range(2):
            await visit.head()
            await visit.send(b"HTTP/1.1 201 Created\r\nX-Theirs: yes\r\nContent-Length: 5\r\n\r\nhello")
        await visit.closed()

    path = tmp_path / "log"
    fields = AccessLogFields(headers=AccessLogFieldHeaders(default_mode=default_mode))
    chosen = AccessLogOptions(format="json", file_path=str(path), fields=fields)
    async with router(Scripted(script), static=StaticConfiguration(access_log=chosen)) as loopback:
        client = await loopback.client()
        for _ in range(2):  # on a new connection and on a used one
            path.write_text("")
            await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            await client.answer()
            await until(lambda: bool(path.read_text()))
            line = read(path)
            assert line is not None
            assert line.get("origin_X-Theirs") == ("yes" if default_mode == "keep" else None)
            assert (line["OriginStatus"], line["OriginContentSize"]) == (201, 5)
            origin, total = line["OriginDuration"], line["Duration"]
            assert isinstance(origin, int)
            assert isinstance(total, int)
            assert 0 < origin <= total
