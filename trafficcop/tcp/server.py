"""One server of a TCP service: opens a connection to it for each client's, and joins the two."""

from __future__ import annotations

import errno
import os
import select
import socket
from typing import Final, Protocol

from trafficcop.http.messages import Peer
from trafficcop.http.streams import ClientStream
from trafficcop.tcp import proxy_header
from trafficcop.tcp.addresses import Address
from trafficcop.tcp.detach import detach
from trafficcop.tcp.stream import End, Joined
from trafficcop.tcp.terms import Relays, Terms
from trafficcop.telemetry.log import get_logger
from trafficcop.tls.security import Security

_log = get_logger(__name__)

_FAILED: Final = select.EPOLLHUP | select.EPOLLERR
_STREAM: Final = socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC


class Turns(Protocol):
    """Who has other servers when one cannot be reached."""

    def another(self, server: Server, tried: int) -> Server | None:
        """One to try instead, after so many; None: give up."""


class Server:
    """How to reach it. `address` is as configured; `direct` what to connect to, if that needs no name and no TLS."""

    __slots__ = ("address", "direct", "host", "port", "relays", "security", "terms")

    def __init__(self, address: Address, terms: Terms, relays: Relays, *, is_tls: bool) -> None:
        self.address = address.text
        self.host = address.host
        self.port = address.port
        self.security = Security(terms.trust, "", ()) if is_tls else None
        self.direct = None if is_tls else address.endpoint
        self.terms = terms
        self.relays = relays

    def serve(self, stream: ClientStream, turns: Turns) -> None:
        if self.direct is not None:
            try:
                sock = detach(stream.connection)
            except OSError as error:
                _log.error("a connection cannot be served: %s", error)
                stream.refuse()
                return
            if sock is not None:
                Dialed(self, turns, stream, sock).dial()
                return
        from trafficcop.tcp.secured import forward  # with TLS and names comes a good deal of code

        forward(self, turns, stream)

    def header_for(self, peer: Peer, local: tuple[str, int]) -> bytes:
        """The PROXY header for a client that came to our address `local`; nothing if none is wanted."""
        version = self.terms.proxy_version
        if not version:
            return b""
        host = peer.local_address or local[0].partition("%")[0].removeprefix("::ffff:")
        return proxy_header.encode(version, (peer.text, peer.port), (host, peer.local_port or local[1]))


class Dialed(Joined):
    """A client whose server is being connected to, and then the two of them."""

    __slots__ = ("_early", "_peer", "_server", "_tried", "_turns")

    def __init__(self, server: Server, turns: Turns, stream: ClientStream, sock: socket.socket) -> None:
        super().__init__(stream.on_closed)
        self._server = server
        self._turns: Turns | None = turns
        self._early = stream.received
        self._peer = stream.peer
        self._tried = 0
        self.client = End(server.relays.poller, sock, self)
        stream.keeper.owner = self

    def dial(self) -> None:
        server = self._server
        endpoint, client = server.direct, self.client
        if endpoint is None or client is None:
            return
        try:
            sock = socket.socket(endpoint.family, _STREAM)
        except OSError as error:  # out of descriptors: another server would not help
            _log.error("Error while dialing backend: %s: %s", server.address, error)
            self.close()
            return
        server.terms.tune(sock)
        code = sock.connect_ex(endpoint.address)
        end = self.server = End(server.relays.poller, sock, self)
        end.is_connected = False
        end.other, client.other = client, end
        if code not in (0, errno.EINPROGRESS):
            self._give_up(os.strerror(code))
            return
        if server.terms.dial_timeout:
            server.relays.delays(server.terms.dial_timeout).add(self)
        end.attach()

    def on_dialed(self, end: End, events: int) -> None:
        if events & _FAILED:
            code = end.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            self._stop_waiting(self._server.terms.dial_timeout)
            self._give_up(os.strerror(code or errno.ECONNRESET))
        elif events & select.EPOLLOUT:
            self._stop_waiting(self._server.terms.dial_timeout)
            self._begin(end, events)

    def _begin(self, server: End, events: int) -> None:
        client = self.client
        if client is None:
            return
        self._turns = None
        server.is_connected = True
        server.pending = self._hello(client) + self._early
        self._early = b""
        if server.pending:
            server.send_pending()
        if self.client is not None:
            client.attach()
        if events & ~select.EPOLLOUT and self.server is not None:
            server.on_event(events & ~select.EPOLLOUT)  # it has spoken in the same moment

    def _hello(self, client: End) -> bytes:
        if not self._server.terms.proxy_version:
            return b""
        try:
            name = client.sock.getsockname()
        except OSError:
            name = ("", 0)
        local = (str(name[0]), int(name[1])) if isinstance(name, tuple) else ("", 0)
        return self._server.header_for(self._peer, local)

    def _give_up(self, reason: str) -> None:
        """This server cannot be reached: the client's first byte has not been touched, so another one may."""
        _log.error("Error while dialing backend: %s: %s", self._server.address, reason)
        end, self.server = self.server, None
        if end is not None:
            end.close()
        self._tried += 1
        server = None if self._turns is None else self._turns.another(self._server, self._tried)
        if server is None or server.direct is None:
            self.close()
            return
        self._server = server
        self.dial()

    # === time ===

    def on_half_closed(self) -> None:
        delay = self._server.terms.termination_delay
        if delay is None:
            return
        if delay > 0:
            self._server.relays.delays(delay).add(self)
        else:
            self.stop_reading()

    def on_delay(self) -> None:
        """Either the server takes too long to answer, or one direction goes on too long after the other."""
        if self.server is not None and not self.server.is_connected:
            self._give_up("timed out")
        else:
            self.stop_reading()

    def _stop_waiting(self, seconds: float | None) -> None:
        if seconds:
            self._server.relays.delays(seconds).discard(self)

    def close(self) -> None:
        terms = self._server.terms
        self._stop_waiting(terms.dial_timeout)
        self._stop_waiting(terms.termination_delay)
        self._turns = None
        super().close()
