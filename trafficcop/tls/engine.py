"""What speaks TLS for one connection, in memory: OpenSSL in the standard library's wrapping, or what has its shape."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable
from typing import Any, Protocol

from trafficcop.tls.tickets import TicketKeys

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
    """One end of a TLS connection; raises what `ssl.SSLObject` raises."""

    def shake_hands(self) -> bool:
        """Go on with the handshake; whether it is done. False: the other end has to speak first."""

    def say_goodbye(self) -> None:
        """close_notify (RFC 8446 §6.1); what the other end says to that is not waited for."""

    def version(self) -> str | None: ...

    def cipher(self) -> tuple[str, str, int] | None: ...

    def selected_alpn_protocol(self) -> str | None: ...

    def peer_chain(self) -> tuple[bytes, ...]:
        """The certificates that the other end has shown, as DER, its own first."""


class Opened:
    """An engine with its two buffers, before the first byte. `read` and `write` take and give what is not encrypted."""

    __slots__ = ("engine", "incoming", "outgoing", "read", "write")

    def __init__(
        self,
        engine: Engine,
        incoming: Buffer,
        outgoing: Buffer,
        read: Callable[[int], bytes],
        write: Callable[[Piece], int],
    ) -> None:
        self.engine = engine
        self.incoming = incoming
        self.outgoing = outgoing
        self.read = read
        self.write = write


class Endpoint(Protocol):
    """Options and a certificate put together: opens engines that are all alike."""

    def open(self) -> Opened: ...


class StandardEngine:
    """What is inside an `ssl.SSLObject`, which would add a call in Python to each of these and its own making.

    That the other end has to speak first is said by `shake_hands` and not raised: an exception that passes through
    compiled modules costs as much as all else that a handshake costs beside OpenSSL.
    """

    __slots__ = ("inner",)

    def __init__(self, inner: Any) -> None:
        self.inner = inner  # `_ssl._SSLSocket`

    def shake_hands(self) -> bool:
        try:
            self.inner.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def say_goodbye(self) -> None:
        with contextlib.suppress(ssl.SSLError):  # it wants to read the other end's
            self.inner.shutdown()

    def version(self) -> str | None:
        found: str | None = self.inner.version()
        return found

    def cipher(self) -> tuple[str, str, int] | None:
        found: tuple[str, str, int] | None = self.inner.cipher()
        return found

    def selected_alpn_protocol(self) -> str | None:
        found: str | None = self.inner.selected_alpn_protocol()
        return found

    def peer_chain(self) -> tuple[bytes, ...]:
        chain = self.inner.get_unverified_chain() or ()
        # A client that shows none where it need not leaves a chain with nothing in it.
        return tuple(one.public_bytes(_DER) for one in chain if one is not None)

    def peer_uris(self) -> list[str]:
        """The URIs that the other end's certificate is for, which has been verified."""
        names: Any = (self.inner.getpeercert(False) or {}).get("subjectAltName", ())
        return [value for kind, value in names if kind == "URI"]

    @property
    def session(self) -> ssl.SSLSession | None:
        """To be resumed by a later connection."""
        found: ssl.SSLSession | None = self.inner.session
        return found


class ServerEndpoint:
    """The server role with the standard library. `tickets`: the keys of sessions, for those of the same `purpose`."""

    __slots__ = ("_context", "_purpose", "_tickets", "_until", "_wrap")

    def __init__(self, context: ssl.SSLContext, tickets: TicketKeys | None = None, purpose: str = "") -> None:
        self._context = context
        self._tickets = tickets
        self._purpose = purpose
        self._until = 0.0
        self._wrap: Callable[[ssl.MemoryBIO, ssl.MemoryBIO, bool], Any] = context._wrap_bio  # type: ignore[attr-defined]

    def open(self) -> Opened:
        tickets = self._tickets
        if tickets is not None and tickets.is_due(self._until):
            self._until = tickets.install(self._context, self._purpose)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        inner = self._wrap(incoming, outgoing, True)
        return Opened(StandardEngine(inner), incoming, outgoing, inner.read, inner.write)


class ClientEndpoint:
    """The client role with the standard library: connections to one server name."""

    __slots__ = ("_context", "_server_name", "session")

    def __init__(self, context: ssl.SSLContext, server_name: str | None) -> None:
        self._context = context
        self._server_name = server_name
        self.session: ssl.SSLSession | None = None  # to be resumed

    def open(self) -> Opened:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        made: Any = self._context.wrap_bio(incoming, outgoing, server_hostname=self._server_name, session=self.session)
        inner = made._sslobj
        return Opened(StandardEngine(inner), incoming, outgoing, inner.read, inner.write)
