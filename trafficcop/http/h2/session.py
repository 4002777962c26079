"""One HTTP/2 connection, sans-io, in either role (RFC 9113).

How to use it: make a `Session`, `start` it, write what `take_output` returns. Feed what the connection brings to
`receive`, then call `settle`, then write the output again. At any other time `owner.flush_soon` is called when there is
something to write. After `receive` look at `fault`: when it is set the last output is a GOAWAY, and the connection is
to be closed. When the connection is lost call `close` and `settle`.

The server's owner makes a `Stream` for each request (`accept_stream`). A client calls `open` with a stream it has made,
when `can_open`, and then `stream.write_head(session.encoder.begin() + …, is_last)`: see `request_head` of the encoder.
Set `is_congested` while the transport buffers, and call `resume` when it does no longer.
"""

from __future__ import annotations

from typing import Final, Protocol

from trafficcop.http.h2 import frames
from trafficcop.http.h2.faults import (
    CANCEL,
    NO_ERROR,
    ConnectionFault,
)
from trafficcop.http.h2.heads import HeadDecoder
from trafficcop.http.h2.hpack_encoder import HpackEncoder
from trafficcop.http.h2.patience import STREAM_REFUND, Patience
from trafficcop.http.h2.reader import FrameReader
from trafficcop.http.h2.stream import Stream
from trafficcop.http.h2.terms import Terms

# What is written in one go when streams that waited may send again; then the transport has its say.
_FLUSH_SIZE: Final = 128 * 1024
# Streams that we have reset, and on which frames may still be on their way (RFC 9113 §5.1).
_RESET_MEMORY: Final = 128


class Owner(Protocol):
    """Who holds the transport."""

    def accept_stream(self) -> Stream:
        """A stream for a request that begins (role of the server)."""

    def stream_closed(self, stream: Stream) -> None:
        """It is no longer among `Session.streams`."""

    def flush_soon(self) -> None:
        """There is output: write it before the turn of the loop ends."""

    def flush(self) -> None:
        """There is much output: write it now."""

    def goaway_received(self, last_stream_id: int, code: int) -> None:
        """The other side accepts no more streams; those it has not looked at are broken with REFUSED_STREAM."""

    def ping_answered(self, payload: bytes) -> None: ...


