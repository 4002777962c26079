"""`grpcWeb`: calls of browsers as gRPC, answers with their trailers in the body, and who may ask."""

import base64

import pytest

from tests.pieces import Pieces
from tests.support import Origin, build, make_request, read_all, run
from trafficcop.config.middlewares import GRPCWeb
from trafficcop.errors import Kind, ProxyError
from trafficcop.http.body import Body, Bytes
from trafficcop.http.headers import Headers
from trafficcop.http.messages import Handler, Request, Response
from trafficcop.middleware.grpc_web import trailer_frame

MESSAGE = b"\0\0\0\0\x05hello"
TRAILERS = [(b"X-End", b"2"), (b"grpc-status", b"0"), (b"grpc-message", b"")]
FRAME = b"\x80\0\0\0\x2agrpc-message: \r\ngrpc-status: 0\r\nx-end: 2\r\n"


class Server:
    """Answers a call; notes what it was asked."""

    def __init__(self, *, pieces: tuple[bytes, ...] | None = None) -> None:
        self.pieces = pieces
        self.body = b""
        self.fields: dict[str, str] = {}

    async def __call__(self, request: Request) -> Response:
        self.body = await read_all(request.body)
        self.fields = {name.decode(): value.decode() for name, value in request.headers}
        headers = Headers.of([(b"content-type", b"application/grpc"), (b"trailer", b"x-end"), (b"x-begin", b"1")])
        body: Body
        if self.pieces is None:
            body = Bytes(MESSAGE)
            body.trailers = TRAILERS
        else:
            body = Pieces(*self.pieces, trailers=TRAILERS).stream()
        return Response(200, headers, body)


def call(kind: str = "application/grpc-web+proto", body: bytes | Body = MESSAGE, origin: str = "") -> Request:
    headers = [("Content-Type", kind), ("X-Grpc-Web", "1")]
    if origin:
        headers.append(("Origin", origin))
    return make_request("/test.Echo/Unary", method="POST", headers=headers, body=body)


def web(next: Handler, *origins: str) -> Handler:
    return build("grpc_web", GRPCWeb(allow_origins=origins), next)


async def test_a_binary_call() -> None:
    server = Server()
    status, fields, body = await run(web(server), call())
    assert server.body == MESSAGE
    assert (server.fields["Content-Type"], server.fields["Te"]) == ("application/grpc+proto", "trailers")
    assert (status, body) == (200, MESSAGE + FRAME)
    assert fields == {
        "Content-Type": "application/grpc-web",
        "x-begin": "1",
        "Vary": "Origin",
        "Access-Control-Expose-Headers": "X-Begin, Vary, Content-Type, grpc-status, grpc-message",
    }


def test_the_frame_of_trailers() -> None:
    assert trailer_frame(TRAILERS) == FRAME
    assert trailer_frame(None) == b"\x80\0\0\0\0"


@pytest.mark.parametrize(
    "text",
    [
        base64.b64encode(MESSAGE),
        base64.encodebytes(MESSAGE),
        base64.b64encode(MESSAGE[:4]) + base64.b64encode(MESSAGE[4:]),
    ],
)
async def test_a_call_as_text(text: bytes) -> None:
    for body in (text, Pieces(*[text[at : at + 3] for at in range(0, len(text), 3)]).stream()):
        server = Server()
        _, fields, answer = await run(web(server), call("application/grpc-web-text+proto", body))
        assert server.body == MESSAGE
        assert server.fields["Content-Type"] == "application/grpc+proto"
        assert fields["Content-Type"] == "application/grpc-web-text"
        assert answer == base64.b64encode(MESSAGE) + base64.b64encode(FRAME)


async def test_messages_are_passed_on_as_they_come() -> None:
    server = Server(pieces=(b"one", b"three"))
    response = await web(server)(call("application/grpc-web-text", base64.b64encode(MESSAGE)))
    assert response.body.length is None
    pieces = []
    while piece := await response.body.read():
        pieces.append(base64.b64decode(piece))
    assert pieces == [b"one", b"three", FRAME]
    response = await web(Server(pieces=(b"one",)))(call())
    assert await read_all(response.body) == b"one" + FRAME


