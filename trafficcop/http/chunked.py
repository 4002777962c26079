"""The chunked transfer coding, read strictly (RFC 9112 §7.1): what is doubtful is refused: smuggling feeds on it."""

from __future__ import annotations

import re
from typing import Final

from trafficcop.http.headers import FRAMING, HOP, HOST, Field, learn

# A size with its extensions, or a trailer: nobody needs a longer one.
LINE_LIMIT: Final = 16 * 1024

_SIZE: Final = re.compile(rb"0*([0-9A-Fa-f]{1,15})(;[\t\x20-\x7e\x80-\xff]+)?\r\n")
_SIZE_BEGUN: Final = re.compile(rb"[0-9A-Fa-f]*(;[\t\x20-\x7e\x80-\xff]*)?\r?")
_TRAILER: Final = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([\t\x20-\x7e\x80-\xff]*)\r\n")


class MalformedChunk(Exception):
    """What stands where a chunk should be is none."""


class LineTooLong(Exception):
    """The trailers take more than a head may, or one line more than anybody needs."""


class ChunkedReader:
    """Reads one body. `limit`: how many bytes of trailers there may be."""

    _left: int = 0  # bytes to come of the chunk being read
    _is_after_data: bool = False
    _is_in_trailers: bool = False
    _partial: bytes = b""
    _trailers_size: int = 0
    is_done: bool = False

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.trailers: list[Field] = []

    def read(self, data: bytes, chunks: list[bytes]) -> bytes:
        """Add the content to `chunks`; what follows the end of the body is returned. MalformedChunk, LineTooLong."""
        position, size = 0, len(data)
        while position < size:
            if self._left > 0:
                end = position + self._left
                piece = data[position:end]
                chunks.append(piece)
                self._left -= len(piece)
                position += len(piece)
                self._is_after_data = self._left == 0
                continue
            end = data.find(b"\n", position) + 1
            if end == 0:
                self._keep(data[position:])
                break
            line = self._partial + data[position:end]
            self._partial = b""
            position = end
            self._take_line(line)
            if self.is_done:
                return data[position:]
        return b""

    def _keep(self, part: bytes) -> None:
        """A line that has not ended: what can be no line is refused now, for its end may never come."""
        partial = self._partial = self._partial + part
        if len(partial) > min(LINE_LIMIT, self._limit):
            raise LineTooLong
        if self._is_after_data:
            is_line = b"\r\n".startswith(partial)
        elif self._is_in_trailers:
            is_line = b"\r" not in partial[:-1]
        else:
            is_line = _SIZE_BEGUN.fullmatch(partial) is not None
        if not is_line:
            raise MalformedChunk("a line break is missing")

    def _take_line(self, line: bytes) -> None:
        if self._is_after_data:
            if line != b"\r\n":
                raise MalformedChunk("no line break after a chunk")
            self._is_after_data = False
        elif self._is_in_trailers:
            self._take_trailer(line)
        else:
            found = _SIZE.fullmatch(line)
            if found is None:
                raise MalformedChunk("malformed size of a chunk")
            self._left = int(found[1], 16)
            self._is_in_trailers = self._left == 0

    def _take_trailer(self, line: bytes) -> None:
        if line == b"\r\n":
            self.is_done = True
            return
        self._trailers_size += len(line)
        if self._trailers_size > self._limit:
            raise LineTooLong
        found = _TRAILER.fullmatch(line)
        if found is None:
            raise MalformedChunk("malformed trailer")
        bits = learn(found[1])
        if bits & FRAMING:
            raise MalformedChunk("a trailer about the framing")
        # RFC 9110 §6.5.1: fields about routing or the connection must not come as trailers.
        if not bits & (HOP | HOST):
            self.trailers.append((found[1], found[2].strip(b" \t")))
