"""The frames that carry no message: window updates, resets, settings, pings and the rest (RFC 9113 §6.3 to §6.9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trafficcop.http.h2 import frames
from trafficcop.http.h2.faults import (
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    ConnectionFault,
    StreamFault,
)
from trafficcop.http.h2.patience import FRAME_COST, RESET_COST

if TYPE_CHECKING:
    from trafficcop.http.h2.session import Session


def check_not_idle(session: Session, stream_id: int, what: str) -> None:
    """RFC 9113 §5.1: nothing but HEADERS and PRIORITY may come on a stream that nobody has opened."""
    is_ours = stream_id & 1 == int(session.is_client)
    if stream_id >= session.next_id if is_ours else stream_id > session.last_peer_id:
        raise ConnectionFault(PROTOCOL_ERROR, f"{what} on an idle stream")


def take_window_update(session: Session, stream_id: int, payload: bytes) -> None:
    if len(payload) != 4:
        raise ConnectionFault(FRAME_SIZE_ERROR, "WINDOW_UPDATE")
    increment = frames.number_of(payload) & frames.LARGEST_WINDOW
    if stream_id == 0:
        if increment == 0:
            raise ConnectionFault(PROTOCOL_ERROR, "a window update by nothing")
        session.send_window += increment
        if session.send_window > frames.LARGEST_WINDOW:
            raise ConnectionFault(FLOW_CONTROL_ERROR, "too large a window")
        # What gives back no more than was sent is an answer: who reads small messages one by one sends thousands.
        is_answer = session.send_window <= session.widest
        session.widest = max(session.widest, session.send_window)
    else:
        stream = session.streams.get(stream_id)
        if stream is None:
            session.patience.charge(FRAME_COST)
            check_not_idle(session, stream_id, "WINDOW_UPDATE")
            return
        if increment == 0:
            raise StreamFault(stream_id, PROTOCOL_ERROR, "a window update by nothing")
        stream.send_window += increment
        if stream.send_window > frames.LARGEST_WINDOW:
            raise StreamFault(stream_id, FLOW_CONTROL_ERROR, "too large a window")
        is_answer = stream.send_window <= stream.widest
        stream.widest = max(stream.widest, stream.send_window)
    session.patience.charge(0 if is_answer else FRAME_COST)
    if session.blocked:
        session.pump()


def take_rst_stream(session: Session, stream_id: int, payload: bytes) -> None:
    if len(payload) != 4:
        raise ConnectionFault(FRAME_SIZE_ERROR, "RST_STREAM")
    if stream_id == 0:
        raise ConnectionFault(PROTOCOL_ERROR, "RST_STREAM on no stream")
    stream = session.streams.get(stream_id)
    if stream is None:
        session.patience.charge(FRAME_COST)
        check_not_idle(session, stream_id, "RST_STREAM")
        return
    session.patience.charge(RESET_COST)
    session.close_stream(stream)
    stream.broken(frames.number_of(payload))
    session.touch(stream)


def take_other(session: Session, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
    session.patience.charge(FRAME_COST)
    if kind == frames.PRIORITY:
        # RFC 9113 §5.3: not made use of.
        if stream_id == 0:
            raise ConnectionFault(PROTOCOL_ERROR, "PRIORITY on no stream")
        if len(payload) != 5:
            raise StreamFault(stream_id, FRAME_SIZE_ERROR, "PRIORITY")
    elif kind == frames.PUSH_PROMISE:
        raise ConnectionFault(PROTOCOL_ERROR, "PUSH_PROMISE")  # servers must not be asked, and we forbid them
    elif kind in (frames.SETTINGS, frames.PING, frames.GOAWAY):
        if stream_id != 0:
            raise ConnectionFault(PROTOCOL_ERROR, "a connection's frame on a stream")
        if kind == frames.SETTINGS:
            _take_settings(session, flags, payload)
        elif kind == frames.PING:
            _take_ping(session, flags, payload)
        else:
            _take_goaway(session, payload)


def _take_settings(session: Session, flags: int, payload: bytes) -> None:
    if flags & frames.ACK:
        if payload:
            raise ConnectionFault(FRAME_SIZE_ERROR, "an acknowledgement of SETTINGS")
        session.is_acknowledged = True
        return
    if len(payload) % 6:
        raise ConnectionFault(FRAME_SIZE_ERROR, "SETTINGS")
    settings = frames.read_settings(payload)
    # One frame may hold thousands of them, and each change of a window is work for each stream.
    session.patience.charge(FRAME_COST * len(settings) // 8)
    for key, value in settings:
        _apply(session, key, value)
    session.emit(frames.SETTINGS_ACK)


def _apply(session: Session, key: int, value: int) -> None:
    if key == frames.HEADER_TABLE_SIZE:
        session.encoder.change_limit(value)
    elif key == frames.ENABLE_PUSH:
        if value > 1 or (value and session.is_client):
            raise ConnectionFault(PROTOCOL_ERROR, "ENABLE_PUSH")
    elif key == frames.MAX_CONCURRENT_STREAMS:
        session.peer_max_streams = value
    elif key == frames.INITIAL_WINDOW_SIZE:
        _change_window(session, value)
    elif key == frames.MAX_FRAME_SIZE:
        if not frames.DEFAULT_FRAME_SIZE <= value <= frames.LARGEST_FRAME_SIZE:
            raise ConnectionFault(PROTOCOL_ERROR, "MAX_FRAME_SIZE")
        # Larger frames would save next to nothing, and keep other streams waiting longer.
        session.frame_size = min(value, 4 * frames.DEFAULT_FRAME_SIZE)
    elif key == frames.ENABLE_CONNECT_PROTOCOL:
        if value > 1:
            raise ConnectionFault(PROTOCOL_ERROR, "ENABLE_CONNECT_PROTOCOL")
        session.is_extended_connect_allowed = value == 1


def _change_window(session: Session, value: int) -> None:
    """RFC 9113 §6.9.2: it changes the windows of the streams that are open as well, even to below zero."""
    if value > frames.LARGEST_WINDOW:
        raise ConnectionFault(FLOW_CONTROL_ERROR, "INITIAL_WINDOW_SIZE")
    growth = value - session.initial_window
    session.initial_window = value
    if growth == 0:
        return
    for stream in session.streams.values():
        stream.send_window += growth
        if stream.send_window > frames.LARGEST_WINDOW:
            raise ConnectionFault(FLOW_CONTROL_ERROR, "too large a window")
    if growth > 0 and session.blocked:
        session.pump()


def _take_ping(session: Session, flags: int, payload: bytes) -> None:
    if len(payload) != 8:
        raise ConnectionFault(FRAME_SIZE_ERROR, "PING")
    if flags & frames.ACK:
        session.owner.ping_answered(payload)
    else:
        session.emit(frames.frame(frames.PING, frames.ACK, 0, payload))


def _take_goaway(session: Session, payload: bytes) -> None:
    if len(payload) < 8:
        raise ConnectionFault(FRAME_SIZE_ERROR, "GOAWAY")
    last_id = frames.number_of(payload[:4]) & frames.LAST_STREAM_ID
    session.is_refused = True
    if session.is_client:
        for stream_id in [stream_id for stream_id in session.streams if stream_id > last_id]:
            # Nothing was done with them: they may be sent again elsewhere.
            stream = session.streams[stream_id]
            session.close_stream(stream)
            stream.broken(REFUSED_STREAM)
            session.touch(stream)
    session.owner.goaway_received(last_id, frames.number_of(payload[4:8]))
