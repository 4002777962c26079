"""The data plane of one worker: its listeners, pools and the plan in force."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from trafficcop.config.static import StaticConfiguration
from trafficcop.http.deadlines import Deadlines
from trafficcop.plan.messages import Health, Staple
from trafficcop.proxy.names import Names
from trafficcop.proxy.pools import Pools
from trafficcop.server.listener import Listener
from trafficcop.server.observer import Observer
from trafficcop.service.internal import PingHandler
from trafficcop.store.interface import Store
from trafficcop.store.local import LOCAL
from trafficcop.tcp.terms import Relays
from trafficcop.telemetry.log import get_logger
from trafficcop.telemetry.meters import Meters
from trafficcop.telemetry.metrics import counting_of
from trafficcop.tls.contexts import Contexts
from trafficcop.tls.tickets import TicketKeys
from trafficcop.worker.datagrams import Datagrams
from trafficcop.worker.descriptors import SpareDescriptor
from trafficcop.worker.link import NO_ROUTES, Linker
from trafficcop.worker.linked import Linked

if TYPE_CHECKING:
    from trafficcop.telemetry.access import AccessLog

_log = get_logger(__name__)
_POLL_SECONDS = 0.05


class Runtime:
    """Everything a worker serves with. `install` swaps the plan; a request ends with the plan it began with."""

    def __init__(
        self,
        static: StaticConfiguration,
        runtime_dir: Path | None = None,
        store: Store = LOCAL,
        *,
        place: int = 0,
        places: int = 1,
        ticket_secret: bytes = b"",
    ) -> None:
        self._static = static
        self._runtime_dir = runtime_dir
        self._store = store
        self._deadlines = Deadlines()
        self._pools = Pools(self._deadlines)
        self._relays = Relays(Names(self._deadlines).addresses)
        self._contexts = Contexts(TicketKeys(ticket_secret))
        self._ping = PingHandler(static.ping.terminating_status_code if static.ping is not None else 503)
        self._access = self._open_access_log(place, places)
        self._phase = place / places
        counting = counting_of(static.metrics)
        self.meters = None if counting is None else Meters(counting)
        self._health: dict[tuple[str, str], Health] = {}
        self._linked: Linked | None = None
        self.listeners: dict[str, Listener] = {}
        self.datagrams = Datagrams(static)

    def _open_access_log(self, place: int, places: int) -> AccessLog | None:
        config = self._static.access_log
        if config is None:
            return None
        from trafficcop.telemetry.access import AccessLog

        try:
            return AccessLog(config, schedule=asyncio.get_running_loop().call_later, place=place, places=places)
        except OSError as error:
            if place == 0:  # once is enough for all that share it
                _log.error("cannot open the access log %s: %s", config.file_path, error.strerror)
            return None

    @property
    def version(self) -> int:
        """The version of the plan in force, 0 before the first."""
        return 0 if self._linked is None else self._linked.version

    # === start ===

    def listen(self, name: str, sock: socket.socket) -> None:
        """Serve the entry point `name` on a bound socket."""
        if sock.type == socket.SOCK_DGRAM:
            self.datagrams.listen(name, sock)
            return
        entry_point = self._static.entry_points[name]
        self.listeners[name] = Listener(name, entry_point, sock, NO_ROUTES, self._deadlines, self._observer(name))

    def _observer(self, entry_point: str) -> Observer | None:
        """Whoever wants to know of the requests of an entry point, as one."""
        unrouted = None
        options = self._static.entry_points[entry_point].observability
        if self.meters is not None:
            unrouted = self.meters.entry_point(entry_point) if options is None or options.metrics else None
        if self._access is not None:
            from trafficcop.server.access_observer import AccessObserver

            is_logged = options is None or options.access_logs
            return AccessObserver(self._access, entry_point, self.meters, unrouted, logs_unrouted=is_logged)
        if self.meters is not None:
            from trafficcop.server.metrics_observer import MetricsObserver

            return MetricsObserver(self.meters, unrouted)
        return None

    async def start(self) -> None:
        for listener in self.listeners.values():
            await listener.start()
        self.datagrams.start()
        self._deadlines.members.add(SpareDescriptor())
        self._deadlines.start()

    # === plans ===

    def linker(self) -> Linker:
        """For the parts of a new plan; nothing is in force before `install`."""
        return Linker(
            self._static,
            self._pools,
            self._ping,
            self._runtime_dir,
            self._store,
            self.datagrams.servers,
            self._contexts,
            self._relays,
            self._phase,
            self.meters,
        )

    def install(self, linked: Linked) -> Iterator[None]:
        """Put a plan in force. Returns the steps that free the one before."""
        before, self._linked = self._linked, linked
        for health in self._health.values():
            _tell(linked, health)
        for name, listener in self.listeners.items():
            listener.install(linked.routes.get(name, NO_ROUTES))
        self.datagrams.install(linked)
        self._pools.keep_only(linked.pools)
        if self.meters is not None:
            self.meters.keep_only(linked.meters)
        if before is None:
            return iter(())
        linked.succeed(before)
        return before.retire()

    # === what is told of it ===

    def connections(self) -> dict[str, int]:
        """How many are open on each entry point."""
        return {name: len(listener.connections) for name, listener in self.listeners.items()}

    # === health ===

    @property
    def health(self) -> tuple[Health, ...]:
        """What is known of servers that are down."""
        return tuple(self._health.values())

    def apply_staple(self, staple: Staple) -> None:
        if staple.answer:
            self._contexts.staples[staple.certificate] = staple.answer
        else:
            self._contexts.staples.pop(staple.certificate, None)

    def apply_health(self, health: Health) -> None:
        """Some servers went down or came back: for the plan in force, and for those to come."""
        if health.down:
            self._health[health.key] = health
        else:
            self._health.pop(health.key, None)
        if self._linked is not None:
            _tell(self._linked, health)

    # === logs ===

    def reopen_logs(self) -> None:
        if self._access is not None:
            self._access.reopen()

    # === drain ===

    def refuse(self) -> None:
        """From the signal on: ping answers that this instance is going away."""
        self._ping.is_terminating = True

    async def drain(self) -> None:
        """Each entry point in its own time: go on accepting, stop, let requests end, cut off what is left."""
        self.refuse()
        streams = (self._drain(name, listener) for name, listener in self.listeners.items())
        await asyncio.gather(*streams, self.datagrams.drain())
        self._pools.close()
        self._relays.close()
        self._deadlines.stop()
        if self._access is not None:
            self._access.close()

    async def _drain(self, name: str, listener: Listener) -> None:
        life_cycle = self._static.entry_points[name].transport.life_cycle
        await asyncio.sleep(life_cycle.request_accept_grace_timeout.seconds)
        await listener.stop_accepting()
        loop = asyncio.get_running_loop()
        end = loop.time() + life_cycle.grace_time_out.seconds
        while listener.connections and loop.time() < end:
            listener.close_idle()
            await asyncio.sleep(_POLL_SECONDS)
        listener.abort()


def _tell(linked: Linked, health: Health) -> None:
    balancer = linked.checked.get(health.key)
    if balancer is not None:
        balancer.set_down(health.down)
