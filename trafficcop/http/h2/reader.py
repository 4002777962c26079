"""Frames as they come in: cut out of the bytes, judged, and handed to their streams (RFC 9113 §4 to §6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trafficcop.http.h2 import frames
from trafficcop.http.h2.control_frames import check_not_idle, take_other, take_rst_stream, take_window_update
from trafficcop.http.h2.faults import (
    ENHANCE_YOUR_CALM,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    STREAM_CLOSED,
    ConnectionFault,
    StreamFault,
)
from trafficcop.http.h2.frames import DATA, END_HEADERS, END_STREAM, FRAME_HEAD, HEADERS, PADDED, PRIORITIZED, read_head
from trafficcop.http.h2.heads import Head
from trafficcop.http.h2.patience import FRAME_COST, RESET_COST
from trafficcop.http.h2.stream import Stream
from trafficcop.http.headers import Field

if TYPE_CHECKING:
    from trafficcop.http.h2.session import Session

# A block longer than the fields it may hold is none that an encoder makes: nobody reads it to its end.
_BLOCK_SLACK: Final = 16 * 1024

_ODD_HEADERS: Final = END_HEADERS | PADDED | PRIORITIZED


class FrameReader:
    """Reads one connection. ConnectionFault: it cannot be read any further."""

    is_greeted: bool = False  # the first SETTINGS has come
    _needed: int = 0  # bytes before there is anything to read
    _partial_size: int = 0
    # A field section of which CONTINUATION frames are to come.
    _block_id: int = 0
    _block_flags: int = 0
    _block_size: int = 0

    def __init__(self, session: Session) -> None:
        self._session = session
        self._partial: list[bytes] = []
        self._block: list[bytes] = []
        self._preface = b"" if session.is_client else frames.PREFACE

    @property
    def is_in_head(self) -> bool:
        """Whether a field section has begun and not ended."""
        return self._block_id > 0

    def let_go(self) -> None:
        """Nothing is read any more."""
        self._partial.clear()
        self._block.clear()

    def read(self, data: bytes) -> None:
        if self._partial_size:
            self._partial.append(data)
            self._partial_size += len(data)
            if self._partial_size < self._needed:
                return
            data = b"".join(self._partial)
            self._partial.clear()
            self._partial_size = 0
        if self._preface:
            data = self._read_preface(data)
        if data:
            self._read_frames(data)

    def _read_preface(self, data: bytes) -> bytes:
        preface = self._preface
        if not preface.startswith(data[: len(preface)]):
            raise ConnectionFault(PROTOCOL_ERROR, "this is not HTTP/2")
        if len(data) < len(preface):
            self._keep(data, len(preface))
            return b""
        self._preface = b""
        return data[len(preface) :]

    def _keep(self, rest: bytes, needed: int) -> None:
        self._partial.append(rest)
        self._partial_size = len(rest)
        self._needed = needed

    def _read_frames(self, data: bytes) -> None:
        end = len(data)
        at = 0
        needed = FRAME_HEAD
        while end - at >= FRAME_HEAD:
            high, low, kind, flags, stream_id = read_head(data, at)
            size = high << 16 | low
            if size > frames.DEFAULT_FRAME_SIZE:
                raise ConnectionFault(FRAME_SIZE_ERROR, f"a frame of {size} bytes")
            start = at + FRAME_HEAD
            stop = start + size
            if stop > end:
                needed = FRAME_HEAD + size
                break
            at = stop
            try:
                self._take(kind, flags, stream_id & 0x7FFFFFFF, data[start:stop])
            except StreamFault as fault:
                self._break_stream(fault)
        if at < end:
            self._keep(data[at:] if at else data, needed)

    def _take(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if self._block_id and (kind != frames.CONTINUATION or stream_id != self._block_id):
            raise ConnectionFault(PROTOCOL_ERROR, "a frame inside a field section")
        if not self.is_greeted:
            if kind != frames.SETTINGS or flags & frames.ACK:
                raise ConnectionFault(PROTOCOL_ERROR, "the first frame is not SETTINGS")
            self.is_greeted = True
        if kind == HEADERS:
            if flags & _ODD_HEADERS == END_HEADERS and stream_id:
                self._take_section(stream_id, flags, payload)
            else:
                self._take_headers(flags, stream_id, payload)
        elif kind == DATA:
            self._take_data(flags, stream_id, payload)
        elif kind == frames.WINDOW_UPDATE:
            take_window_update(self._session, stream_id, payload)
        elif kind == frames.RST_STREAM:
            take_rst_stream(self._session, stream_id, payload)
        elif kind == frames.CONTINUATION:
            self._take_continuation(flags, stream_id, payload)
        else:
            take_other(self._session, kind, flags, stream_id, payload)

    def _break_stream(self, fault: StreamFault) -> None:
        """What the other side did wrong concerns one stream only."""
        session = self._session
        # Who has not seen our terms yet cannot know how many streams we take.
        is_innocent = fault.code == REFUSED_STREAM and not session.is_acknowledged
        session.patience.charge(FRAME_COST if is_innocent else RESET_COST)
        stream = session.streams.get(fault.stream_id)
        if stream is not None:
            session.reset_stream(stream, fault.code)
            stream.broken(fault.code)
            session.touch(stream)
        else:
            session.remember_reset(fault.stream_id)
            session.emit(frames.rst_stream_frame(fault.stream_id, fault.code))

    # === field sections ===

    def _take_headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id == 0:
            raise ConnectionFault(PROTOCOL_ERROR, "HEADERS on no stream")
        if flags & (PADDED | PRIORITIZED):
            payload = _unwrap(flags, payload)
        if flags & END_HEADERS:
            self._take_section(stream_id, flags, payload)
            return
        self._block_id = stream_id
        self._block_flags = flags
        self._block.append(payload)
        self._block_size = len(payload)

    def _take_continuation(self, flags: int, stream_id: int, payload: bytes) -> None:
        if not self._block_id:
            raise ConnectionFault(PROTOCOL_ERROR, "CONTINUATION of nothing")
        if len(payload) < frames.DEFAULT_FRAME_SIZE // 2 and not flags & END_HEADERS:
            self._session.patience.charge(FRAME_COST)
        self._block.append(payload)
        self._block_size += len(payload)
        if self._block_size > self._session.terms.header_limit + _BLOCK_SLACK:
            raise ConnectionFault(ENHANCE_YOUR_CALM, "a field section without end")
        if flags & END_HEADERS:
            block = b"".join(self._block)
            self._block.clear()
            self._block_id = 0
            self._take_section(stream_id, self._block_flags, block)

    def _take_section(self, stream_id: int, flags: int, block: bytes) -> None:
        session = self._session
        # Whatever becomes of it: the table must see it.
        head = session.decoder.decode(block)
        is_last = flags & END_STREAM != 0
        stream = session.streams.get(stream_id)
        if stream is None:
            if session.is_client:
                self._take_stray(stream_id, "HEADERS")
            else:
                self._open(stream_id, head, is_last)
            return
        if stream.is_remote_ended:
            raise StreamFault(stream_id, STREAM_CLOSED, "HEADERS after the end")
        if session.is_client and not stream.has_head:
            self._take_answer(stream, head, is_last)
            return
        fault = head.trailers_fault() or ("" if is_last else "trailers that are not the end")
        if fault:
            raise StreamFault(stream_id, PROTOCOL_ERROR, fault)
        self._end(stream, head.fields.trailers())

    def _open(self, stream_id: int, head: Head, is_last: bool) -> None:
        """A request begins."""
        session = self._session
        if stream_id & 1 == 0:
            raise ConnectionFault(PROTOCOL_ERROR, "a client's stream has an odd number")
        if stream_id <= session.last_peer_id:
            self._take_stray(stream_id, "HEADERS")
            return
        if session.is_going_away:
            return  # the client has been told, and will ask elsewhere
        session.last_peer_id = stream_id
        if len(session.streams) >= session.terms.max_streams:
            raise StreamFault(stream_id, REFUSED_STREAM, "too many streams at once")
        if not head.is_judged and not head.is_too_large:
            fault = head.request_fault()
            if fault:
                raise StreamFault(stream_id, PROTOCOL_ERROR, fault)
        stream = session.owner.accept_stream()
        stream.stream_id = stream_id
        session.streams[stream_id] = stream
        stream.is_remote_ended = is_last
        stream.head_received(head, is_last)
        session.touch(stream)
        if is_last and stream.left > 0:
            raise StreamFault(stream_id, PROTOCOL_ERROR, "a body that was announced is missing")

    def _take_answer(self, stream: Stream, head: Head, is_last: bool) -> None:
        fault = head.response_fault()
        if head.is_too_large:
            fault = "too large a head"
        if fault or (head.status < 200 and (is_last or head.status == 101)):
            raise StreamFault(stream.stream_id, PROTOCOL_ERROR, fault or "an answer 1xx that is the end")
        session = self._session
        if head.status < 200:
            session.patience.charge(FRAME_COST)
            stream.informational_received(head)
        else:
            stream.has_head = True
            stream.is_remote_ended = is_last
            stream.head_received(head, is_last)
            if is_last and stream.left > 0:
                raise StreamFault(stream.stream_id, PROTOCOL_ERROR, "a body that was announced is missing")
            if is_last and stream.is_local_ended:
                session.close_stream(stream)
        session.touch(stream)

    def _take_stray(self, stream_id: int, what: str) -> None:
        """A frame on a stream that is closed: on its way when we reset it, or a mistake."""
        session = self._session
        if session.is_reset(stream_id) or (session.is_going_away and stream_id > session.last_peer_id):
            session.patience.charge(FRAME_COST)
            return
        check_not_idle(session, stream_id, what)
        raise ConnectionFault(STREAM_CLOSED, f"{what} on a closed stream")

    # === bodies ===

    def _take_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        session = self._session
        size = len(payload)
        if stream_id == 0:
            raise ConnectionFault(PROTOCOL_ERROR, "DATA on no stream")
        session.receive_window -= size
        if session.receive_window < 0:
            raise ConnectionFault(FLOW_CONTROL_ERROR, "more than the connection's window")
        stream = session.streams.get(stream_id)
        if stream is None or stream.is_remote_ended:
            self._take_stray_data(stream, stream_id, size)
            return
        stream.receive_window -= size
        stream.unread += size
        if stream.receive_window < 0:
            raise StreamFault(stream_id, FLOW_CONTROL_ERROR, "more than the stream's window")
        if session.is_client and not stream.has_head:
            raise StreamFault(stream_id, PROTOCOL_ERROR, "a body without a head")
        if flags & PADDED:
            payload = _unwrap(PADDED, payload)
            stream.consumed(size - len(payload))
            size = len(payload)
        if stream.left >= 0:
            stream.left -= size
            if stream.left < 0:
                raise StreamFault(stream_id, PROTOCOL_ERROR, "more body than announced")
        if size:
            stream.data_received(payload)
        elif not flags & END_STREAM:
            session.patience.charge(FRAME_COST)
        if flags & END_STREAM:
            self._end(stream, None)
        else:
            session.touch(stream)

    def _take_stray_data(self, stream: Stream | None, stream_id: int, size: int) -> None:
        session = self._session
        session.credit(size)
        if stream is not None:
            raise StreamFault(stream_id, STREAM_CLOSED, "DATA after the end")
        if session.is_reset(stream_id):
            if not size:
                session.patience.charge(FRAME_COST)
            return
        self._take_stray(stream_id, "DATA")

    def _end(self, stream: Stream, trailers: list[Field] | None) -> None:
        if stream.left > 0:
            raise StreamFault(stream.stream_id, PROTOCOL_ERROR, "less body than announced")
        stream.is_remote_ended = True
        stream.end_received(trailers)
        session = self._session
        if stream.is_local_ended:
            session.close_stream(stream)
        session.touch(stream)


def _unwrap(flags: int, payload: bytes) -> bytes:
    """Without padding (RFC 9113 §6.1) and priority (§6.2)."""
    start, end = 0, len(payload)
    if flags & PADDED:
        if not payload or payload[0] >= end:
            raise ConnectionFault(PROTOCOL_ERROR, "more padding than frame")
        start, end = 1, end - payload[0]
    if flags & PRIORITIZED:
        start += 5
        if start > end:
            raise ConnectionFault(FRAME_SIZE_ERROR, "HEADERS without a priority")
    return payload[start:end]
