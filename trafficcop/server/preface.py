"""The first bytes of a connection, looked at here and nowhere else: who serves it is decided by them.

In this order (Traefik `pkg/server/router/tcp/router.go`): PROXY protocol, TCP routers that need no bytes, PostgreSQL's
request for TLS, a ClientHello, and whatever else is plain.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import cast

from trafficcop.http.deadlines import NEVER
from trafficcop.http.h2.frames import PREFACE
from trafficcop.http.messages import Peer
from trafficcop.http.streams import StreamHandler
from trafficcop.rules.tcp_matchers import TCPFacts
from trafficcop.server.entrance import Entrance
from trafficcop.server.entry_routes import StreamMatch
from trafficcop.server.peer import local_address_of, peer_of
from trafficcop.server.postgres import ACCEPTED, SSL_REQUEST, PostgresTransport
from trafficcop.server.proxy_protocol import MalformedHeader, ProxyProtocol, read_header
from trafficcop.server.securing import Securing
from trafficcop.tls.client_hello import (
    HANDSHAKE,
    SSLV2,
    ClientHello,
    ClientHelloReader,
    MalformedHello,
    read_client_hello,
)
from trafficcop.tls.table import DEFAULT, Refused


class Preface(asyncio.Protocol):
    """A connection until it is known who serves it."""

    __slots__ = ("_data", "_is_postgres", "_listener", "_peer", "_proxy_protocol", "_reader", "_transport", "deadline")

    def __init__(self, listener: Entrance, proxy_protocol: ProxyProtocol | None) -> None:
        self._listener = listener
        self._proxy_protocol = proxy_protocol  # None: there is none, or its header was read
        self._transport: asyncio.Transport | None = None
        self._peer: Peer | None = None
        self._data = b""
        self._reader: ClientHelloReader | None = None
        self._is_postgres = False
        self.deadline = NEVER

    # === asyncio's callbacks ===

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.deadline = monotonic() + self._listener.read_timeout
        self._listener.add(self)
        if self._proxy_protocol is None:
            self._dispatch_at_once()

    def data_received(self, data: bytes) -> None:
        if self._transport is None:
            return
        if self._reader is not None:
            self._read_hello(self._reader, data)
            return
        if self._data:
            data, self._data = self._data + data, b""
        if self._proxy_protocol is not None:
            data = self._read_proxy_header(self._proxy_protocol, data)
        if data and self._transport is not None:
            self._look(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._listener.discard(self)

    def on_deadline(self) -> None:
        self.deadline = NEVER
        self.abort()

    # === drain ===

    def close_if_idle(self) -> None:
        if not self._data and self._reader is None and self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # === step by step ===

    def _read_proxy_header(self, proxy_protocol: ProxyProtocol, data: bytes) -> bytes:
        """What comes after the header; nothing while it is not complete."""
        try:
            found = read_header(data)
        except MalformedHeader:
            self.abort()
            return b""
        if found is None:
            self._data = data
            return b""
        header, size = found
        self._proxy_protocol = None
        self._peer = proxy_protocol.client_of(header, self._own_peer())
        self._dispatch_at_once(data[size:])
        return data[size:]

    def _dispatch_at_once(self, data: bytes = b"") -> None:
        """TCP routers on an entry point without TLS need no bytes: their servers may be the first to speak."""
        streams = self._listener.routes.streams
        if streams is not None and streams.is_immediate:
            handler = streams.match_plain(self._facts())
            if handler is not None:
                self._relay(handler, data)

    def _look(self, data: bytes) -> None:
        first = data[0]
        if first == SSLV2:
            self._serve_tls(ClientHello(), data)
        elif first == HANDSHAKE:
            self._read_hello(None, data)
        elif self._is_postgres:
            self._close()
        elif first == 0 and SSL_REQUEST.startswith(data[: len(SSL_REQUEST)]):
            if len(data) < len(SSL_REQUEST):
                self._data = data
                return
            self._is_postgres = True
            if self._transport is not None:
                self._transport.write(ACCEPTED)
            if len(data) > len(SSL_REQUEST):
                self._look(data[len(SSL_REQUEST) :])
        else:
            self._serve_plain(data)

    def _serve_plain(self, data: bytes) -> None:
        streams = self._listener.routes.streams
        if streams is not None:
            handler = streams.match_plain(self._facts())
            if handler is not None:
                self._relay(handler, data)
                return
        is_h2 = PREFACE.startswith(data[: len(PREFACE)])
        if is_h2 and len(data) < len(PREFACE):
            self._data = data  # whatever differs later on is HTTP/1.1's, which refuses it
            return
        transport = self._leave()
        protocol = self._listener.connect(self._peer, is_h2=is_h2)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(data)

    # === TLS ===

    def _read_hello(self, reader: ClientHelloReader | None, data: bytes) -> None:
        try:
            if reader is None:
                hello = read_client_hello(data)
                if hello is None:
                    reader = self._reader = ClientHelloReader()
                    reader.feed(data)
                    return
            else:
                hello = reader.feed(data)
                if hello is None:
                    return
                data = bytes(reader.received)
        except MalformedHello:
            self._close()
            return
        self._serve_tls(hello, data)

    def _serve_tls(self, hello: ClientHello, data: bytes) -> None:
        """HTTPS routers with a host, TCP routers with one, HTTPS routers without, TCP routers without, then 404."""
        routes = self._listener.routes
        options = None if self._is_postgres else routes.hosts.find(hello.server_name)
        if options is not None:
            self._terminate(options, hello, data, None)
            return
        match: StreamMatch | None = None
        if routes.streams is not None:
            match = routes.streams.match_tls(self._facts(hello))
        catch_all = routes.hosts.catch_all
        if match is not None and (self._is_postgres or not match.is_catch_all or catch_all is None):
            self._serve_stream(match, hello, data)
        elif self._is_postgres:
            self._close()
        else:
            self._terminate(DEFAULT if catch_all is None else catch_all, hello, data, None)

    def _serve_stream(self, match: StreamMatch, hello: ClientHello, data: bytes) -> None:
        if not match.is_passthrough:
            self._terminate(match.tls_options, hello, data, match.handler)
        elif self._is_postgres:
            transport = self._leave()
            wrapped = PostgresTransport(transport, data)
            self._listener.relay(match.handler, wrapped, SSL_REQUEST, self._peer or peer_of(transport))
        else:
            self._relay(match.handler, data)

    def _terminate(self, options: str, hello: ClientHello, data: bytes, handler: StreamHandler | None) -> None:
        table = self._listener.routes.tls
        if table is None or not table.has(options):
            self._close()
            return
        peer = self._peer or self._own_peer()
        if not hello.server_name and not peer.local_address:
            peer.local_address = self._local_address()
        transport = self._transport
        try:
            endpoint = table.endpoint(options, hello, peer.local_address, is_http=handler is None)
        except Refused as refusal:
            if transport is not None:
                transport.write(refusal.record)
            self._close()
            return
        peer.is_tls = True
        Securing(self._listener, peer, options, hello.server_name, handler, self.deadline).start(
            endpoint, self._leave(), data
        )

    # === what all of them need ===

    def _facts(self, hello: ClientHello | None = None) -> TCPFacts:
        peer = self._peer or self._own_peer()
        return TCPFacts(peer_ip=peer.text) if hello is None else TCPFacts(hello.server_name, hello.alpn, peer.text)

    def _own_peer(self) -> Peer:
        return Peer("") if self._transport is None else peer_of(self._transport)

    def _local_address(self) -> str:
        return "" if self._transport is None else local_address_of(self._transport)

    def _relay(self, handler: StreamHandler, data: bytes) -> None:
        transport = self._leave()
        self._listener.relay(handler, transport, data, self._peer or peer_of(transport))

    def _leave(self) -> asyncio.Transport:
        """The transport, which is somebody else's from now on."""
        transport, self._transport = self._transport, None
        self._listener.discard(self)
        if transport is None:
            raise RuntimeError("the connection was handed over already")
        return transport

    def _close(self) -> None:
        transport = self._leave()
        transport.close()
