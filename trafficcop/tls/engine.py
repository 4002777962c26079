"""What speaks TLS for one connection, in memory: the standard library's `ssl.SSLObject`, or something of its shape."""

from __future__ import annotations

import ssl
import sys
from typing import Any, Protocol

_DER = 2  # `_ssl.ENCODING_DER`

Piece = bytes | bytearray | memoryview


class Buffer(Protocol):
    """Bytes on their way to or from the other end, still encrypted (`ssl.MemoryBIO`)."""

    @property
    def pending(self) -> int:
        """How many bytes wait."""

    def write(self, data: Piece, /) -> int: ...

    def read(self, size: int = -1, /) -> bytes: ...


class Engine(Protocol):
    """One end of a TLS connection (`ssl.SSLObject`); raises what that raises."""

    def do_handshake(self) -> None: ...

    def read(self, size: int, /) -> bytes: ...

    def write(self, data: Piece, /) -> int: ...

    def unwrap(self) -> object: ...

    def version(self) -> str | None: ...

    def cipher(self) -> tuple[str, str, int] | None: ...

    def selected_alpn_protocol(self) -> str | None: ...

    def peer_chain(self) -> tuple[bytes, ...]:
        """The certificates that the other end has shown, as DER, its own first."""


class Opened:
    """An engine with its two buffers, before the first byte."""

    __slots__ = ("engine", "incoming", "outgoing")

    def __init__(self, engine: Engine, incoming: Buffer, outgoing: Buffer) -> None:
        self.engine = engine
        self.incoming = incoming
        self.outgoing = outgoing


class Endpoint(Protocol):
    """Options and a certificate put together: opens engines that are all alike."""

    def open(self) -> Opened: ...


class StandardObject(ssl.SSLObject):
    """An SSLObject that shows the other end's certificates."""

    _sslobj: Any

    def peer_chain(self) -> tuple[bytes, ...]:
        if sys.version_info >= (3, 13):
            return tuple(self.get_unverified_chain())
        chain = self._sslobj.get_unverified_chain()  # public from 3.13 on
        return () if chain is None else tuple(one.public_bytes(_DER) for one in chain)


class ServerEndpoint:
    """The server role with the standard library."""

    __slots__ = ("_context",)

    def __init__(self, context: ssl.SSLContext) -> None:
        context.sslobject_class = StandardObject
        self._context = context

    def open(self) -> Opened:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        engine = self._context.wrap_bio(incoming, outgoing, server_side=True)
        return Opened(engine, incoming, outgoing)  # type: ignore[arg-type]


class ClientEndpoint:
    """The client role with the standard library: connections to one server name."""

    __slots__ = ("_context", "_server_name", "session")

    def __init__(self, context: ssl.SSLContext, server_name: str | None) -> None:
        context.sslobject_class = StandardObject
        self._context = context
        self._server_name = server_name
        self.session: ssl.SSLSession | None = None  # to be resumed

    def open(self) -> Opened:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        engine = self._context.wrap_bio(incoming, outgoing, server_hostname=self._server_name, session=self.session)
        return Opened(engine, incoming, outgoing)  # type: ignore[arg-type]
