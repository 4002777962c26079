"""The client's end of a tunnel on an HTTP/2 stream, looking like a transport (RFC 8441 §5)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

from trafficcop.http.h2.faults import CANCEL, NO_ERROR
from trafficcop.http.h2.flow_body import FlowBody

if TYPE_CHECKING:
    from trafficcop.http.h2.stream import Stream


class StreamTransport(asyncio.Transport):
    """DATA frames both ways; END_STREAM is a half-close, RST_STREAM an abort. `transport`: of the whole connection."""

    def __init__(self, stream: Stream, body: FlowBody, transport: asyncio.Transport | None) -> None:
        super().__init__()
        self._stream = stream
        self._body = body
        self._connection = transport
        self._protocol: asyncio.Protocol | None = None
        self._is_paused = False
        self._is_congested = False
        self._is_end_told = False
        self._is_closing = False
        self.is_lost = False

    # === what the stream tells ===

    def settle(self) -> None:
        """After something was received, or could be sent."""
        protocol = self._protocol
        if protocol is None or self.is_lost:
            return
        if self._is_congested and not self._stream.is_congested:
            self._is_congested = False
            protocol.resume_writing()
        if self._is_paused:
            return
        data = self._body.take_available()
        if data:
            protocol.data_received(data)
        if self._body.is_ended and not self._is_end_told:
            self._is_end_told = True
            if not protocol.eof_received():
                self.close()
        if self._stream.is_closed:
            self.lost()

    def lost(self) -> None:
        """The stream is closed."""
        if not self.is_lost:
            self.is_lost = self._is_closing = True
            if self._stream.is_local_ended:
                self._stream.reset(NO_ERROR)
            if self._protocol is not None:
                self._protocol.connection_lost(None)

    # === asyncio.Transport ===

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if self._is_closing:
            return
        self._stream.write_data(bytes(data), False)
        if self._stream.is_congested and not self._is_congested:
            self._is_congested = True
            if self._protocol is not None:
                self._protocol.pause_writing()

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self._stream.write_data(b"", True)

    def close(self) -> None:
        """What was written is still sent."""
        if not self._is_closing:
            self._is_closing = True
            self.write_eof()
            self._connection_lost_soon()

    def abort(self) -> None:
        self._stream.reset(CANCEL)
        self._is_closing = True
        self._connection_lost_soon()

    def _connection_lost_soon(self) -> None:
        asyncio.get_running_loop().call_soon(self.lost)

    def is_closing(self) -> bool:
        return self._is_closing

    def pause_reading(self) -> None:
        self._is_paused = True

    def resume_reading(self) -> None:
        if self._is_paused:
            self._is_paused = False
            self.settle()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = cast("asyncio.Protocol", protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return cast("asyncio.BaseProtocol", self._protocol)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default if self._connection is None else self._connection.get_extra_info(name, default)
