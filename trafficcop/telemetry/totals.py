"""What all workers have counted, those that are gone too: sums that never fall while what they count exists."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping

from trafficcop.http.meter import Labels
from trafficcop.telemetry.meters import CellName, Changes, Key, PlainName
from trafficcop.telemetry.metrics import ENTRY_POINT, ROUTER

Cells = dict[tuple[Key, Labels], list[int]]
Plain = dict[PlainName, int]


class _Worker:
    """The last totals of one worker. `coming`: what takes their place once all of it is here."""

    __slots__ = ("cells", "coming", "connections", "names", "pid", "plain")

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.names: dict[int, CellName] = {}
        self.cells: dict[int, array[int]] = {}
        self.plain: Plain = {}
        self.connections: Mapping[str, int] = {}
        self.coming: _Worker | None = None


class Totals:
    """Takes the Changes of workers, by their seats. `retired`: what those had counted that are no more."""

    def __init__(self) -> None:
        self._workers: dict[int, _Worker] = {}
        self.retired: Cells = {}
        self.retired_plain: Plain = {}

    def begin(self, seat: int, pid: int) -> bool:
        """A worker has come: a new one, or the same again, which will tell everything anew. Whether one has ended."""
        before = self._workers.get(seat)
        if before is not None and before.pid == pid:
            before.coming = _Worker(pid)
            return False
        self._workers[seat] = _Worker(pid)
        if before is not None:
            self._retire(before, lambda key: True)
        return before is not None

    def take(self, seat: int, changes: Changes, connections: Mapping[str, int], *, is_last: bool) -> None:
        """A part of what a worker has to say."""
        worker = self._workers[seat]
        target = worker.coming or worker
        for name in changes.names:
            target.names[name.number] = name
        rows = array("q")
        rows.frombytes(changes.cells)
        for start in range(0, len(rows), changes.width):
            target.cells[rows[start]] = rows[start + 1 : start + changes.width]
        target.plain.update(changes.plain)
        if changes.gone:
            self._retire(target, set(changes.gone).__contains__)
        if is_last:
            self._workers[seat] = target
            target.connections = connections

    def leave(self, seat: int, pid: int) -> None:
        """The channel to a worker is cut: nobody knows yet whether the worker is gone, but its connections may be."""
        worker = self._workers.get(seat)
        if worker is not None and worker.pid == pid:
            worker.coming = None
            worker.connections = {}

    def _retire(self, worker: _Worker, is_gone: Callable[[Key], bool]) -> None:
        for number, name in list(worker.names.items()):
            if is_gone(name.key):
                del worker.names[number]
                cell = worker.cells.pop(number, None)
                if cell is not None:
                    _add(self.retired, (name.key, name.labels), cell)
        for plain in [plain for plain in worker.plain if is_gone(plain[1])]:
            self.retired_plain[plain] = self.retired_plain.get(plain, 0) + worker.plain.pop(plain)

    def forget(self, is_gone: Callable[[Key], bool]) -> bool:
        """Drop the series of what is no longer configured; whether there were any.

        An entry point keeps what its former routers took.
        """
        cells = [name for name in self.retired if is_gone(name[0])]
        for name in cells:
            key, labels = name
            cell = self.retired.pop(name)
            if key[0] == ROUTER and key[1]:
                _add(self.retired, ((ENTRY_POINT, key[1]), labels), cell)
        plain = [name for name in self.retired_plain if is_gone(name[1])]
        for gone in plain:
            del self.retired_plain[gone]
        return bool(cells or plain)

    # === sums ===

    def cells(self) -> Iterator[tuple[Key, Labels, list[int] | array[int]]]:
        """Every row of every worker: the same names may come several times."""
        for (key, labels), cell in self.retired.items():
            yield key, labels, cell
        for worker in self._workers.values():
            for number, row in worker.cells.items():
                name = worker.names[number]
                yield name.key, name.labels, row

    def plain(self) -> Iterator[tuple[PlainName, int]]:
        yield from self.retired_plain.items()
        for worker in self._workers.values():
            yield from worker.plain.items()

    def connections(self) -> dict[str, int]:
        sums: dict[str, int] = {}
        for worker in self._workers.values():
            for name, count in worker.connections.items():
                sums[name] = sums.get(name, 0) + count
        return sums


def _add(cells: Cells, name: tuple[Key, Labels], more: list[int] | array[int]) -> None:
    cell = cells.get(name)
    if cell is None:
        cells[name] = list(more)
    else:
        for index, value in enumerate(more):
            cell[index] += value