@pytest.mark.parametrize("body", [b"!!!!", b"AAAAA", b"AAA"])
async def test_text_that_is_none(body: bytes) -> None:
    with pytest.raises(ProxyError) as caught:
        await run(web(Server()), call("application/grpc-web-text", body))
    assert caught.value.kind is Kind.BAD_REQUEST
    with pytest.raises(ProxyError):
        await run(web(Server()), call("application/grpc-web-text", Pieces(body).stream()))


async def test_an_answer_of_trailers_only() -> None:
    server = Origin(200, [("Content-Type", "application/grpc"), ("Grpc-Status", "7")], b"")
    status, fields, body = await run(web(server), call())
    assert (status, fields["Grpc-Status"], body) == (200, "7", b"\x80\0\0\0\0")
    assert "Grpc-Status" in fields["Access-Control-Expose-Headers"]


async def test_an_answer_without_a_type_exposes_it_all_the_same() -> None:
    _, fields, _ = await run(web(Origin(404, [], b"")), call())
    assert "Content-Type" in fields["Access-Control-Expose-Headers"]
    assert "Content-Type" not in fields


async def test_a_server_that_fails() -> None:
    """A browser reads the status of an answer from elsewhere only if it is told that it may."""

    async def fail(request: Request) -> Response:
        raise ProxyError(Kind.UNREACHABLE)

    status, fields, body = await run(web(fail, "*"), call(origin="http://a.example.com"))
    assert (status, body) == (502, b"Bad Gateway\x80\0\0\0\0")
    assert fields["Access-Control-Allow-Origin"] == "http://a.example.com"


@pytest.mark.parametrize(
    ("origins", "origin", "is_allowed"),
    [
        (("*",), "http://a.example.com", True),
        (("http://a.example.com",), "http://a.example.com", True),
        (("http://b.example.com", "http://a.example.com"), "http://a.example.com", True),
        (("http://b.example.com",), "http://a.example.com", False),
        ((), "http://a.example.com", False),
        (("*",), "", False),
    ],
)
async def test_origins(origins: tuple[str, ...], origin: str, is_allowed: bool) -> None:
    _, fields, body = await run(web(Server(), *origins), call(origin=origin))
    assert body == MESSAGE + FRAME
    assert fields.get("Access-Control-Allow-Origin") == (origin if is_allowed else None)
    assert fields.get("Access-Control-Allow-Credentials") == ("true" if is_allowed else None)
    request = preflight(origin=origin)
    status, fields, body = await run(web(Server(), *origins), request)
    assert (status, body) == (200, b"")
    assert fields.pop("Vary") == "Origin|Access-Control-Request-Method|Access-Control-Request-Headers"
    if is_allowed:
        assert fields == {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": "Content-Type, X-Grpc-Web",
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Max-Age": "600",
        }
    else:
        assert fields == {}


def preflight(origin: str, method: str = "POST", names: str = "content-type,x-grpc-web") -> Request:
    headers = [("Access-Control-Request-Headers", names)]
    if origin:
        headers.append(("Origin", origin))
    if method:
        headers.append(("Access-Control-Request-Method", method))
    return make_request("/test.Echo/Unary", method="OPTIONS", headers=headers)


async def test_methods_that_browsers_may_not_use() -> None:
    _, fields, _ = await run(web(Server(), "*"), preflight("http://a", "PUT"))
    assert set(fields) == {"Vary"}


@pytest.mark.parametrize(
    "request_",
    [
        make_request(method="POST", headers=[("Content-Type", "application/grpc")], body=b"x"),
        make_request(method="GET", headers=[("Content-Type", "application/grpc-web")]),
        make_request(method="OPTIONS", headers=[("Access-Control-Request-Headers", "x-other")]),
        preflight("http://a", method=""),
    ],
)
async def test_others_pass(request_: Request) -> None:
    origin = Origin()
    assert await run(web(origin), request_) == (200, {}, b"hello")
    assert origin.last is request_
