"""TLS between two parties of asyncio: a protocol for the transport below, a transport for the protocol above.

asyncio's and uvloop's own layers do not let us see the ClientHello before they choose a certificate, and keep a quarter
of a megabyte for each connection.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable
from typing import Any, Final, cast

from trafficcop.tls.engine import Buffer, Endpoint, Engine, Piece

RECORD: Final = 16384  # the longest plaintext of a record (RFC 8446 §5.1)

# Bytes are fed and taken in pieces of this size: OpenSSL's memory buffers never shrink.
_PIECE: Final = 16384


class TLSStream(asyncio.Transport):
    """One connection. `on_secured` is called after the handshake, and puts a protocol above; `on_failed` before it."""

    __slots__ = (
        "_below",
        "_decrypt",
        "_encrypt",
        "_engine",
        "_feed",
        "_has_ended",
        "_incoming",
        "_is_closing",
        "_is_over",
        "_is_secured",
        "_is_truncated",
        "_on_failed",
        "_on_secured",
        "_outgoing",
        "_protocol",
        "_take",
    )

    def __init__(  # the base's has nothing to keep but a dictionary
        self,
        endpoint: Endpoint,
        on_secured: Callable[[TLSStream], None],
        on_failed: Callable[[Exception | None], None],
    ) -> None:
        opened = endpoint.open()
        self._engine: Engine = opened.engine
        self._incoming: Buffer = opened.incoming
        self._outgoing: Buffer = opened.outgoing
        # What every request needs, looked up once.
        self._feed: Callable[[Piece], int] = opened.incoming.write
        self._decrypt: Callable[[int], bytes] = opened.read
        self._encrypt: Callable[[Piece], int] = opened.write
        self._take: Callable[[], bytes] = opened.outgoing.read
        self._on_secured: Callable[[TLSStream], None] | None = on_secured
        self._on_failed: Callable[[Exception | None], None] | None = on_failed
        self._below: asyncio.Transport | None = None
        self._protocol: asyncio.Protocol | None = None
        self._is_secured = False
        self._is_truncated = False
        self._is_closing = False
        self._has_ended = False  # the other end will say nothing more
        self._is_over = False  # and the protocol above knows it

    @property
    def engine(self) -> Engine:
        return self._engine

    # === the protocol for what is below ===

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake; a server only waits for the first bytes."""
        self._below = cast("asyncio.Transport", transport)
        self._shake_hands()

    def take_over(self, transport: asyncio.Transport, received: bytes) -> None:
        """The server's role on a connection of which the first bytes were read already."""
        self._below = transport
        transport.set_protocol(cast("asyncio.BaseProtocol", self))
        self.data_received(received)

    def data_received(self, data: bytes) -> None:
        if self._is_closing:
            return
        if not self._is_secured or len(data) > _PIECE:
            self._receive(data)
            return
        self._feed(data)
        size = len(data)  # more than what is in it, unless a part of a record came before
        pieces: list[bytes] = []
        try:
            piece = self._decrypt(size)
        except ssl.SSLError as error:
            self._stop_reading(error)
        else:
            if 0 < len(piece) < size and not self._incoming.pending:  # so it is with every small request
                if self._protocol is not None:
                    self._protocol.data_received(piece)
                return
            self._keep(piece, pieces)
            self._decrypt_rest(pieces, is_cut=len(piece) == size)
        self._hand_up(pieces)

    def _receive(self, data: bytes) -> None:
        """What comes during the handshake, or much at once."""
        view = memoryview(data)
        pieces: list[bytes] = []
        for start in range(0, len(data), _PIECE):
            self._feed(view[start : start + _PIECE])
            if self._is_secured or self._shake_hands():
                self._decrypt_rest(pieces)
            if self._is_closing:
                return
        self._hand_up(pieces)

    def _shake_hands(self) -> bool:
        """Go on with the handshake; whether it is done."""
        try:
            is_done = self._engine.shake_hands()
        except (ssl.SSLError, ssl.CertificateError) as error:
            self._flush()  # the alert
            self._fail(error)
            return False
        if not is_done:
            self._flush()
            return False
        self._is_secured = True
        if not self._incoming.pending:  # otherwise what is to be sent goes out with the first answer
            self._flush()
        on_secured, self._on_secured, self._on_failed = self._on_secured, None, None
        if on_secured is not None:
            on_secured(self)
        return not self._is_closing

    def _fail(self, error: Exception | None) -> None:
        self._is_closing = True
        on_failed, self._on_secured, self._on_failed = self._on_failed, None, None
        if self._below is not None:
            self._below.close()
        if on_failed is not None:
            on_failed(error)

    def _decrypt_rest(self, pieces: list[bytes], *, is_cut: bool = False) -> None:
        """Take everything that can be decrypted. `is_cut`: the record read last may have more in it."""
        incoming = self._incoming
        while (is_cut or incoming.pending) and not self._has_ended:
            is_cut = False
            try:
                self._keep(self._decrypt(RECORD), pieces)
            except ssl.SSLError as error:
                self._stop_reading(error)
                return
        if self._outgoing.pending:  # an answer to a key update
            self._flush()

    def _keep(self, piece: bytes, pieces: list[bytes]) -> None:
        if piece:
            pieces.append(piece)
        else:
            self._has_ended = True

    def _stop_reading(self, error: ssl.SSLError) -> None:
        """For now, if a part of a record has come or nothing in it is for us; for good otherwise."""
        if isinstance(error, ssl.SSLWantReadError):
            self._flush()
        elif isinstance(error, ssl.SSLZeroReturnError):
            self._has_ended = True
        else:
            self._break(error)

    def _hand_up(self, pieces: list[bytes]) -> None:
        protocol = self._protocol
        if protocol is None or self._is_closing:
            return
        if pieces:
            protocol.data_received(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if self._has_ended and not self._is_over:
            self._is_over = True
            self._end()

    def _end(self) -> None:
        """The other end will send no more; the protocol says whether it still wants to."""
        protocol = self._protocol
        if protocol is not None and not self._is_closing and not protocol.eof_received():
            self.close()

    def _break(self, error: Exception) -> None:
        """What came is no TLS of this connection."""
        self._flush()
        self._is_closing = True
        if self._below is not None:
            self._below.abort()

    def eof_received(self) -> bool:
        if not self._is_secured:
            self._fail(None)
            return False
        self._is_truncated = not self._has_ended  # no close_notify (RFC 8446 §6.1)
        self._has_ended = True
        if self._is_over:
            return not self._is_closing
        self._is_over = True
        if self._protocol is not None and self._protocol.eof_received():
            return True
        self._is_closing = True  # nobody is there to read a close_notify
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_closing = True
        protocol, self._protocol = self._protocol, None
        if protocol is not None:
            if exc is None and self._is_truncated:
                exc = ssl.SSLEOFError(ssl.SSL_ERROR_EOF, "the connection was cut off")
            protocol.connection_lost(exc)
            return
        on_failed, self._on_secured, self._on_failed = self._on_failed, None, None
        if on_failed is not None:
            on_failed(exc)

    def pause_writing(self) -> None:
        if self._protocol is not None:
            self._protocol.pause_writing()

    def resume_writing(self) -> None:
        if self._protocol is not None:
            self._protocol.resume_writing()

    # === the transport for what is above ===

    def write(self, data: bytes | bytearray | memoryview) -> None:
        below = self._below
        if self._is_closing or below is None or not data:
            return
        try:
            if len(data) <= _PIECE:
                self._encrypt(data)
                below.write(self._take())
            else:
                below.writelines(self._encrypted(data))
        except ssl.SSLError as error:
            self._break(error)

    def _encrypted(self, data: bytes | bytearray | memoryview) -> list[bytes]:
        view = memoryview(data)
        records: list[bytes] = []
        for start in range(0, len(data), _PIECE):
            self._encrypt(view[start : start + _PIECE])
            records.append(self._take())
        return records

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def _flush(self) -> None:
        if self._outgoing.pending and self._below is not None:
            self._below.write(self._take())

    def _say_goodbye(self) -> None:
        if self._is_secured:
            self._engine.say_goodbye()
            self._flush()

    def close(self) -> None:
        if self._is_closing:
            return
        self._is_closing = True
        self._say_goodbye()
        if self._below is not None:
            self._below.close()

    def abort(self) -> None:
        self._is_closing = True
        if self._below is not None:
            self._below.abort()

    def is_closing(self) -> bool:
        return self._is_closing or self._below is None

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if self._is_closing or self._below is None:
            return
        self._say_goodbye()
        if self._below.can_write_eof():
            self._below.write_eof()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = cast("asyncio.Protocol", protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return cast("asyncio.BaseProtocol", self._protocol)

    def pause_reading(self) -> None:
        if self._below is not None:
            self._below.pause_reading()

    def resume_reading(self) -> None:
        if self._below is not None:
            self._below.resume_reading()

    def is_reading(self) -> bool:
        return self._below is not None and self._below.is_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        if self._below is not None:
            self._below.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        return 0 if self._below is None else self._below.get_write_buffer_size()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return (0, 0) if self._below is None else self._below.get_write_buffer_limits()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "ssl_object":
            return self._engine
        return default if self._below is None else self._below.get_extra_info(name, default)
