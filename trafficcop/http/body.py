"""Message bodies: bytes on their way, read once, never held whole unless they are small and already here."""

from __future__ import annotations

from typing import Final, Protocol

from trafficcop.errors import ProxyError
from trafficcop.http.drive import Wakeup
from trafficcop.http.headers import Field

# A body that holds more than this asks its source to pause; below the low mark it asks for more.
HIGH_WATER: Final = 256 * 1024
LOW_WATER: Final = 64 * 1024


class Source(Protocol):
    """Where a streamed body comes from: a connection or a stream of one."""

    def pause_body(self) -> None: ...
    def resume_body(self) -> None: ...
    def continue_body(self) -> None:
        """The reader asks for the body: tell a client that expects it to (RFC 9110 §10.1.1)."""

    def abandon_body(self) -> None:
        """Nobody will read the rest."""


class Body:
    """A body. `length` is the number of bytes if known beforehand; `trailers` are there once `read` returned b""."""

    trailers: list[Field] | None = None
    inner: Body | None = None  # what it passes on

    def __init__(self, length: int | None = None) -> None:
        self.length = length

    @property
    def is_ended(self) -> bool:
        """Whether all of it has certainly arrived (it may still wait to be read): its sender has nothing more to do."""
        return False

    def take(self) -> bytes | None:
        """The whole content if it is all here already and nothing was read of it; None otherwise. Reads it."""
        return None

    def take_available(self) -> bytes:
        """What can be read without waiting; b"" when nothing is here (not: that it has ended)."""
        return b""

    async def read(self) -> bytes:
        """The next bytes, or b"" at the end. ProxyError when the sender failed."""
        raise NotImplementedError

    def hold(self) -> None:
        """The reader will not read for a while: let nothing come that need not."""

    def close(self) -> None:
        """The reader wants no more of it."""


class Bytes(Body):
    """A body that is all here."""

    size: int = 0  # bytes of one that has no `length`, since it came in chunks and goes on in chunks

    def __init__(self, data: bytes, length: int | None = None) -> None:
        self.length = len(data) if length is None else length
        self.trailers = None  # asked for each time, and five times as slow to read as a default of the class
        self._data = data

    @property
    def is_ended(self) -> bool:
        return True

    def take(self) -> bytes | None:
        data, self._data = self._data, b""
        return data

    def take_available(self) -> bytes:
        data, self._data = self._data, b""
        return data

    async def read(self) -> bytes:
        data, self._data = self._data, b""
        return data


class Stream(Body):
    """A body that arrives in pieces: a connection feeds it, one reader reads it, both at their own pace."""

    _size: int = 0
    _is_discarding: bool = False
    _is_ended: bool = False
    _is_paused: bool = False
    _error: ProxyError | None = None
    _wakeup: Wakeup | None = None
    received: int = 0  # bytes so far
    is_expected: bool = False  # the sender waits for "100 Continue" before it sends anything

    def __init__(self, source: Source, length: int | None = None) -> None:
        self.length = length
        self._source = source
        self._chunks: list[bytes] = []

    # === fed by the connection ===

    def feed(self, chunk: bytes) -> None:
        self.received += len(chunk)
        if self._is_discarding:
            return
        self._chunks.append(chunk)
        self._size += len(chunk)
        if self._size > HIGH_WATER:
            self.hold()

    def hold(self) -> None:
        if not self._is_paused and not self._is_ended:
            self._is_paused = True
            self._source.pause_body()

    def end(self, trailers: list[Field] | None = None) -> None:
        self.trailers = trailers
        self._is_ended = True

    def fail(self, error: ProxyError) -> None:
        """The sender is gone before the end: what came can be read, then `read` raises."""
        if not self._is_ended:
            self._error = error
            self._is_ended = True
            self.wake()

    def wake(self) -> None:
        """Let the reader run: called by the connection once it has fed what a read brought, never from its parser."""
        if self._wakeup is not None:
            wakeup, self._wakeup = self._wakeup, None
            wakeup.set()

    # === read by the other side ===

    @property
    def is_ended(self) -> bool:
        return self._is_ended

    def take(self) -> bytes | None:
        if not self._is_ended or self._error is not None:
            return None
        return self._pop()

    def take_available(self) -> bytes:
        return self._pop() if self._chunks else b""

    def _pop(self) -> bytes:
        chunks, self._chunks, self._size = self._chunks, [], 0
        if self._is_paused:
            self._resume()
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _resume(self) -> None:
        self._is_paused = False
        self._source.resume_body()

    async def read(self) -> bytes:
        while not self._chunks:
            if self._error is not None:
                raise self._error
            if self._is_ended:
                return b""
            if self._is_paused:
                self._resume()
            if self.is_expected:
                self.is_expected = False
                self._source.continue_body()
            self._wakeup = Wakeup()
            await self._wakeup
        return self._pop()

    def close(self) -> None:
        self._is_discarding = True
        self._chunks, self._size = [], 0
        if not self._is_ended:
            self._source.abandon_body()


EMPTY: Final = Bytes(b"")


def received_of(body: Body) -> int:
    """How many bytes of it have come."""
    while body.inner is not None:
        body = body.inner
    if isinstance(body, Stream):
        return body.received
    return body.length or (body.size if isinstance(body, Bytes) else 0)
