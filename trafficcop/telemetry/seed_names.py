"""The same figures under the names of smaller proxies (`metrics.prometheus.seedNames`), for dashboards made for those.

There is no QUIC yet: its figures stay at 0, so that a rule about them finds something.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate

from trafficcop.http.meter import BUCKETS, SUM
from trafficcop.telemetry.exposition_text import COUNTER, GAUGE, HISTOGRAM, family, heading, labels_text, number_text
from trafficcop.telemetry.metrics import ENTRY_POINT, NANOSECONDS
from trafficcop.telemetry.snapshot import Row, Snapshot, count_of


class SeedNames:
    """Writes them, with the buckets that are wanted of the `counted` ones."""

    def __init__(self, counted: Sequence[float], bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._places = [bisect_left(counted, bound) for bound in bounds]
        self._nothing = [0] * (BUCKETS + len(counted) + 1)

    def text(self, snapshot: Snapshot) -> Iterable[str]:
        yield family("quic_connections_total", COUNTER, "Connections over QUIC.", [("", 0)])
        yield family("quic_connections_active", GAUGE, "Connections over QUIC that are open now.", [("", 0)])
        yield self._histogram("quic_handshake_duration_seconds", "How long handshakes of QUIC took.", ())
        count = sum(snapshot.connections.values())
        yield family("active_connections", GAUGE, "Connections of clients that are open now.", [("", count)])
        requests = snapshot.levels[ENTRY_POINT]
        found: dict[str, int] = {}
        for (_, (method, _, code)), row in requests.items():
            labels = labels_text(method=method.decode(), status=str(code))
            found[labels] = found.get(labels, 0) + count_of(row)
        yield family("http_requests_total", COUNTER, "Requests that came in.", found.items())
        yield self._histogram("http_request_duration_seconds", "How long requests took.", requests.values())
        yield from _of_backends(snapshot)

    def _histogram(self, name: str, about: str, rows: Iterable[Row]) -> str:
        """One series for all rows together."""
        row = [sum(column) for column in zip(self._nothing, *rows, strict=True)]
        sums = list(accumulate(row[BUCKETS:]))
        lines = [heading(name, HISTOGRAM, about)]
        for bound, place in zip(self._bounds, self._places, strict=True):
            lines.append(f'{name}_bucket{{le="{number_text(bound)}"}} {sums[place]}\n')
        lines.append(f'{name}_bucket{{le="+Inf"}} {sums[-1]}\n')
        lines.append(f"{name}_sum {row[SUM] / NANOSECONDS!r}\n{name}_count {sums[-1]}\n")
        return "".join(lines)


def _of_backends(snapshot: Snapshot) -> Iterable[str]:
    """A backend is a server of a service, and its URL the name."""
    found: dict[str, int] = {}
    for ((service, url), (method, _, code)), row in snapshot.servers.items():
        labels = labels_text(backend=url, method=method.decode(), service=service, status=str(code))
        found[labels] = found.get(labels, 0) + count_of(row)
    yield family("backend_requests_total", COUNTER, "Requests that a server was asked.", found.items())
    servers = {**dict.fromkeys(snapshot.facts.unchecked, True), **snapshot.facts.servers}
    health = [(labels_text(backend=url, service=service), int(up)) for (service, url), up in servers.items()]
    about = "Whether a server gets requests: 1, unless a check says that it is down."
    yield family("backend_health_status", GAUGE, about, health)
    yield family("backend_healthy", GAUGE, about, health)
