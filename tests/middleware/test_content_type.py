"""contentType and the sniffing behind it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import Origin, build, make_request, read_all, run
from tests.wire.source import Notes
from trafficcop.config.middlewares import ContentType
from trafficcop.errors import Kind, ProxyError
from trafficcop.http.body import Stream
from trafficcop.http.headers import Headers
from trafficcop.http.messages import Request, Response
from trafficcop.middleware.sniff import detect

TEXT = "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", TEXT),
        (b"plain", TEXT),
        (b" \n\x00", "application/octet-stream"),
        (b"a" * 512 + b"\x00", TEXT),
        (b"\x1b[1m", TEXT),
        (b" \r\n<!doctype html>", "text/html; charset=utf-8"),
        (b"<html", TEXT),
        (b"<a ", "text/html; charset=utf-8"),
        (b"<!-->", "text/html; charset=utf-8"),
        (b"\n<?xml version", "text/xml; charset=utf-8"),
        (b"<?XML", TEXT),
        (b"%PDF-1.7", "application/pdf"),
        (b"%!PS-Adobe-3", "application/postscript"),
        (b"\xfe\xff\x00a", "text/plain; charset=utf-16be"),
        (b"\xff\xfea\x00", "text/plain; charset=utf-16le"),
        (b"\xef\xbb\xbfa", TEXT),
        (b"\x00\x00\x01\x00", "image/x-icon"),
        (b"BM", "image/bmp"),
        (b"GIF87a", "image/gif"),
        (b"GIF88a", TEXT),
        (b"RIFF\x01\x02\x03\x04WEBPVP", "image/webp"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"FORM\x00\x00\x00\x00AIFF", "audio/aiff"),
        (b"ID3", "audio/mpeg"),
        (b"OggS\x00", "application/ogg"),
        (b"MThd\x00\x00\x00\x06", "audio/midi"),
        (b"RIFF\x01\x02\x03\x04AVI ", "video/avi"),
        (b"RIFF\x01\x02\x03\x04WAVE", "audio/wave"),
        (b"\x00\x00\x00\x14ftypmp42\x00\x00\x00\x00isom", "video/mp4"),
        (b"\x00\x00\x00\x14ftypisom\x00\x00\x00\x00mp41", "video/mp4"),
        (b"\x00\x00\x00\x14ftypisomxmp4isom", "application/octet-stream"),
        (b"\x00\x00\x00\x15ftypmp42\x00\x00\x00\x00isomx", "application/octet-stream"),
        (b"\x1a\x45\xdf\xa3", "video/webm"),
        (b"\x00" * 34 + b"LP", "application/vnd.ms-fontobject"),
        (b"\x00\x01\x00\x00", "font/ttf"),
        (b"OTTO", "font/otf"),
        (b"ttcf", "font/collection"),
        (b"wOFF", "font/woff"),
        (b"wOF2", "font/woff2"),
        (b"\x1f\x8b\x08", "application/x-gzip"),
        (b"PK\x03\x04", "application/zip"),
        (b"Rar!\x1a\x07\x00", "application/x-rar-compressed"),
        (b"Rar!\x1a\x07\x01\x00", "application/x-rar-compressed"),
        (b"\x00asm", "application/wasm"),
    ],
)
def test_detect(data: bytes, expected: str) -> None:
    assert detect(data) == expected.encode()


@given(st.binary(max_size=600))
def test_any_data_has_a_type(data: bytes) -> None:
    assert b"/" in detect(data)


@pytest.mark.parametrize(
    ("status", "headers", "body", "expected"),
    [
        (200, [], b"<html>", "text/html; charset=utf-8"),
        (200, [("content-type", "a/b")], b"<html>", None),
        (200, [("Content-Encoding", "gzip")], b"<html>", None),
        (200, [("Content-Encoding", "")], b"<html>", "text/html; charset=utf-8"),
        (200, [], b"", None),
        (304, [], b"x", None),
    ],
)
async def test_content_type(status: int, headers: list[tuple[str, str]], body: bytes, expected: str | None) -> None:
    handler = build("content_type", ContentType(), Origin(status, headers, body))
    answer = await run(handler, make_request())
    assert answer[0] == status
    assert answer[1].get("Content-Type") == expected
    assert answer[2] == body


def test_auto_detect_false_is_nothing_done() -> None:
    origin = Origin()
    assert build("content_type", ContentType(False), origin) is origin
    assert build("content_type", ContentType(True), origin) is not origin


def started() -> tuple[Notes, Stream]:
    """A body of which the first piece is here."""
    sender = Notes()
    body = Stream(sender)
    body.feed(b"GIF89a")
    return sender, body


async def test_a_streamed_body_is_judged_by_its_first_piece() -> None:
    _, body = started()

    async def stream(request: Request) -> Response:
        return Response(200, Headers(), body)

    response = await build("content_type", ContentType(), stream)(make_request())
    assert response.headers.get(b"Content-Type") == b"image/gif"
    assert response.body.take() is None
    body.feed(b"more")
    body.end([(b"X-Sum", b"1")])
    assert await read_all(response.body) == b"GIF89amore"
    assert response.body.trailers == [(b"X-Sum", b"1")]


async def test_what_was_read_can_be_taken_and_given_up() -> None:
    sender, body = started()

    async def stream(request: Request) -> Response:
        return Response(200, Headers(), body)

    response = await build("content_type", ContentType(), stream)(make_request())
    assert response.body.take_available() == b"GIF89a"
    body.feed(b"more")
    assert await response.body.read() == b"more"
    assert sender.asked == []
    response.body.close()
    assert sender.asked == ["abandon"]


async def test_our_own_failures_are_text() -> None:
    async def fail(request: Request) -> Response:
        raise ProxyError(Kind.UNREACHABLE)

    status, headers, body = await run(build("content_type", ContentType(), fail), make_request())
    assert (status, headers, body) == (502, {"Content-Type": TEXT}, b"Bad Gateway")
