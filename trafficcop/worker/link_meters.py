"""What the objects of a plan are counted with, and whether at all."""

from __future__ import annotations

from trafficcop.http.meter import Meter
from trafficcop.plan.model import RouterPlan
from trafficcop.telemetry.meters import Meters
from trafficcop.worker.linked import Linked


class LinkMeters:
    """Asks for the Meters of one plan, and notes in `linked` which they are."""

    __slots__ = ("_linked", "_meters")

    def __init__(self, meters: Meters | None, linked: Linked) -> None:
        self._meters = meters
        self._linked = linked

    def is_measured(self, router: RouterPlan) -> bool:
        """Requests to internal services are not, nor those behind them (`pkg/server/middleware/observability.go`)."""
        meters = self._meters
        if meters is None or not router.observability.metrics:
            return False
        return meters.counting.has_internals or not router.service.endswith("@internal")

    def router(self, router: RouterPlan) -> Meter | None:
        """Of a router that is measured."""
        if self._meters is None:
            return None
        return self._noted(self._meters.router(router.entry_point, router.name, _service_of(router)))

    def child_router(self, router: RouterPlan) -> Meter | None:
        """Of a router behind one that is measured."""
        if self._meters is None:
            return None
        return self._noted(self._meters.child_router(router.name, _service_of(router)))

    def service(self, name: str, url: str) -> Meter | None:
        return None if self._meters is None else self._noted(self._meters.service(name, url))

    def _noted(self, meter: Meter | None) -> Meter | None:
        if meter is not None:
            self._linked.meters.add(meter.key)
        return meter


def _service_of(router: RouterPlan) -> str:
    return router.service or f"{router.name}-muxer"
