"""Frames by hand, and what a server of ours says to them."""

from __future__ import annotations

import struct

import hpack

from tests.http.h2.pair import Heard, Holder
from trafficcop.http.h2 import frames
from trafficcop.http.h2.terms import Terms

GET = [(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"example.com"), (b":path", b"/")]
POST = [(b":method", b"POST"), *GET[1:]]
HELLO = frames.PREFACE + frames.settings_frame({})

Said = tuple[str, int, int]


def block(fields: list[tuple[bytes, bytes]]) -> bytes:
    """Without the dynamic table, so that blocks can stand in any order."""
    return b"".join(b"\0" + _string(name) + _string(value) for name, value in fields)


def _string(data: bytes) -> bytes:
    return hpack.hpack.encode_integer(len(data), 7) + data


def headers(stream_id: int, fields: list[tuple[bytes, bytes]] | bytes, flags: int = 5) -> bytes:
    """HEADERS; by default the whole request."""
    return frames.frame(frames.HEADERS, flags, stream_id, fields if isinstance(fields, bytes) else block(fields))


def data(stream_id: int, payload: bytes = b"", flags: int = 0) -> bytes:
    return frames.frame(frames.DATA, flags, stream_id, payload)


class Server(Holder):
    """Answers every request at once, its number being 200, unless `is_mute`."""

    def __init__(self, terms: Terms | None = None, *, is_mute: bool = False) -> None:
        super().__init__(terms or Terms(is_client=False))
        self.is_mute = is_mute
        self.session.start()

    def take(self, received: bytes, size: int = 0) -> list[Said]:
        """What is said to some bytes, but for our own settings, windows and acknowledgements."""
        said: list[Said] = []
        for start in range(0, len(received), size or len(received) or 1):
            said += self.said(self.receive(received[start : start + size] if size else received))
            if not self.is_mute:
                for stream in self.accepted:
                    self._answer(stream)
                said += self.said(self.output())
        return said

    def _answer(self, stream: Heard) -> None:
        if stream.is_ended and not stream.is_local_ended and not stream.is_closed:
            stream.write_head(self.session.encoder.response_head(200, b""), True)

    def said(self, output: bytes) -> list[Said]:
        found: list[Said] = []
        while output:
            size = int.from_bytes(output[:3], "big")
            kind, flags, stream_id = struct.unpack_from(">BBL", output, 3)
            payload = output[9 : 9 + size]
            output = output[9 + size :]
            if kind == frames.GOAWAY:
                found.append(("goaway", *struct.unpack_from(">LL", payload)))
            elif kind == frames.RST_STREAM:
                found.append(("reset", stream_id, frames.number_of(payload)))
            elif kind == frames.HEADERS:
                found.append(("answer", stream_id, flags & 1))
            elif kind == frames.PING:
                found.append(("ping", flags, size))
            elif kind == frames.DATA:
                found.append(("data", stream_id, size))
        return found
