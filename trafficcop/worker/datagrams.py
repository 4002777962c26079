"""The UDP entry points of one worker."""

from __future__ import annotations

import asyncio
import resource
import socket

from trafficcop.config.address import parse_address
from trafficcop.config.static import StaticConfiguration
from trafficcop.udp.listener import DatagramListener
from trafficcop.udp.servers import Servers
from trafficcop.udp.session import Upstreams
from trafficcop.worker.linked import Linked

_POLL_SECONDS = 0.05
# Sessions of one worker. Each takes a local port, of which a machine gives out 28,000 unless told otherwise
# (`net.ipv4.ip_local_port_range`), and about 2 kB, half of them the kernel's.
_MOST_SESSIONS = 16384


class Datagrams:
    """Listeners by name, with what they share: the servers, and the sockets to them."""

    def __init__(self, static: StaticConfiguration) -> None:
        self.servers = Servers()
        self.listeners: dict[str, DatagramListener] = {}
        self._static = static
        self._upstreams: Upstreams | None = None

    def listen(self, name: str, sock: socket.socket) -> None:
        """Serve the entry point `name` on a bound socket."""
        if self._upstreams is None:
            self._upstreams = Upstreams()
        timeout = self._static.entry_points[name].udp.timeout.seconds
        listener = DatagramListener(name, sock, timeout, self._upstreams, self.servers, self._limit())
        self.listeners[name] = listener

    def _limit(self) -> int:
        """Half of the descriptors, at most, are for sessions: whatever comes over UDP, TCP has the other half."""
        entry_points = self._static.entry_points.values()
        listeners = sum(parse_address(entry_point.address).protocol == "udp" for entry_point in entry_points)
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        half = _MOST_SESSIONS if descriptors == resource.RLIM_INFINITY else descriptors // 2
        return max(min(_MOST_SESSIONS, half) // max(listeners, 1), 1)

    def start(self) -> None:
        if self._upstreams is not None:
            asyncio.get_running_loop().add_reader(self._upstreams.fileno(), self._upstreams.receive)
        for listener in self.listeners.values():
            listener.start()

    def install(self, linked: Linked) -> None:
        """Put a plan in force; each session asks it when something goes through next."""
        for name, listener in self.listeners.items():
            listener.handler = linked.datagrams.get(name)
        self.servers.keep_only(linked.datagram_servers)

    async def drain(self) -> None:
        """Each entry point in its own time: go on, take no new sessions, let those there are end."""
        await asyncio.gather(*(self._drain(name, listener) for name, listener in self.listeners.items()))
        self.servers.close()
        upstreams, self._upstreams = self._upstreams, None
        if upstreams is not None:
            asyncio.get_running_loop().remove_reader(upstreams.fileno())
            upstreams.close()

    async def _drain(self, name: str, listener: DatagramListener) -> None:
        life_cycle = self._static.entry_points[name].transport.life_cycle
        await asyncio.sleep(life_cycle.request_accept_grace_timeout.seconds)
        listener.stop_accepting()
        loop = asyncio.get_running_loop()
        end = loop.time() + life_cycle.grace_time_out.seconds
        while listener.sessions and loop.time() < end:  # noqa: ASYNC110 - asked for a few times at the end of a life
            await asyncio.sleep(_POLL_SECONDS)
        listener.abort()
