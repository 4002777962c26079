"""One stream of an HTTP/2 connection (RFC 9113 §5): what is sent on it, and hooks for what is received."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mypy_extensions import mypyc_attr

from trafficcop.http.h2.faults import CANCEL
from trafficcop.http.h2.frames import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    headers_frames,
    pack_head,
    window_update_frame,
)
from trafficcop.http.h2.heads import Head
from trafficcop.http.h2.patience import DATA_REFUND, FRAME_COST
from trafficcop.http.h2.terms import STREAM_WINDOW
from trafficcop.http.headers import Field

if TYPE_CHECKING:
    from trafficcop.http.h2.session import Session

# How much a reader takes before the other side may send as much again: often enough that it need not wait for it.
_CREDIT_STEP: Final = STREAM_WINDOW // 4
# A frame this small that a window has cut off is the other side's doing: it is charged (`patience.py`).
_TINY_FRAME: Final = 1024


@mypyc_attr(allow_interpreted_subclasses=True)
class Stream:
    """Subclass it; the hooks are called while bytes are being read, and must not run what waits for them: `settle` is
    for that, and is called once after the read, when any other hook was or when `is_congested` has become false.

    Sending: `write_head`, `write_data` and `write_trailers`, the last of them with `is_last` (trailers always are), or
    `reset`. What the windows do not let through is kept here: while `is_congested` do not send more. A stream whose
    both sides have ended is closed, and everything that is sent on it afterwards is dropped.
    Receiving: `consumed` lets the other side send more.
    """

    # === hooks ===

    def head_received(self, head: Head, is_last: bool) -> None:
        """The head of the request or of the final answer."""

    def informational_received(self, head: Head) -> None:
        """An answer 1xx (role of the client)."""

    def data_received(self, data: bytes) -> None:
        """Some of the body, never empty."""

    def end_received(self, trailers: list[Field] | None) -> None:
        """The body has ended; not called when `head_received` said `is_last`."""

    def broken(self, code: int) -> None:
        """The stream is closed before its time: reset by the other side, or by us for what the other side did."""

    def end_sent(self) -> None:
        """Our side has ended, the other has not: a server that wants no more of the request may `reset(NO_ERROR)`."""

    def settle(self) -> None:
        """After a read that touched this stream."""

    # === state ===

    stream_id: int = 0
    is_local_ended: bool = False  # END_STREAM has been sent
    is_remote_ended: bool = False  # END_STREAM has been received
    is_closed: bool = False
    has_head: bool = False  # role of the client: the final answer's head has been received
    is_touched: bool = False  # `settle` is due
    is_congested: bool = False
    left: int = -1  # bytes to come of a body whose length was announced, -1 if it was not
    widest: int = 0  # that `send_window` has been made by a window update
    unread: int = 0  # received, but not yet consumed
    _consumed: int = 0  # consumed, but not yet announced
    _queue: list[bytes] | None = None
    _offset: int = 0  # how much of the first piece has been sent
    _is_end_queued: bool = False
    _queued_trailers: list[Field] | None = None

    def __init__(self, session: Session) -> None:
        self.session = session
        self.send_window: int = session.initial_window
        self.receive_window: int = STREAM_WINDOW

    # === sending ===

    def write_head(self, block: bytes, is_last: bool) -> None:
        """A field section from the session's encoder; sections must be sent in the order in which they were encoded."""
        if self.is_closed or self.is_local_ended:
            return
        self.session.emit(headers_frames(self.stream_id, block, is_last, self.session.frame_size))
        if is_last:
            self._end()

    def write_whole(self, block: bytes, body: bytes) -> None:
        """A head and all of the body, in one piece if it can be."""
        session = self.session
        size, block_size = len(body), len(block)
        if (
            size > self.send_window
            or size > session.send_window
            or size > session.frame_size
            or block_size > session.frame_size
            or session.is_congested
            or self.is_closed
        ):
            self.write_head(block, False)
            self.write_data(body, True)
            return
        self.send_window -= size
        session.send_window -= size
        number = self.stream_id
        session.emit(
            b"".join(
                (
                    pack_head(block_size >> 16, block_size & 0xFFFF, HEADERS, END_HEADERS, number),
                    block,
                    pack_head(size >> 16, size & 0xFFFF, DATA, END_STREAM, number),
                    body,
                )
            )
        )
        self._end()

    def write_data(self, data: bytes, is_last: bool) -> None:
        session = self.session
        size = len(data)
        if self.is_closed or self.is_local_ended:
            return
        if (
            self._queue is not None
            or size > self.send_window
            or size > session.send_window
            or size > session.frame_size
            or session.is_congested
        ):
            self._enqueue(data, is_last)
            return
        self.send_window -= size
        session.send_window -= size
        session.patience.refund(DATA_REFUND)
        session.emit(pack_head(size >> 16, size & 0xFFFF, DATA, END_STREAM if is_last else 0, self.stream_id))
        session.emit(data)
        if is_last:
            self._end()

    def write_trailers(self, trailers: list[Field]) -> None:
        """The end, with trailers."""
        if self.is_closed or self.is_local_ended:
            return
        if self._queue is not None:
            self._queued_trailers = trailers
            self._is_end_queued = True
            return
        encoder = self.session.encoder
        self.write_head(encoder.begin() + encoder.encode_fields(trailers), True)

    def reset(self, code: int = CANCEL) -> None:
        """RST_STREAM; no hook is called for it."""
        if not self.is_closed:
            self.session.reset_stream(self, code)

    def _end(self) -> None:
        self.is_local_ended = True
        if self.is_remote_ended:
            self.session.close_stream(self)
        else:
            self.end_sent()

    def _enqueue(self, data: bytes, is_last: bool) -> None:
        if self._queue is None:
            self._queue = []
            self._offset = 0
        self._queue.append(data)
        session = self.session
        session.held += len(data)
        self._is_end_queued = is_last
        while self.write_queued():
            pass
        self._wait_if_queued()

    def _wait_if_queued(self) -> None:
        # By itself, because mypy holds on to what it has seen of `_queue`, and mypyc believes it.
        if self._queue is not None:
            self.is_congested = True
            self.session.blocked[self.stream_id] = self

    def write_queued(self) -> bool:
        """One frame of what is queued, as large as the windows allow; whether there was one."""
        session, queue = self.session, self._queue
        if queue is None or session.is_congested:
            return False
        piece, offset = queue[0], self._offset
        size = min(len(piece) - offset, session.frame_size)
        allowed = min(self.send_window, session.send_window)
        if size > allowed:
            size = allowed
            if size <= 0:
                return False
        if size > _TINY_FRAME or size < allowed:
            session.patience.refund(DATA_REFUND)
        else:
            session.patience.owe(FRAME_COST)
        is_piece_done = offset + size == len(piece)
        is_last = is_piece_done and len(queue) == 1 and self._is_end_queued and self._queued_trailers is None
        self.send_window -= size
        session.send_window -= size
        session.held -= size
        session.taken += size
        session.emit(pack_head(size >> 16, size & 0xFFFF, DATA, END_STREAM if is_last else 0, self.stream_id))
        session.emit(piece if size == len(piece) else piece[offset : offset + size])
        self._offset = offset + size
        if is_piece_done:
            self._offset = 0
            del queue[0]
            if not queue:
                self._queue_sent(is_last)
        return True

    def _queue_sent(self, is_last: bool) -> None:
        self._queue = None
        if self.is_congested:
            self.is_congested = False
            self.session.blocked.pop(self.stream_id, None)
            self.session.touch(self)
        trailers, self._queued_trailers = self._queued_trailers, None
        if trailers is not None:
            self.write_trailers(trailers)
        elif is_last:
            self._end()

    def drop_queue(self) -> None:
        queue = self._queue
        if queue is not None:
            self.session.held += self._offset - sum([len(piece) for piece in queue])
        self._queue = self._queued_trailers = None
        self.is_congested = False

    # === receiving ===

    def consumed(self, size: int) -> None:
        """So many bytes have been read, or will never be: the other side may send as many more."""
        if self.is_closed:
            return  # everything has been credited to the connection already
        self.unread -= size
        self.session.credit(size)
        if self.is_remote_ended:
            return
        self._consumed += size
        if self._consumed >= _CREDIT_STEP:
            self.receive_window += self._consumed
            self.session.emit(window_update_frame(self.stream_id, self._consumed))
            self._consumed = 0

    def discarded(self, size: int) -> None:
        """So many bytes will never be read: the other streams can have their room, this one needs no more."""
        if not self.is_closed:
            self.unread -= size
            self.session.credit(size)
