"""The text that Prometheus reads, with Traefik's names and labels (`pkg/observability/metrics/prometheus.go`).

It is written here and not by a library: a scrape of 10,000 routers has 200,000 lines, most of them of histograms, and
each row becomes all of its lines by one template.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate

from trafficcop.http.meter import BUCKETS, RECEIVED, SENT, SUM, Labels
from trafficcop.telemetry.exposition_text import (
    COUNTER,
    GAUGE,
    HISTOGRAM,
    escaped,
    family,
    heading,
    labels_text,
    number_text,
)
from trafficcop.telemetry.metrics import ENTRY_POINT, NANOSECONDS, ROUTER, SERVICE, Counting
from trafficcop.telemetry.processes import process_text
from trafficcop.telemetry.seed_names import SeedNames
from trafficcop.telemetry.snapshot import NAMES, Names, Row, Snapshot, count_of

_TAKEN = {
    ENTRY_POINT: "that came in through an entry point",
    ROUTER: "that a router took",
    SERVICE: "that a server of a service was asked",
}


class Exposition:
    """Writes the series of the levels that are wanted, with the buckets that are wanted."""

    def __init__(
        self, counting: Counting, levels: Iterable[str], bounds: tuple[float, ...], *, has_seed_names: bool = False
    ) -> None:
        self._levels = tuple(levels)
        self._header_labels = tuple(label for label, _ in counting.headers)
        self._bounds = bounds
        # Where the sums of the buckets of workers, which may be finer, are read.
        self._places = [bisect_left(counting.bounds, bound) for bound in bounds]
        self._seed_names = SeedNames(counting.bounds, bounds) if has_seed_names else None

    def text(self, snapshot: Snapshot) -> str:
        facts = snapshot.facts
        pieces = [
            family("traefik_config_reloads_total", COUNTER, "Configurations put in force.", [("", facts.reloads)]),
            family(
                "traefik_config_last_reload_success",
                GAUGE,
                "When a configuration was put in force last, in seconds since 1970.",
                [("", int(facts.last_reload))],
            ),
            family(
                "traefik_open_connections",
                GAUGE,
                "Connections of clients that are open now.",
                [(labels_text(entrypoint=name, protocol="TCP"), n) for name, n in snapshot.connections.items()],
            ),
            family(
                "traefik_tls_certs_not_after",
                GAUGE,
                "When a certificate ends, in seconds since 1970.",
                [
                    (labels_text(cn=given.common_name, sans=given.sans, serial=given.serial), int(given.not_after))
                    for given in facts.certificates
                ],
            ),
        ]
        for level in self._levels:
            pieces += self._level(level, snapshot)
        if self._seed_names is not None:
            pieces += self._seed_names.text(snapshot)
        pieces.append(process_text(facts.pids))
        return "".join(pieces)

    def _level(self, level: str, snapshot: Snapshot) -> Iterable[str]:
        prefix, taken = f"traefik_{level}", _TAKEN[level]
        texts = [(_cell_text(level, *name), row) for name, row in snapshot.levels[level].items()]
        requests = [(text, count_of(row)) for text, row in texts]
        if self._header_labels:
            requests = [
                (self._with_headers(level, names, labels), count)
                for (names, labels), count in snapshot.by_header[level].items()
            ]
        yield family(f"{prefix}_requests_total", COUNTER, f"Requests {taken}.", requests)
        yield family(
            f"{prefix}_requests_tls_total",
            COUNTER,
            f"Requests {taken} over TLS.",
            [
                (labels_text(**_named(level, names), tls_cipher=tls[1], tls_version=tls[0]), count)
                for (names, tls), count in snapshot.tls[level].items()
            ],
        )
        yield self._durations(f"{prefix}_request_duration_seconds", f"How long requests took {taken}.", texts)
        if level == SERVICE:
            yield from _of_services(snapshot)
        for name, place, what in (("requests", RECEIVED, "requests"), ("responses", SENT, "answers")):
            rows = [(text, row[place]) for text, row in texts]
            yield family(f"{prefix}_{name}_bytes_total", COUNTER, f"Bytes of the bodies of {what} {taken}.", rows)

    def _with_headers(self, level: str, names: Names, labels: tuple[str, ...]) -> str:
        method, protocol, code, *values = labels
        more = dict(zip(self._header_labels, values, strict=True))
        return labels_text(**_named(level, names), method=method, protocol=protocol, code=code, **more)

    def _durations(self, name: str, about: str, rows: list[tuple[str, Row]]) -> str:
        if not rows:
            return ""
        bounds = [*map(number_text, self._bounds), "+Inf"]
        lines = [f'{name}_bucket{{%s,le="{bound}"}} %s\n' for bound in bounds]
        template = "".join(lines) + f"{name}_sum{{%s}} %r\n{name}_count{{%s}} %s\n"
        places = [*self._places, -1]
        written = [heading(name, HISTOGRAM, about)]
        for text, row in rows:
            sums = list(accumulate(row[BUCKETS:]))
            values: list[object] = []
            for place in places:
                values += (text, sums[place])
            values += (text, row[SUM] / NANOSECONDS, text, sums[-1])
            written.append(template % tuple(values))
        return "".join(written)


def _of_services(snapshot: Snapshot) -> Iterable[str]:
    yield family(
        "traefik_service_retries_total",
        COUNTER,
        "Attempts after the first that requests to a service took.",
        [(labels_text(service=name), count) for name, count in snapshot.retries.items()],
    )
    yield family(
        "traefik_service_server_up",
        GAUGE,
        "Whether a server whose health is checked is up.",
        [(labels_text(service=name, url=url), int(up)) for (name, url), up in snapshot.facts.servers.items()],
    )


def _named(level: str, names: Names) -> dict[str, str]:
    return dict(zip(NAMES[level], names, strict=True))


def _cell_text(level: str, names: Names, labels: Labels) -> str:
    method, protocol, code = labels
    if level == ENTRY_POINT:
        between, behind = f'entrypoint="{escaped(names[0])}",', ""
    elif level == ROUTER:
        between, behind = "", f',router="{escaped(names[0])}",service="{escaped(names[1])}"'
    else:
        between, behind = "", f',service="{escaped(names[0])}"'
    return f'code="{code}",{between}method="{method.decode()}",protocol="{protocol}"{behind}'
