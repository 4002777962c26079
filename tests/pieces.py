"""Bodies that arrive in pieces, as from a connection, for tests of whatever reads them."""

from __future__ import annotations

import asyncio

from trafficcop.errors import ProxyError
from trafficcop.http.body import EMPTY, Body, Bytes, Stream
from trafficcop.http.headers import Field


class Pieces:
    """What will arrive, one piece in each turn of the loop, and what then; `stream` begins it.

    `is_here`: everything has arrived but the end. `is_whole`: that too. `is_endless`: the end never comes.
    """

    def __init__(
        self,
        *pieces: bytes,
        length: int | None = None,
        error: ProxyError | None = None,
        trailers: list[Field] | None = None,
        is_here: bool = False,
        is_whole: bool = False,
        is_endless: bool = False,
    ) -> None:
        self.pieces = pieces
        self.length = length
        self.error = error
        self.trailers = trailers
        self.is_here = is_here
        self.is_whole = is_whole
        self.is_endless = is_endless
        self.is_abandoned = False

    @property
    def content(self) -> bytes:
        return b"".join(self.pieces)

    def stream(self) -> Stream:
        """A new body. Needs a running loop unless it is whole."""
        body = Stream(self, self.length)
        coming = list(self.pieces)
        while coming and (self.is_here or self.is_whole):
            body.feed(coming.pop(0))
        if self.is_whole:
            body.end(self.trailers)
        else:
            asyncio.get_running_loop().call_soon(self._arrive, body, coming)
        return body

    def _arrive(self, body: Stream, coming: list[bytes]) -> None:
        if coming:
            body.feed(coming.pop(0))
        elif self.is_endless:
            return
        elif self.error is not None:
            body.fail(self.error)
            return
        else:
            body.end(self.trailers)
            body.wake()
            return
        body.wake()
        asyncio.get_running_loop().call_soon(self._arrive, body, coming)

    def pause_body(self) -> None: ...
    def resume_body(self) -> None: ...
    def continue_body(self) -> None: ...
    def abandon_body(self) -> None:
        self.is_abandoned = True


def body_of(given: bytes | Pieces) -> Body:
    if isinstance(given, Pieces):
        return given.stream()
    return Bytes(given) if given else EMPTY
