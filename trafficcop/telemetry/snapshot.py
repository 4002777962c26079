"""All figures of an instance at one moment, summed over its workers: what every exporter starts from."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from operator import add

from trafficcop.config.lazy import dataclass
from trafficcop.http.meter import BUCKETS, Labels
from trafficcop.telemetry.meters import BY_HEADER, BY_TLS, RETRIES, Key, PlainName
from trafficcop.telemetry.metrics import ENTRY_POINT, ROUTER, SERVICE
from trafficcop.telemetry.totals import Totals

Row = Sequence[int]
Names = tuple[str, ...]
Rows = dict[tuple[Names, Labels], Row]
LEVELS = (ENTRY_POINT, ROUTER, SERVICE)
_SERVERS = "servers"

# The names that tell the series of a level apart.
NAMES: Mapping[str, Names] = {ENTRY_POINT: ("entrypoint",), ROUTER: ("router", "service"), SERVICE: ("service",)}


@dataclass(frozen=True, slots=True)
class Certificate:
    """When a certificate ends, for those who must renew it. `sans`: its names, sorted, with commas."""

    common_name: str
    serial: str
    sans: str
    not_after: float


@dataclass(frozen=True, slots=True)
class Facts:
    """What control knows besides what workers count.

    `servers`: whether those that are checked are up, by service and URL; `unchecked` are the others.
    """

    reloads: int = 0
    last_reload: float = 0.0
    certificates: tuple[Certificate, ...] = ()
    servers: Mapping[tuple[str, str], bool] = field(default_factory=dict)
    unchecked: tuple[tuple[str, str], ...] = ()
    entry_points: tuple[str, ...] = ()  # those of TCP
    pids: tuple[int, ...] = ()  # of the instance, the supervisor first


class Snapshot:
    """Sums by level and name."""

    def __init__(self, totals: Totals, facts: Facts) -> None:
        self.facts = facts
        self.levels: dict[str, Rows] = {level: {} for level in LEVELS}
        self.tls: dict[str, dict[tuple[Names, tuple[str, ...]], int]] = {level: {} for level in LEVELS}
        self.by_header: dict[str, dict[tuple[Names, tuple[str, ...]], int]] = {level: {} for level in LEVELS}
        self.retries: dict[str, int] = {}
        self.servers: Rows = {}  # of each server by itself, where that is counted
        open_connections = totals.connections()
        self.connections = {name: open_connections.get(name, 0) for name in facts.entry_points}
        self._sum_cells(totals.cells())
        self._sum_plain(totals.plain())

    def _sum_cells(self, cells: Iterable[tuple[Key, Labels, Row]]) -> None:
        found: dict[str, dict[tuple[Names, Labels], list[Row]]] = {level: {} for level in (*LEVELS, _SERVERS)}
        entry_points, routers, services = found[ENTRY_POINT], found[ROUTER], found[SERVICE]
        for key, labels, row in cells:
            level = key[0]
            if level == ROUTER:
                routers.setdefault((key[2:], labels), []).append(row)
                if key[1]:
                    entry_points.setdefault((key[1:2], labels), []).append(row)
            elif level == ENTRY_POINT:
                entry_points.setdefault((key[1:], labels), []).append(row)
            else:
                services.setdefault((key[1:2], labels), []).append(row)
                if key[2]:
                    found[_SERVERS].setdefault((key[1:], labels), []).append(row)
        for level in LEVELS:
            self.levels[level] = {name: _sum(rows) for name, rows in found[level].items()}
        self.servers = {name: _sum(rows) for name, rows in found[_SERVERS].items()}

    def _sum_plain(self, plain: Iterable[tuple[PlainName, int]]) -> None:
        for (kind, key, labels), value in plain:
            if kind == RETRIES:
                self.retries[key[1]] = self.retries.get(key[1], 0) + value
                continue
            table = {BY_TLS: self.tls, BY_HEADER: self.by_header}[kind]
            for level, names in places_of(key):
                name = names, labels
                table[level][name] = table[level].get(name, 0) + value


def places_of(key: Key) -> tuple[tuple[str, Names], ...]:
    """The levels that a Meter counts for, and its names there."""
    level = key[0]
    if level != ROUTER:
        return ((level, key[1:2]),)
    return ((ROUTER, key[2:]), (ENTRY_POINT, key[1:2])) if key[1] else ((ROUTER, key[2:]),)


def _sum(rows: list[Row]) -> Row:
    if len(rows) == 1:
        return rows[0]
    if len(rows) == 2:
        return array("q", map(add, rows[0], rows[1]))
    return array("q", map(sum, zip(*rows, strict=True)))


def count_of(row: Row) -> int:
    """How many exchanges a row stands for."""
    return sum(row[BUCKETS:])
