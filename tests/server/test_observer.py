"""What the access log says of a request that went through router, server and pipeline."""

import json
from collections.abc import Awaitable
from pathlib import Path

import pytest

from trafficcop.config.entry_points import EntryPoint
from trafficcop.config.observability import AccessLog as AccessLogOptions
from trafficcop.config.observability import AccessLogFieldHeaders, AccessLogFields
from trafficcop.errors import Kind, ProxyError
from trafficcop.http.body import Bytes
from trafficcop.http.headers import MANAGED, Headers
from trafficcop.http.messages import Handler, Peer, Ready, Request, Response, Route, bare_response
from trafficcop.proxy.observed import Observed
from trafficcop.server.admission import Admission
from trafficcop.server.observer import AccessObserver
from trafficcop.server.pipeline import Pipeline
from trafficcop.telemetry.access import AccessLog


def server(request: Request) -> Awaitable[Response]:
    return Ready(Response(201, Headers([(b"Server", b"theirs")]), Bytes(b"hello")))


def refusing(request: Request) -> Awaitable[Response]:
    raise ProxyError(Kind.UNREACHABLE, "refused")


async def logged(path: Path, handler: Handler, *, is_logged: bool = True) -> dict[str, object] | None:
    """The line of one request that `handler` answered, behind a middleware that takes the Server field away."""
    everything = AccessLogFieldHeaders(default_mode="keep")
    log = AccessLog(AccessLogOptions(format="json", file_path=str(path), fields=AccessLogFields(headers=everything)))
    observer = AccessObserver(log, "web")
    request = Request(b"GET", b"/", None, Headers())
    record = observer.begin(request)
    request.route = Route("web@file", "app@file", is_logged=is_logged)
    try:
        response = await handler(request)
        response.headers.remove(b"server")
    except ProxyError:
        response = bare_response(502, b"Bad Gateway")
    record.is_whole = True
    observer.end(record, response, 9)
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
    line = await logged(tmp_path / "log", Observed(server, has_headers=True))
    assert line is not None
    assert (line["OriginStatus"], line["DownstreamStatus"], line["OriginContentSize"]) == (201, 201, 9)
    assert line["origin_Server"] == "theirs"
    assert "downstream_Server" not in line
    total, origin, overhead = line["Duration"], line["OriginDuration"], line["Overhead"]
    assert isinstance(total, int)
    assert isinstance(origin, int)
    assert isinstance(overhead, int)
    assert 0 <= origin < total
    assert overhead == total - origin


async def test_a_server_that_says_nothing_has_the_status_said_in_its_place(tmp_path: Path) -> None:
    line = await logged(tmp_path / "log", Observed(refusing, has_headers=True))
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
    pipeline = Pipeline(Admission(entry_point), lambda _: Ready(bare_response(200, b"ok")), observer)
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