class Session:
    """The state that all streams of a connection share. How frames are read is in `reader.py`."""

    fault: ConnectionFault | None = None  # why the connection is over
    is_congested: bool = False  # the transport buffers
    is_going_away: bool = False  # we have said which stream is the last one
    is_refused: bool = False  # the other side has said so
    is_acknowledged: bool = False  # the other side knows our terms
    is_extended_connect_allowed: bool = False  # by the server (RFC 8441)
    peer_max_streams: int = 100  # RFC 9113 §6.5.2: until the other side says, no less than this is sensible
    last_peer_id: int = 0  # of the stream that the other side opened last
    next_id: int = 1  # of the stream that we open next (role of the client)
    held: int = 0  # bytes that windows or the transport hold back
    taken: int = 0  # bytes that had been held back and were sent
    _consumed: int = 0
    _is_flush_due: bool = False

    def __init__(self, owner: Owner, terms: Terms) -> None:
        self.owner = owner
        self.terms = terms
        self.is_client = terms.is_client
        self.initial_window: int = frames.DEFAULT_WINDOW
        self.frame_size: int = frames.DEFAULT_FRAME_SIZE  # that we may send
        self.send_window: int = frames.DEFAULT_WINDOW
        self.widest: int = frames.DEFAULT_WINDOW  # that `send_window` has been
        self.receive_window: int = terms.window
        # How much is consumed on all streams together before a window update says so.
        self._credit_step: int = terms.window // 4
        self.streams: dict[int, Stream] = {}
        self.blocked: dict[int, Stream] = {}  # what windows or the transport hold back
        self.patience = Patience()
        self.decoder = HeadDecoder(terms.decoder_table, terms.header_limit)
        self.encoder = HpackEncoder(terms.encoder_table)
        self._reader = FrameReader(self)
        self._out: list[bytes] = []
        self._touched: list[Stream] = []
        self._reset_ids: dict[int, None] = {}

    # === what the owner does ===

    def start(self) -> None:
        """Say our terms: the first thing on the connection, whoever speaks first."""
        self.emit(self.terms.opening)

    def receive(self, data: bytes) -> None:
        """Read what the connection brought. Never raises; see `fault`."""
        if self.fault is not None:
            return
        self._is_flush_due = True
        try:
            self._reader.read(data)
        except ConnectionFault as fault:
            self.fail(fault)

    def settle(self) -> None:
        """Let those run who wait for what was received."""
        self._is_flush_due = True
        while self._touched:
            touched, self._touched = self._touched, []
            for stream in touched:
                stream.is_touched = False
                stream.settle()
        self._is_flush_due = False

    def take_output(self) -> bytes:
        """What is to be written; b"" when there is nothing."""
        out = self._out
        self._is_flush_due = False
        if not out:
            return b""
        self._out = []
        return out[0] if len(out) == 1 else b"".join(out)

    def resume(self) -> None:
        """The transport has room again. Call `settle` and write the output afterwards."""
        self.is_congested = False
        self.pump()

    def open(self, stream: Stream) -> None:
        """Give a stream its number (role of the client)."""
        stream.stream_id = self.next_id
        self.next_id += 2
        self.streams[stream.stream_id] = stream

    @property
    def can_open(self) -> bool:
        return (
            not self.is_refused
            and self.fault is None
            and len(self.streams) < self.peer_max_streams
            and self.next_id < frames.LAST_STREAM_ID
        )

    def go_away(self, code: int = NO_ERROR, last_id: int = -1) -> None:
        """Accept no more streams; those that are open go on. `last_id`: above it if not above those seen so far."""
        self.is_going_away = last_id < 0
        self.emit(frames.goaway_frame(self.last_peer_id if last_id < 0 else last_id, code))

    def ping(self, payload: bytes) -> None:
        """Eight bytes that the other side sends back."""
        self.emit(frames.frame(frames.PING, 0, 0, payload))

    def fail(self, fault: ConnectionFault) -> None:
        """End the connection for what the other side did."""
        if self.fault is None:
            self.go_away(fault.code)
            self.fault = fault
            self.close(fault.code)

    def close(self, code: int = CANCEL) -> None:
        """The connection is over: so are its streams. Call `settle` afterwards."""
        for stream in list(self.streams.values()):
            self.close_stream(stream)
            stream.broken(code)
            self.touch(stream)
        # The collector may find us late: what is large goes now.
        self._reader.let_go()
        self.decoder.let_go()

    @property
    def is_greeted(self) -> bool:
        """Whether the other side has said its terms."""
        return self._reader.is_greeted

    @property
    def is_in_head(self) -> bool:
        """Whether a field section has begun to arrive, and its rest has not."""
        return self._reader.is_in_head

    # === what streams do ===

    def hold_flush(self) -> bool:
        """Ask for no flush until `release_flush`; whether nobody has asked for one yet."""
        is_first = not self._is_flush_due
        self._is_flush_due = True
        return is_first

    def release_flush(self) -> None:
        """After `hold_flush` said True: write now if no other stream could have something to say in this turn."""
        self._is_flush_due = False
        if self._out:
            if self.streams:
                self._is_flush_due = True
                self.owner.flush_soon()
            else:
                self.owner.flush()

    def emit(self, data: bytes) -> None:
        self._out.append(data)
        if not self._is_flush_due:
            self._is_flush_due = True
            self.owner.flush_soon()

    def touch(self, stream: Stream) -> None:
        """`settle` is due for it."""
        if not stream.is_touched:
            stream.is_touched = True
            self._touched.append(stream)

    def credit(self, size: int) -> None:
        """So many bytes of the connection's window are free again."""
        self._consumed += size
        if self._consumed >= self._credit_step:
            self.receive_window += self._consumed
            self.emit(frames.window_update_frame(0, self._consumed))
            self._consumed = 0

    def pump(self) -> None:
        """Send what was held back, a frame of each stream in turn."""
        blocked = self.blocked
        is_moving = True
        flushed = self.taken
        while is_moving and blocked and not self.is_congested:
            is_moving = False
            for stream in list(blocked.values()):
                if stream.write_queued():
                    is_moving = True
            if self.taken - flushed >= _FLUSH_SIZE:
                flushed = self.taken
                self.owner.flush()

    def reset_stream(self, stream: Stream, code: int) -> None:
        self.remember_reset(stream.stream_id)
        self.emit(frames.rst_stream_frame(stream.stream_id, code))
        self.close_stream(stream)

    def remember_reset(self, stream_id: int) -> None:
        if len(self._reset_ids) >= _RESET_MEMORY:
            del self._reset_ids[next(iter(self._reset_ids))]
        self._reset_ids[stream_id] = None

    def is_reset(self, stream_id: int) -> bool:
        """Whether we have reset it ourselves: the other side may not know yet."""
        return stream_id in self._reset_ids

    def close_stream(self, stream: Stream) -> None:
        if stream.is_closed:
            return
        stream.is_closed = True
        del self.streams[stream.stream_id]
        if stream.is_congested:
            self.blocked.pop(stream.stream_id, None)
        stream.drop_queue()
        if stream.is_local_ended and stream.is_remote_ended:
            self.patience.refund(STREAM_REFUND)
        if stream.unread:
            self.credit(stream.unread)
        self.owner.stream_closed(stream)
