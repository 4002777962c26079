"""A health check over gRPC: one call of `grpc.health.v1.Health/Check`, on a connection of its own.

Without TLS, as in Traefik (`pkg/healthcheck`); the whole of both messages is a handful of bytes, so that they are
written and read here.
"""

from __future__ import annotations

import asyncio
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

from trafficcop.config.dynamic import ServerHealthCheck
from trafficcop.control.checks.health import CheckFailed
from trafficcop.http.h2.faults import code_name
from trafficcop.http.h2.heads import Head
from trafficcop.http.h2.hpack_encoder import WITHOUT_INDEXING, encode_literal
from trafficcop.http.h2.session import Session
from trafficcop.http.h2.stream import Stream
from trafficcop.http.h2.terms import Terms
from trafficcop.http.headers import Field

_TERMS = Terms(is_client=True)
_PATH = b"/grpc.health.v1.Health/Check"
_LINES = b"content-type: application/grpc\r\nuser-agent: trafficcop\r\n"
_TE = encode_literal(b"te", b"trailers", WITHOUT_INDEXING)  # the encoder leaves out what ends at a hop
_EMPTY_MESSAGE = b"\0\0\0\0\0"  # not compressed, no bytes: a HealthCheckRequest for the whole server
_LONGEST = 64 * 1024
_UNIMPLEMENTED = b"12"
_SERVING = 1
_STATUSES = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}
_PLAIN_SCHEMES = ("", "http", "h2c")
_PORTS = {"https": 443}


class GRPCProbe:
    """Asks one server whether it is SERVING."""

    def __init__(self, url: str, config: ServerHealthCheck) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = config.port or _port(parts)
        self._scheme = config.scheme

    async def __call__(self) -> None:
        if self._scheme not in _PLAIN_SCHEMES:
            raise CheckFailed(f'no credentials for the scheme "{self._scheme}": use http or h2c')
        try:
            reader, writer = await asyncio.open_connection(self._host, self._port)
        except (OverflowError, UnicodeError) as error:  # of the port, of the name
            raise CheckFailed(str(error)) from None
        try:
            call = await _Call(writer).answer(reader, self._authority())
        finally:
            writer.transport.abort()
        status = serving_status(call.judged())
        if status != _SERVING:
            raise CheckFailed(f"received gRPC status code: {_STATUSES.get(status, status)}")

    def _authority(self) -> bytes:
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{host}:{self._port}".encode()


class _Call:
    """One connection with one stream, from the first byte to the end of the answer."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._session = Session(self, _TERMS)
        self._stream = _Reply(self._session)

    async def answer(self, reader: asyncio.StreamReader, authority: bytes) -> _Reply:
        """The reply; its end has come, or what stands for it."""
        session, stream = self._session, self._stream
        session.start()
        session.open(stream)
        stream.write_head(session.encoder.request_head(b"POST", b"http", authority, _PATH, _LINES) + _TE, False)
        stream.write_data(_EMPTY_MESSAGE, True)
        self.flush()
        while not stream.is_over:
            data = await reader.read(65536)
            if not data:
                raise CheckFailed("the server closed the connection before its answer")
            session.receive(data)
            session.settle()
            self.flush()
            if session.fault is not None:
                raise CheckFailed(f"no HTTP/2: {session.fault}")
        return stream

    # === the owner of the session ===

    def flush(self) -> None:
        self._writer.write(self._session.take_output())

    def flush_soon(self) -> None:
        """Whoever causes output writes it."""

    def accept_stream(self) -> Stream:
        raise AssertionError("servers open no streams: we have forbidden it")

    def stream_closed(self, stream: Stream) -> None: ...

    def goaway_received(self, last_stream_id: int, code: int) -> None: ...

    def ping_answered(self, payload: bytes) -> None: ...


class _Reply(Stream):
    """What the server has said so far."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self.is_over = False
        self._status = 0
        self._data = b""
        self._fields: dict[bytes, bytes] = {}
        self._reset = -1

    def head_received(self, head: Head, is_last: bool) -> None:
        self._status = head.status
        self._fields.update(head.fields.fields)
        self.is_over = is_last

    def data_received(self, data: bytes) -> None:
        self._data += data
        self.consumed(len(data))
        self.is_over = len(self._data) > _LONGEST

    def end_received(self, trailers: list[Field] | None) -> None:
        self._fields.update(trailers or ())
        self.is_over = True

    def broken(self, code: int) -> None:
        self._reset = code
        self.is_over = True

    def judged(self) -> bytes:
        """The message of a call that succeeded; CheckFailed otherwise."""
        if self._reset >= 0:
            raise CheckFailed(f"gRPC health check failed: the server reset the stream with {code_name(self._reset)}")
        if self._status != 200:
            raise CheckFailed(f"gRPC health check failed: HTTP status {self._status}")
        code = self._fields.get(b"grpc-status", b"")
        if code == _UNIMPLEMENTED:
            raise CheckFailed("gRPC server does not implement the health protocol")
        if code != b"0":
            text = unquote_to_bytes(self._fields.get(b"grpc-message", b"")).decode("utf-8", "replace")
            raise CheckFailed(f"gRPC health check failed: code {code.decode('latin-1') or 'missing'} {text}".rstrip())
        return self._data


def _port(url: SplitResult) -> int:
    """-1 for one that is none: connecting tells so."""
    try:
        port = url.port
    except ValueError:
        return -1
    return _PORTS.get(url.scheme, 80) if port is None else port


def serving_status(data: bytes) -> int:
    """The `status` of a HealthCheckResponse in its frame; CheckFailed for what is none.

    Every field of the message is a varint (field 1) or unknown to us (protobuf encoding: tag = number << 3 | type).
    """
    size = int.from_bytes(data[1:5])
    if len(data) != 5 + size or data[:1] != b"\0":
        raise CheckFailed("gRPC health check failed: malformed answer")
    status, position = 0, 5
    try:
        while position < len(data):
            tag, position = _varint(data, position)
            if tag == 0x08:
                status, position = _varint(data, position)
            else:
                position = _skip(data, position, tag & 7)
    except IndexError:
        raise CheckFailed("gRPC health check failed: malformed answer") from None
    return status


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position
        if shift > 63:
            raise IndexError


def _skip(data: bytes, position: int, kind: int) -> int:
    """Where the next field begins."""
    if kind == 0:
        return _varint(data, position)[1]
    if kind == 2:
        size, position = _varint(data, position)
        end = position + size
    elif kind in (1, 5):
        end = position + (8 if kind == 1 else 4)
    else:
        raise IndexError
    if end > len(data):
        raise IndexError
    return end
