"""`compress`: which coding, which answers, how streams go on, and that every body comes out as it went in."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tests.live import Seen, ask, backend, live, plain, routed
from tests.pieces import Pieces, body_of
from tests.support import Origin, build, make_request, read_all, run, run_now
from trafficcop.config.middlewares import Compress
from trafficcop.errors import Kind, ProxyError
from trafficcop.http.body import Body, Bytes
from trafficcop.http.headers import Headers
from trafficcop.http.messages import Request, Response, Tunnel
from trafficcop.middleware.compress_codings import CODINGS
from trafficcop.middleware.compressed import PIECE, Compressed

ALL = "gzip, br, zstd"
TEXT = b"All work and no play makes Jack a dull boy. " * 100
DECODE: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
}


class Serving:
    """A server that answers with a body of its own."""

    def __init__(self, body: bytes | Pieces | Body, *fields: tuple[str, str], status: int = 200) -> None:
        self.body = body
        self.fields = fields
        self.status = status

    async def __call__(self, request: Request) -> Response:
        headers = Headers.of((name.encode(), value.encode()) for name, value in self.fields)
        return Response(self.status, headers, self.body if isinstance(self.body, Body) else body_of(self.body))


def handled(server: Any, **options: Any) -> Any:
    return build("compress", Compress(**options), server)


def asking(accept: str | None = ALL, **given: Any) -> Request:
    return make_request(headers=[] if accept is None else [("Accept-Encoding", accept)], **given)


# === negotiation ===

ENCODINGS: list[tuple[str | None, dict[str, Any], str | None]] = [
    # "": the answer passes but says that it depends on Accept-Encoding; None: it passes as it is
    ("gzip", {}, "gzip"),
    ("br", {}, "br"),
    ("zstd", {}, "zstd"),
    ("deflate", {}, None),
    ("GZIP", {}, None),
    ("", {}, None),
    (None, {}, None),
    ("identity", {}, None),
    ("gzip, br, zstd", {}, "gzip"),
    ("zstd,br,gzip", {}, "gzip"),
    ("gzip, br, zstd", {"encodings": ("zstd", "br", "gzip")}, "zstd"),
    ("gzip, br", {"encodings": ("zstd", "br")}, "br"),
    ("gzip", {"encodings": ("br",)}, None),
    ("gzip;q=0.5, br;q=0.8", {}, "br"),
    ("gzip ; q=0.5, br;q=0.8, zstd", {}, "zstd"),
    ("gzip;q=0", {}, None),
    ("gzip;q=x, br;q=0.1", {}, "br"),
    ("gzip;level=1", {}, "gzip"),
    ("identity, gzip", {}, "gzip"),
    ("identity;q=1, gzip;q=0.9", {}, None),
    ("*", {}, ""),
    ("*", {"encodings": ("br", "gzip")}, "br"),
    ("*", {"default_encoding": "zstd"}, "zstd"),
    ("*, br", {"default_encoding": "zstd"}, "zstd"),
    ("*;q=0.1, br", {"default_encoding": "zstd"}, "br"),
    ("*, gzip", {}, "gzip"),
    ("*, gzip;q=0", {}, ""),
    (None, {"default_encoding": "br"}, "br"),
    (None, {"default_encoding": "gzip"}, ""),
]


@pytest.mark.parametrize(("accept", "options", "encoding"), ENCODINGS)
async def test_encodings(accept: str | None, options: dict[str, Any], encoding: str | None):
    handler = handled(Origin(body=TEXT), **options)
    for _ in range(2):  # the second answer comes from what is remembered
        _, headers, body = await run(handler, asking(accept))
        assert headers.get("Content-Encoding") == (encoding or None)
        assert headers.get("Vary") == (None if encoding is None else "Accept-Encoding")
        assert (DECODE[encoding](body) if encoding else body) == TEXT


async def test_several_lines():
    request = make_request(headers=[("Accept-Encoding", "deflate"), ("Accept-Encoding", "br;q=0.5, zstd")])
    assert (await run(handled(Origin(body=TEXT)), request))[1]["Content-Encoding"] == "zstd"
    # gzip must stand in the first line
    request = make_request(headers=[("Accept-Encoding", "deflate"), ("Accept-Encoding", "gzip")])
    assert (await run(handled(Origin(body=TEXT)), request))[1] == {"Vary": "Accept-Encoding"}


@given(st.text(alphabet="gzipbrzstd*;q=0.1, \t", max_size=40))
def test_any_accept_encoding(accept: str):
    _, headers, body = run_now(handled(Origin(body=TEXT)), asking(accept))
    encoding = headers.get("Content-Encoding")
    assert (DECODE[encoding](body) if encoding else body) == TEXT


# === which answers ===

JSON = ("Content-Type", "application/json")
ANSWERS: list[tuple[dict[str, Any], list[tuple[str, str]], bytes | Pieces, bool]] = [
    ({}, [JSON], b"x" * 1023, False),
    ({}, [JSON], b"x" * 1024, True),
    ({"min_response_body_bytes": 10}, [JSON], b"x" * 9, False),
    ({"min_response_body_bytes": 10}, [JSON], b"x" * 10, True),
    ({"min_response_body_bytes": -5}, [JSON], b"x" * 1023, False),
    ({}, [JSON], b"", False),
    ({}, [JSON], Pieces(), False),
    ({}, [JSON], Pieces(b"x"), True),  # of unknown length: flushed at once, so compressed
    ({}, [JSON, ("Content-Encoding", "deflate")], TEXT, False),
    ({}, [JSON, ("Content-Range", "bytes 0-9/90")], TEXT, False),
    ({}, [("Content-Type", "application/grpc")], TEXT, False),
    ({}, [("Content-Type", "application/grpc+proto")], TEXT, True),
    ({}, [("Content-Type", "text/html; charset")], TEXT, False),
    ({}, [("Content-Type", "")], TEXT, True),
    ({}, [], TEXT, True),
    ({"excluded_content_types": ("text/html",)}, [("Content-Type", "text/html")], TEXT, False),
    ({"excluded_content_types": ("text/html",)}, [("Content-Type", "Text/HTML; charset=utf-8")], TEXT, False),
    ({"excluded_content_types": ("text/html;a=b",)}, [("Content-Type", "text/html")], TEXT, False),
    ({"excluded_content_types": ("text/html",)}, [JSON], TEXT, True),
    ({"included_content_types": ("text/html",)}, [("Content-Type", 'text/html; a="b;c"')], TEXT, True),
    ({"included_content_types": ("text/html",)}, [JSON], TEXT, False),
    ({"included_content_types": ("application/grpc",)}, [("Content-Type", "application/grpc")], TEXT, True),
]


@pytest.mark.parametrize("encoding", DECODE)
@pytest.mark.parametrize(("options", "fields", "body", "is_compressed"), ANSWERS)
async def test_answers(encoding: str, options: Any, fields: Any, body: Any, is_compressed: bool):
    expected = body.content if isinstance(body, Pieces) else body
    _, headers, found = await run(handled(Serving(body, *fields), **options), asking(encoding))
    assert headers["Vary"] == "Accept-Encoding"
    assert (headers.get("Content-Encoding") == encoding) is is_compressed
    assert (DECODE[encoding](found) if is_compressed else found) == expected


@pytest.mark.parametrize(
    ("encoding", "options", "is_compressed"),
    [
        ("gzip", {"included_content_types": ("text/html",)}, True),
        ("gzip", {"excluded_content_types": ("text/html",)}, False),
        ("br", {"excluded_content_types": ("text/html",)}, True),  # only gzip guesses
    ],
)
async def test_a_missing_type_is_guessed_for_gzip(encoding: str, options: Any, is_compressed: bool):
    for body in (b"<html>" + TEXT, Pieces(b"<html>", TEXT)):
        _, headers, found = await run(handled(Serving(body), **options), asking(encoding))
        assert ("Content-Encoding" in headers) is is_compressed
        assert (DECODE[encoding](found) if is_compressed else found) == b"<html>" + TEXT


@pytest.mark.parametrize(
    ("encoding", "accept_ranges", "etag"), [("gzip", None, '"1"'), ("br", "bytes", '"1"'), ("zstd", "bytes", '"1"')]
)
async def test_fields(encoding: str, accept_ranges: str | None, etag: str):
    fields = [("Accept-Ranges", "bytes"), ("ETag", '"1"'), ("Vary", "Origin")]
    _, headers, _ = await run(handled(Serving(Bytes(TEXT), *fields)), asking(encoding))
    assert (headers.get("Accept-Ranges"), headers["ETag"]) == (accept_ranges, etag)
    assert headers["Vary"] == "Accept-Encoding|Origin"


async def test_a_server_may_forbid_gzip():
    answer = await run(handled(Serving(Bytes(TEXT), ("No-Gzip-Compression", "1"))), asking("gzip"))
    assert answer == (200, {"Vary": "Accept-Encoding"}, TEXT)


@pytest.mark.parametrize(
    ("options", "content_type", "is_compressed"),
    [
        ({}, "application/grpc", False),
        ({}, "application/json", True),
        ({}, "(no type)", True),
        ({"excluded_content_types": ("text/event-stream",)}, "text/event-stream", False),
    ],
)
async def test_types_of_requests(options: Any, content_type: str, is_compressed: bool):
    request = make_request(headers=[("Accept-Encoding", "gzip"), ("Content-Type", content_type)])
    _, headers, _ = await run(handled(Origin(body=TEXT), **options), request)
    assert ("Vary" in headers) is is_compressed


async def test_head_is_left_alone():
    assert await run(handled(Origin(body=TEXT)), asking(method="HEAD")) == (200, {}, TEXT)


@pytest.mark.parametrize("status", [204, 304])
async def test_answers_that_have_no_body(status: int):
    response = await handled(Serving(Bytes(b"", 5000), status=status))(asking())
    assert (b"Content-Encoding" in response.headers, response.body.length) == (False, 5000)


async def test_failures_say_what_they_depend_on():
    async def unreachable(request: Request) -> Response:
        raise ProxyError(Kind.UNREACHABLE)

    assert await run(handled(unreachable), asking()) == (502, {"Vary": "Accept-Encoding"}, b"Bad Gateway")


async def test_an_upgraded_connection_passes():
    async def upgraded(request: Request) -> Response:
        response = Response(101, Headers())
        response.tunnel = Tunnel()
        return response

    assert not list((await handled(upgraded)(asking())).headers)


# === bodies ===


@pytest.mark.parametrize("encoding", DECODE)
@pytest.mark.parametrize("size", [1024, PIECE, PIECE + 1, 5 * PIECE])
@pytest.mark.parametrize("is_here", [False, True])
async def test_whatever_the_size(encoding: str, size: int, is_here: bool):
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    half = size // 3
    for body in (data, Pieces(data[:half], data[half:], is_here=is_here)):
        response = await handled(Serving(body))(asking(encoding))
        assert DECODE[encoding](response.body.take_available() + await read_all(response.body)) == data


async def test_a_small_answer_has_a_length():
    response = await handled(Serving(Bytes(TEXT)))(asking("gzip"))
    length = response.body.length
    assert length == len(response.body.take() or b"")


@pytest.mark.parametrize("encoding", DECODE)
async def test_events_are_readable_as_they_come(encoding: str):
    decoders: dict[str, Callable[[bytes], bytes]] = {
        "gzip": __import__("zlib").decompressobj(31).decompress,
        "br": brotli.Decompressor().process,
        "zstd": zstandard.ZstdDecompressor().decompressobj().decompress,
    }
    events = [b"data: %d\n\n" % number for number in range(5)]
    server = Serving(Pieces(*events), ("Content-Type", "text/event-stream"))
    response = await handled(server)(asking(encoding))
    seen = []
    while data := response.body.take_available() or await response.body.read():
        seen.append(decoders[encoding](data))
    assert [event for event in seen if event] == events


async def test_trailers_are_kept():
    for is_whole in (False, True):
        body = Pieces(TEXT, TEXT, trailers=[(b"X-Sum", b"1")], is_whole=is_whole)
        response = await handled(Serving(body))(asking("gzip"))
        await read_all(response.body)
        assert response.body.trailers == [(b"X-Sum", b"1")]


async def test_a_reader_that_gives_up():
    body = Pieces(TEXT, TEXT)
    response = await handled(Serving(body))(asking("gzip"))
    response.body.close()
    assert body.is_abandoned
    assert await response.body.read() == b""


async def test_pieces_are_small():
    class Counting:
        def __init__(self) -> None:
            self.sizes: list[int] = []

        def compress(self, data: bytes) -> bytes:
            self.sizes.append(len(data))
            return b""

        def flush(self) -> bytes:
            return b"f"

        def finish(self) -> bytes:
            return b"end"

    counting = Counting()
    body = Compressed(b"x" * (3 * PIECE + 1), Bytes(b""), True, lambda: counting)
    assert await read_all(body) == b"end"
    assert counting.sizes == [PIECE, PIECE, PIECE, 1]


# === configuration and the wire ===


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"encodings": ()}, "at least one encoding must be specified"),
        ({"encodings": ("gzip", "lzma")}, "unsupported encoding: lzma"),
        ({"default_encoding": "lzma"}, "unsupported default encoding: lzma"),
        ({"encodings": ("br",), "default_encoding": "gzip"}, "unsupported default encoding: gzip"),
        (
            {"excluded_content_types": ("a/b",), "included_content_types": ("a/b",)},
            "excludedContentTypes and includedContentTypes options are mutually exclusive",
        ),
        ({"excluded_content_types": ("",)}, "parsing excluded media type: mime: no media type"),
        ({"excluded_content_types": ("text/",)}, "parsing excluded media type: mime: expected token after slash"),
        ({"included_content_types": ("a b",)}, "parsing included media type: mime: expected slash after first token"),
        (
            {"included_content_types": ("a/b c",)},
            "parsing included media type: mime: unexpected content after media subtype",
        ),
        ({"included_content_types": ("a/b; c",)}, "parsing included media type: mime: invalid media parameter"),
    ],
)
def test_bad_configuration(options: dict[str, Any], text: str):
    with pytest.raises(ValueError) as raised:
        handled(Origin(), **options)
    assert str(raised.value) == text


def test_every_coding_of_the_options_exists():
    assert tuple(CODINGS) == Compress().encodings


async def test_through_a_listener():
    big = TEXT * 100
    chunked = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunked += b"".join(b"%x\r\n%b\r\n" % (len(TEXT), TEXT) for _ in range(100)) + b"0\r\n\r\n"
    seen = Seen()

    def answer(number: int, head: str, body: bytes) -> bytes:
        return chunked if "/stream" in head else plain(200, big, "Content-Type: text/plain\r\n")

    async with backend(answer, seen) as port, live(routed("compress: {}", port)) as web:
        for path in ("/", "/stream"):
            for encoding in ("gzip", "br", "zstd"):
                _, headers, body = await ask(web, f"GET {path}\nAccept-Encoding: {encoding}")
                assert headers["content-encoding"] == encoding
                assert headers["vary"] == "Accept-Encoding"
                assert (body if encoding == "gzip" else DECODE[encoding](body)) == big
            assert (await ask(web, f"GET {path}"))[2] == big
        head = await ask(web, "HEAD /\nAccept-Encoding: gzip")
    assert (head[1]["content-length"], "vary" in head[1]) == (str(len(big)), False)
