"""The content codings that `compress` offers: each makes a Compressor for one body. Libraries are loaded when used.

Levels are those at which more effort buys little: with JSON the sizes are within a few percent of the next better ones
at a fraction of their time. Windows are kept small, since a stream keeps its own as long as it lasts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

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


def gzip() -> Coding:
    from isal import isal_zlib

    make, sync, end = isal_zlib.compressobj, isal_zlib.Z_SYNC_FLUSH, isal_zlib.Z_FINISH

    class Gzip:
        __slots__ = ("_flush", "compress")

        def __init__(self) -> None:
            stream = make(_GZIP_LEVEL, isal_zlib.DEFLATED, _GZIP_WRAPPER)
            self.compress = stream.compress
            self._flush = stream.flush

        def flush(self) -> bytes:
            return self._flush(sync)

        def finish(self) -> bytes:
            return self._flush(end)

    return Gzip


def brotli() -> Coding:
    from brotli import Compressor as Stream

    class Brotli:
        __slots__ = ("compress", "finish", "flush")

        def __init__(self) -> None:
            stream = Stream(quality=_BROTLI_QUALITY, lgwin=_BROTLI_WINDOW)
            self.compress = stream.process
            self.flush = stream.flush
            self.finish = stream.finish

    return Brotli


def zstd() -> Coding:
    import zstandard

    parameters = zstandard.ZstdCompressionParameters.from_level(_ZSTD_LEVEL, window_log=_ZSTD_WINDOW)
    # Tables of a megabyte are worth keeping for the next body; each serves one body at a time.
    idle: list[zstandard.ZstdCompressor] = []

    class Zstd:
        __slots__ = ("_chunker", "_context")

        def __init__(self) -> None:
            self._context = idle.pop() if idle else zstandard.ZstdCompressor(compression_params=parameters)
            self._chunker = self._context.chunker(chunk_size=_ZSTD_CHUNK)

        def compress(self, data: bytes) -> bytes:
            return b"".join(self._chunker.compress(data))

        def flush(self) -> bytes:
            return b"".join(self._chunker.flush())  # type: ignore[no-untyped-call]

        def finish(self) -> bytes:
            data = b"".join(self._chunker.finish())  # type: ignore[no-untyped-call]
            if len(idle) < _ZSTD_IDLE:
                idle.append(self._context)
            return data

    return Zstd


CODINGS: dict[str, Callable[[], Coding]] = {"gzip": gzip, "br": brotli, "zstd": zstd}
