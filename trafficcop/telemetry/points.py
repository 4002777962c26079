"""What has happened since the last push: the figures of exporters that are told instead of asking."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence

from trafficcop.config.lazy import dataclass
from trafficcop.http.meter import BUCKETS, RECEIVED, SENT, SUM, Labels
from trafficcop.telemetry.metrics import NANOSECONDS, SERVICE
from trafficcop.telemetry.snapshot import NAMES, Names, Snapshot, count_of

Tags = tuple[tuple[str, str], ...]
RowKey = tuple[str, Names, Labels]

# Names of what is not of a level.
RELOADS, LAST_RELOAD, CONNECTIONS, CERTIFICATES = "reloads", "last_reload", "connections", "certificates"
# Names of what is of a level.
REQUESTS, TLS, DURATION, BYTES_IN, BYTES_OUT = "requests", "tls", "duration", "bytes_in", "bytes_out"
RETRIES, SERVER_UP = "retries", "server_up"


@dataclass(frozen=True, slots=True)
class Point:
    """One figure. `level` is "" for the whole instance.

    Of a duration, `value` is the sum in seconds and `buckets` has how many were about how long.
    """

    level: str
    name: str
    tags: Tags
    value: float
    is_gauge: bool = False
    buckets: tuple[tuple[float, int], ...] = ()


class Increments:
    """What has come since it was told last: `points`. `bounds`: those of the workers.

    What `points` returned counts as told once `note_told` says so: who could not be reached gets all of it later.
    """

    def __init__(self, levels: Iterable[str], bounds: Sequence[float]) -> None:
        self._levels = tuple(levels)
        self._middles = _middles(bounds)
        self._told = _Sums()
        self._telling = _Sums()

    def begin_at(self, snapshot: Snapshot) -> None:
        """An earlier process has told all this already."""
        self.points(snapshot)
        self.note_told()

    def note_told(self) -> None:
        self._told = self._telling

    def points(self, snapshot: Snapshot) -> list[Point]:
        self._telling = _Sums()  # what is gone is forgotten
        points = list(self._of_instance(snapshot))
        for level in self._levels:
            for (names, labels), row in snapshot.levels[level].items():
                method, protocol, code = labels
                tags = (*_tags(level, names), ("method", method.decode()), ("protocol", protocol), ("code", str(code)))
                points += self._of_row(level, tags, self._more_of_row((level, names, labels), row))
            for (names, (version, cipher)), count in snapshot.tls[level].items():
                tags = (*_tags(level, names), ("tls_version", version), ("tls_cipher", cipher))
                points += self._counted(level, TLS, tags, count)
        return points

    def _of_instance(self, snapshot: Snapshot) -> Iterator[Point]:
        facts = snapshot.facts
        yield from self._counted("", RELOADS, (), facts.reloads)
        if facts.reloads:
            yield Point("", LAST_RELOAD, (), float(int(facts.last_reload)), is_gauge=True)
        for name, count in snapshot.connections.items():
            yield Point("", CONNECTIONS, (("entrypoint", name), ("protocol", "TCP")), float(count), is_gauge=True)
        for given in facts.certificates:
            tags = (("cn", given.common_name), ("serial", given.serial), ("sans", given.sans))
            yield Point("", CERTIFICATES, tags, float(int(given.not_after)), is_gauge=True)
        if SERVICE in self._levels:
            for name, count in snapshot.retries.items():
                yield from self._counted(SERVICE, RETRIES, (("service", name),), count)
            for (name, url), is_up in facts.servers.items():
                yield Point(SERVICE, SERVER_UP, (("service", name), ("url", url)), float(is_up), is_gauge=True)

    def _counted(self, level: str, name: str, tags: Tags, count: int) -> Iterator[Point]:
        key = level, name, tags
        self._telling.counts[key] = count
        before = self._told.counts.get(key, 0)
        more = count - before if count >= before else count
        if more:
            yield Point(level, name, tags, float(more))

    def _more_of_row(self, key: RowKey, row: Sequence[int]) -> Sequence[int]:
        """What came since; a row that shrank is of an object that was away and is back."""
        self._telling.rows[key] = row if isinstance(row, array) else tuple(row)  # of those that are gone it grows
        before = self._told.rows.get(key)
        if before is None or count_of(row) < count_of(before):
            return row
        return [now - then for now, then in zip(row, before, strict=True)]

    def _of_row(self, level: str, tags: Tags, row: Sequence[int]) -> Iterator[Point]:
        count = count_of(row)
        if not count:
            return
        yield Point(level, REQUESTS, tags, float(count))
        buckets = tuple((middle, n) for middle, n in zip(self._middles, row[BUCKETS:], strict=True) if n)
        yield Point(level, DURATION, tags, row[SUM] / NANOSECONDS, buckets=buckets)
        yield Point(level, BYTES_IN, tags, float(row[RECEIVED]))
        yield Point(level, BYTES_OUT, tags, float(row[SENT]))


class _Sums:
    """All that has ever been told, by name."""

    __slots__ = ("counts", "rows")

    def __init__(self) -> None:
        self.rows: dict[RowKey, Sequence[int]] = {}
        self.counts: dict[tuple[str, str, Tags], int] = {}


def _tags(level: str, names: Names) -> Tags:
    return tuple(zip(NAMES[level], names, strict=True))


def _middles(bounds: Sequence[float]) -> list[float]:
    """What stands for the durations of each bucket."""
    lower = [0.0, *bounds]
    return [(least + most) / 2 for least, most in zip(lower, bounds, strict=False)] + [bounds[-1] if bounds else 0.0]


def observations(point: Point) -> list[tuple[float, int]]:
    """The durations of a point, and how many of each: scaled so that their sum is right."""
    estimated = sum(middle * count for middle, count in point.buckets)
    factor = point.value / estimated if estimated else 1.0
    return [(middle * factor, count) for middle, count in point.buckets]


def quantile(point: Point, share: float) -> float:
    """The duration that this share of exchanges did not exceed."""
    found = observations(point)
    wanted = share * sum(count for _, count in found)
    seen = 0
    for value, count in found:
        seen += count
        if seen >= wanted:
            return value
    return 0.0
