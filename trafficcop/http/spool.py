"""A body kept until all of it is here: in memory up to a limit, in a temporary file beyond."""

from __future__ import annotations

import tempfile
from typing import IO, Final

from trafficcop.http.body import Body, Bytes
from trafficcop.http.headers import Field

# Bytes read or written at a time: into the page cache of the kernel, which costs microseconds, so no thread is asked.
_PIECE: Final = 64 * 1024


class Spool:
    """Collects a body once, with its trailers; `body` gives it again any number of times, one after the other."""

    __slots__ = ("_chunks", "_file", "_memory", "size", "trailers")

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._chunks: list[bytes] = []
        self._file: IO[bytes] | None = None
        self.size = 0
        self.trailers: list[Field] | None = None

    @property
    def is_in_file(self) -> bool:
        return self._file is not None

    async def fill(self, body: Body, limit: int) -> bool:
        """Read `body` to its end; False as soon as there are more than `limit` bytes (0: no limit)."""
        if limit and body.length is not None and body.length > limit:
            return False
        whole = body.take()
        if whole is not None:
            self.trailers = body.trailers
            return self._append(whole, limit)
        while chunk := await body.read():
            if not self._append(chunk, limit):
                return False
        self.trailers = body.trailers
        return True

    def _append(self, chunk: bytes, limit: int) -> bool:
        self.size += len(chunk)
        if limit and self.size > limit:
            return False
        if self._file is None and self.size <= self._memory:
            self._chunks.append(chunk)
            return True
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="trafficcop-")  # noqa: SIM115 -- closed with the spool
            for held in self._chunks:
                self._file.write(held)
            self._chunks.clear()
        self._file.write(chunk)
        return True

    def body(self) -> Body:
        """The whole from its beginning. One at a time: they share the file."""
        body = self._content()
        body.trailers = self.trailers
        return body

    def _content(self) -> Body:
        if self._file is not None:
            self._file.flush()
            return FileBody(self._file, self.size)
        if len(self._chunks) > 1:
            self._chunks = [b"".join(self._chunks)]
        return Bytes(self._chunks[0] if self._chunks else b"")

    def close(self) -> None:
        self._chunks.clear()
        if self._file is not None:
            self._file.close()


class FileBody(Body):
    """A body in a file, read in pieces. The file is closed by whoever opened it, or freed with the last reference."""

    __slots__ = ("_file", "_left", "_offset")

    def __init__(self, file: IO[bytes], size: int) -> None:
        super().__init__(size)
        self._file = file
        self._offset = 0
        self._left = size

    async def read(self) -> bytes:
        if not self._left:
            return b""
        self._file.seek(self._offset)
        piece = self._file.read(min(_PIECE, self._left))
        self._offset += len(piece)
        self._left -= len(piece)
        return piece

    def close(self) -> None:
        self._left = 0
