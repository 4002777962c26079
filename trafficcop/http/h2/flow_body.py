"""The body of a message on an HTTP/2 stream: what its reader takes, the sender may send again (RFC 9113 §5.2)."""

from __future__ import annotations

from trafficcop.http.body import Source, Stream
from trafficcop.http.h2.stream import Stream as H2Stream


class FlowBody(Stream):
    """Nobody can send more than the windows allow, so `pause_body` and `resume_body` of the source have nothing to do.

    What comes for a reader who has left is dropped; the stream's window then stays closed, the connection's does not.
    """

    def __init__(self, stream: H2Stream, source: Source, length: int | None = None) -> None:
        super().__init__(source, length)
        self._stream = stream

    def feed(self, chunk: bytes) -> None:
        super().feed(chunk)
        if self._is_discarding:
            self._stream.discarded(len(chunk))

    def _pop(self) -> bytes:
        size = self._size
        data = super()._pop()
        if size:
            self._stream.consumed(size)
        return data

    def close(self) -> None:
        if self._size:
            self._stream.discarded(self._size)
        super().close()
