"""All Meters of a worker, and what has changed in them since control was told last."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from trafficcop.config.lazy import dataclass
from trafficcop.http.meter import BUCKETS, SUM, Cell, Labels, Meter
from trafficcop.telemetry.metrics import ENTRY_POINT, NANOSECONDS, ROUTER, SERVICE, Counting

Key = tuple[str, ...]
# What is counted besides exchanges: its kind, whose it is, and the values of its labels.
PlainName = tuple[str, Key, tuple[str, ...]]
BY_HEADER, BY_TLS, RETRIES = "header", "tls", "retries"

_CELLS_PER_STEP = 64  # a look at each is a few microseconds


@dataclass(frozen=True, slots=True)
class CellName:
    """What a number of the wire stands for from now on."""

    number: int
    key: Key
    labels: Labels


@dataclass(frozen=True, slots=True)
class Changes:
    """Totals, not differences: `cells` has rows of `width` numbers, the first of each is the number of its cell.

    `gone`: Meters that count no more; what they had stays counted.
    """

    names: tuple[CellName, ...] = ()
    width: int = 1
    cells: bytes = b""
    plain: tuple[tuple[PlainName, int], ...] = ()
    gone: tuple[Key, ...] = ()


class _Told:
    """A cell, its number and what control knows of it."""

    __slots__ = ("cell", "name", "sum")

    def __init__(self, cell: Cell, name: CellName) -> None:
        self.cell = cell
        self.name = name
        self.sum = -1.0  # of the durations: it grows with every exchange


class Meters:
    """Makes Meters, one for each Key, and keeps them while a plan or an exchange may use them."""

    def __init__(self, counting: Counting) -> None:
        self.counting = counting
        self._bounds = counting.bounds
        # Seconds; longer exchanges are counted singly. None are paired where there are labels that differ from one
        # exchange to the next, or no services to pair routers with.
        is_paired = counting.services and counting.bounds and not counting.headers
        self.longest_paired = counting.bounds[0] if is_paired else -1.0
        self._headers = tuple(name.lower().encode() for _, name in counting.headers)
        self._meters: dict[Key, Meter] = {}
        self._told: dict[Key, dict[Labels, _Told]] = {}
        self._told_plain: dict[PlainName, int] = {}
        self._retired: set[Key] = set()
        self._numbers = 0

    # === what a linker asks for; None: not to be counted ===

    def entry_point(self, name: str) -> Meter | None:
        """Of requests that no router took."""
        return self._get((ENTRY_POINT, name)) if self.counting.entry_points else None

    def router(self, entry_point: str, name: str, service: str) -> Meter | None:
        """Of a router on one entry point: its requests are those of the entry point, too."""
        if self.counting.routers:
            return self._get((ROUTER, entry_point, name, service))
        return self.entry_point(entry_point)

    def child_router(self, name: str, service: str) -> Meter | None:
        """Of a router behind another, whose Meter counts for the entry point."""
        return self._get((ROUTER, "", name, service)) if self.counting.routers else None

    def service(self, name: str, url: str) -> Meter | None:
        if not self.counting.services:
            return None
        return self._get((SERVICE, name, url if self.counting.by_server else ""))

    def count_retries(self, service: str, count: int) -> None:
        """Other servers were tried for a request to this service."""
        if self.counting.services:
            self._get((SERVICE, service, "")).retries += count

    def _get(self, key: Key) -> Meter:
        self._retired.discard(key)
        meter = self._meters.get(key)
        if meter is None:
            meter = self._meters[key] = Meter(key, self._bounds, self._headers)
        return meter

    def keep_only(self, keys: set[Key]) -> None:
        """A new plan is in force: other Meters are given up once control has their last numbers."""
        self._retired = {key for key in self._meters if key not in keys and key[0] != ENTRY_POINT}

    # === what control is told ===

    def forget_told(self) -> None:
        """There is another control, which knows nothing."""
        self._told = {}
        self._told_plain = {}

    def changes(self) -> Iterator[Changes]:
        """Everything that has changed, in steps that are all short."""
        keys = list(self._meters)
        services = []
        for start in range(0, len(keys), _CELLS_PER_STEP):
            step = keys[start : start + _CELLS_PER_STEP]
            services += [key for key in step if key[0] == SERVICE]
            yield self._changes_of([key for key in step if key[0] != SERVICE])
        for start in range(0, len(services), _CELLS_PER_STEP):  # last: routers have settled what they count with them
            yield self._changes_of(services[start : start + _CELLS_PER_STEP])

    def _changes_of(self, keys: list[Key]) -> Changes:
        names: list[CellName] = []
        rows = array("q")
        plain: list[tuple[PlainName, int]] = []
        gone: list[Key] = []
        for key in keys:
            meter = self._meters[key]
            meter.settle()
            told = self._told.setdefault(key, {})
            for labels, cell in meter.cells.items():
                known = told.get(labels)
                if known is None:
                    self._numbers += 1
                    known = told[labels] = _Told(cell, CellName(self._numbers, key, labels))
                    names.append(known.name)
                if known.sum != cell[SUM]:
                    known.sum = cell[SUM]
                    rows.append(known.name.number)
                    rows.append(round(cell[SUM] * NANOSECONDS))
                    rows.extend(cell[SUM + 1 :])
            plain += self._changed_plain(meter)
            if key in self._retired:
                gone.append(key)
                self._drop(key, meter)
        return Changes(tuple(names), 1 + BUCKETS + len(self._bounds) + 1, rows.tobytes(), tuple(plain), tuple(gone))

    def _changed_plain(self, meter: Meter) -> Iterator[tuple[PlainName, int]]:
        for name, value in _plain_of(meter):
            if self._told_plain.get(name) != value:
                self._told_plain[name] = value
                yield name, value

    def _drop(self, key: Key, meter: Meter) -> None:
        del self._meters[key], self._told[key]
        self._retired.discard(key)
        for name, _ in _plain_of(meter):
            del self._told_plain[name]
        # Exchanges of the plan before may still be under way: they count for the entry point alone.
        successor = self.entry_point(key[1]) if key[0] == ROUTER and key[1] else None
        meter.hand_over(successor)


def _plain_of(meter: Meter) -> Iterator[tuple[PlainName, int]]:
    """What a Meter counts besides its cells."""
    if meter.retries:
        yield (RETRIES, meter.key, ()), meter.retries
    for tls, count in (meter.by_tls or {}).items():
        yield (BY_TLS, meter.key, tls), count
    for ((method, protocol, code), values), count in (meter.by_header or {}).items():
        texts = [value.decode("utf-8", "replace") for value in values]
        yield (BY_HEADER, meter.key, (method.decode(), protocol, str(code), *texts)), count
