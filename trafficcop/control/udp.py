"""UDP objects: the checks that can be made before anything serves them (`pkg/server/router/udp`)."""

from __future__ import annotations

from collections.abc import Mapping

from trafficcop.config.stream import UDPRouter
from trafficcop.control.entry_point_models import EntryPoints
from trafficcop.control.ledger import Entry, Ledger
from trafficcop.control.streams import StreamServices, bound

UDP_ROUTERS = ("udp", "routers")
UDP_SERVICES = ("udp", "services")


class UDPRouterEntry(Entry[UDPRouter]):
    """A UDP router while it is checked."""

    __slots__ = ("using",)

    def __init__(self, name: str, config: UDPRouter) -> None:
        super().__init__(UDP_ROUTERS, name, config)
        self.using: list[str] = []


def check_udp_routers(
    routers: Mapping[str, UDPRouterEntry], entry_points: EntryPoints, services: StreamServices, ledger: Ledger
) -> None:
    for entry in routers.values():
        if entry.is_disabled:
            continue
        wanted = entry.config.entry_points or tuple(sorted(entry_points.udp))
        entry.using = bound(entry, wanted, entry_points.udp, ledger)
        if entry.config.service:
            services.check_named(entry, entry.config.service)
        else:
            ledger.fail(entry, "the service is missing on the udp router")
