"""The content codings that `compress` offers: each makes a Compressor for one body. Libraries are loaded when used.

Levels are those at which more effort buys little: with JSON the sizes are within a few percent of the next better ones
at a fraction of their time. Windows are kept small, since a stream keeps its own as long as it lasts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

_GZIP_LEVEL = 2  # of ISA-L, as small as zlib's 3
_GZIP_WRAPPER = 31  # 32 kB of window, with gzip's head and checksum (zlib.h)
_BROTLI_QUALITY = 4
_BROTLI_WINDOW = 18  # powers of two
_ZSTD_LEVEL = 3
_ZSTD_WINDOW = 18
_ZSTD_IDLE = 8
_ZSTD_CHUNK = 16 * 1024


class Compressor(Protocol):
    """One body on its way: any number of `compress` and `flush`, then `finish`."""

    def compress(self, data: bytes) -> bytes: ...
    def flush(self) -> bytes:
        """What lets the other side read everything that was put in."""

    def finish(self) -> bytes: ...


Coding = Callable[[], Compressor]


class Gzip:
    """ISA-L's deflate, or a class of zlib's shape."""

    __slots__ = ("_end", "_stream", "_sync")

    def __init__(self, stream: Any, sync: int, end: int) -> None:
        self._stream = stream
        self._sync = sync
        self._end = end

    def compress(self, data: bytes) -> bytes:
        compressed: bytes = self._stream.compress(data)
        return compressed

    def flush(self) -> bytes:
        compressed: bytes = self._stream.flush(self._sync)
        return compressed

    def finish(self) -> bytes:
        compressed: bytes = self._stream.flush(self._end)
        return compressed


class GzipCoding:
    __slots__ = ("_end", "_method", "_open", "_sync")

    def __init__(self) -> None:
        from isal import isal_zlib

        self._open: Any = isal_zlib.compressobj
        self._method = isal_zlib.DEFLATED
        self._sync = isal_zlib.Z_SYNC_FLUSH
        self._end = isal_zlib.Z_FINISH

    def __call__(self) -> Compressor:
        return Gzip(self._open(_GZIP_LEVEL, self._method, _GZIP_WRAPPER), self._sync, self._end)


class Brotli:
    __slots__ = ("_stream",)

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def compress(self, data: bytes) -> bytes:
        compressed: bytes = self._stream.process(data)
        return compressed

    def flush(self) -> bytes:
        compressed: bytes = self._stream.flush()
        return compressed

    def finish(self) -> bytes:
        compressed: bytes = self._stream.finish()
        return compressed


class BrotliCoding:
    __slots__ = ("_open",)

    def __init__(self) -> None:
        import brotli

        self._open: Any = brotli.Compressor

    def __call__(self) -> Compressor:
        return Brotli(self._open(quality=_BROTLI_QUALITY, lgwin=_BROTLI_WINDOW))


class Zstd:
    __slots__ = ("_chunker", "_coding", "_context")

    def __init__(self, context: Any, coding: ZstdCoding) -> None:
        self._context = context
        self._coding = coding
        self._chunker: Any = context.chunker(chunk_size=_ZSTD_CHUNK)

    def compress(self, data: bytes) -> bytes:
        return b"".join(self._chunker.compress(data))

    def flush(self) -> bytes:
        return b"".join(self._chunker.flush())

    def finish(self) -> bytes:
        data = b"".join(self._chunker.finish())
        self._coding.keep(self._context)
        return data


class ZstdCoding:
    """Keeps contexts for the next bodies: their tables are worth a megabyte, and each serves one body at a time."""

    __slots__ = ("_idle", "_open", "_parameters")

    def __init__(self) -> None:
        import zstandard

        self._open: Any = zstandard.ZstdCompressor
        self._parameters = zstandard.ZstdCompressionParameters.from_level(_ZSTD_LEVEL, window_log=_ZSTD_WINDOW)
        self._idle: list[Any] = []

    def __call__(self) -> Compressor:
        context = self._idle.pop() if self._idle else self._open(compression_params=self._parameters)
        return Zstd(context, self)

    def keep(self, context: Any) -> None:
        if len(self._idle) < _ZSTD_IDLE:
            self._idle.append(context)


CODINGS: dict[str, Callable[[], Coding]] = {"gzip": GzipCoding, "br": BrotliCoding, "zstd": ZstdCoding}
