"""Frames as bytes (RFC 9113 §4, §6): types, flags, settings, and how those are written that need no state."""

from __future__ import annotations

import struct
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA: Final = 0x0
HEADERS: Final = 0x1
PRIORITY: Final = 0x2
RST_STREAM: Final = 0x3
SETTINGS: Final = 0x4
PUSH_PROMISE: Final = 0x5
PING: Final = 0x6
GOAWAY: Final = 0x7
WINDOW_UPDATE: Final = 0x8
CONTINUATION: Final = 0x9

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITIZED: Final = 0x20

HEADER_TABLE_SIZE: Final = 0x1
ENABLE_PUSH: Final = 0x2
MAX_CONCURRENT_STREAMS: Final = 0x3
INITIAL_WINDOW_SIZE: Final = 0x4
MAX_FRAME_SIZE: Final = 0x5
MAX_HEADER_LIST_SIZE: Final = 0x6
ENABLE_CONNECT_PROTOCOL: Final = 0x8  # RFC 8441

FRAME_HEAD: Final = 9
DEFAULT_WINDOW: Final = 65535
DEFAULT_FRAME_SIZE: Final = 16384
LARGEST_WINDOW: Final = (1 << 31) - 1
LARGEST_FRAME_SIZE: Final = (1 << 24) - 1
LAST_STREAM_ID: Final = (1 << 31) - 1

# Length in three bytes, of which the first is packed by itself; type, flags, stream.
_HEAD: Final = struct.Struct(">BHBBL")
pack_head = _HEAD.pack
read_head = _HEAD.unpack_from
_SETTING: Final = struct.Struct(">HL")
_WINDOW: Final = struct.Struct(">BHBBLL").pack
_GOAWAY: Final = struct.Struct(">BHBBLLL").pack

SETTINGS_ACK: Final = pack_head(0, 0, SETTINGS, ACK, 0)


def frame(kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    size = len(payload)
    return pack_head(size >> 16, size & 0xFFFF, kind, flags, stream_id) + payload


def settings_frame(settings: dict[int, int]) -> bytes:
    return frame(SETTINGS, 0, 0, b"".join([_SETTING.pack(key, value) for key, value in settings.items()]))


def read_settings(payload: bytes) -> list[tuple[int, int]]:
    return list(_SETTING.iter_unpack(payload))


def window_update_frame(stream_id: int, increment: int) -> bytes:
    return _WINDOW(0, 4, WINDOW_UPDATE, 0, stream_id, increment)


def rst_stream_frame(stream_id: int, code: int) -> bytes:
    return _WINDOW(0, 4, RST_STREAM, 0, stream_id, code)


def goaway_frame(last_stream_id: int, code: int) -> bytes:
    return _GOAWAY(0, 8, GOAWAY, 0, 0, last_stream_id, code)


def number_of(payload: bytes) -> int:
    """The four bytes of a RST_STREAM or WINDOW_UPDATE."""
    return int.from_bytes(payload, "big")


def headers_frames(stream_id: int, block: bytes, is_last: bool, frame_size: int) -> bytes:
    """A field section: HEADERS, and CONTINUATION for what does not fit into one frame."""
    size = len(block)
    end_stream = END_STREAM if is_last else 0
    if size <= frame_size:
        return pack_head(size >> 16, size & 0xFFFF, HEADERS, END_HEADERS | end_stream, stream_id) + block
    parts = [frame(HEADERS, end_stream, stream_id, block[:frame_size])]
    for start in range(frame_size, size, frame_size):
        flags = END_HEADERS if start + frame_size >= size else 0
        parts.append(frame(CONTINUATION, flags, stream_id, block[start : start + frame_size]))
    return b"".join(parts)
