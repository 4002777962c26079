"""How a service talks to its servers: what a `serversTransport` says, and what many streams share."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Final

from trafficcop.config.stream import ProxyProtocol, TCPLoadBalancer
from trafficcop.plan.streams import TCPTransportPlan
from trafficcop.tcp.delays import Delays
from trafficcop.tcp.poller import Poller
from trafficcop.telemetry.log import get_logger
from trafficcop.tls.client import DEFAULT_TRUST, ServerTrust

_log = get_logger(__name__)

Resolve = Callable[[str], Awaitable[Sequence[str]]]

_DELAY: Final = 0.1  # seconds


@dataclass(frozen=True, slots=True)
class Terms:
    """`termination_delay`: how long the other direction may go on when one has ended (seconds, None: for ever).
    `keep_alive`: seconds between probes, 0 for none. `proxy_version`: of the PROXY header for servers, 0 for none."""

    dial_timeout: float = 30.0
    keep_alive: int = 15
    termination_delay: float | None = _DELAY
    proxy_version: int = 0
    trust: ServerTrust = DEFAULT_TRUST

    def tune(self, sock: socket.socket) -> None:
        """What a socket to a server is set to."""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.keep_alive:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, self.keep_alive)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, self.keep_alive)


def terms_of(options: TCPLoadBalancer, plan: TCPTransportPlan) -> Terms:
    """A transport, or the default one with the options of the service that transports have replaced."""
    transport = plan.transport
    header: ProxyProtocol | None
    delay: float | None = transport.termination_delay.seconds
    if options.servers_transport:
        header = transport.proxy_protocol
    else:
        header = options.proxy_protocol
        if options.termination_delay is not None:
            delay = options.termination_delay / 1e3
        elif not delay:
            delay = _DELAY
    return Terms(
        dial_timeout=max(transport.dial_timeout.seconds, 0.0),
        keep_alive=_keep_alive(transport.dial_keep_alive.seconds),
        termination_delay=None if delay is None or delay < 0 else delay,
        proxy_version=0 if header is None else header.version,
        trust=plan.trust,
    )


def _keep_alive(seconds: float) -> int:
    """As Go's `net.Dialer.KeepAlive`: 0 is its default, less switches it off."""
    if seconds < 0:
        return 0
    return max(round(seconds), 1) if seconds else 15


class Relays:
    """What all streams of a worker share: the poller, and the queues of those that wait."""

    __slots__ = ("_delays", "_tasks", "poller", "resolve")

    def __init__(self, resolve: Resolve) -> None:
        self.poller = Poller()
        self.resolve = resolve
        self._delays: dict[float, Delays] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, dialing: Coroutine[object, object, None]) -> None:
        """Open a connection that takes more than one step; nobody waits for it."""
        task = asyncio.get_running_loop().create_task(dialing)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a stream failed", exc_info=error)

    def delays(self, seconds: float) -> Delays:
        """The queue of those who wait for so long; it outlives reloads, as streams do."""
        found = self._delays.get(seconds)
        if found is None:
            found = self._delays[seconds] = Delays(seconds)
        return found

    def close(self) -> None:
        """After a drain: nobody is left, but for connections that are still being opened."""
        for task in self._tasks:
            task.cancel()
        self.poller.close()
