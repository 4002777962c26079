"""The access log: a line for each finished request that passes the filters, in a file or on stdout."""

from __future__ import annotations

import errno
import os
import select
import stat
from collections.abc import Callable
from pathlib import Path

from trafficcop.config.observability import AccessLog as AccessLogConfiguration
from trafficcop.http.messages import Route
from trafficcop.telemetry.access_filter import filter_of
from trafficcop.telemetry.access_format import FieldModes, Format, clf, json_line, usual_lines
from trafficcop.telemetry.access_record import AccessRecord
from trafficcop.telemetry.access_usual import BYTES, Finished
from trafficcop.telemetry.clock import Clock
from trafficcop.telemetry.log import fields, get_logger

_log = get_logger(__name__)
STDOUT = 1
FLUSH_SECONDS = 1.0
# What one write to a pipe may hold without being mixed with what others write (POSIX PIPE_BUF on Linux).
_PIPE_LIMIT = 4096
_FILE_LIMIT = 1 << 20
_LONGEST_ROW = 64  # lines that are written in a row: nothing else is done meanwhile

Schedule = Callable[[float, Callable[[], None]], object]


class AccessLog:
    """Formats and writes; one per process, several may share a file.

    `place`, of `places`, is which of several processes this one is.
    `schedule` is the event loop's `call_later`: buffered lines are written at least once a second through it.
    OSError when the file cannot be opened.
    """

    __slots__ = (
        "_descriptor", "_filter", "_format", "_is_failing", "_is_scheduled", "_lines", "_path", "_schedule",
        "_size", "_usual", "_write_limit", "clock", "exchanges", "has_internals", "lost", "needs_origins",
        "needs_request_headers", "needs_response_headers", "needs_tls", "row", "served", "stride",
        "takes_usual",
    )  # fmt: skip

    def __init__(
        self, config: AccessLogConfiguration, *, schedule: Schedule | None = None, stdout: int = STDOUT,
        place: int = 0, places: int = 1,
    ) -> None:  # fmt: skip
        modes = FieldModes(config.fields)
        complain = _log.error if place == 0 else _log.debug  # once is enough for all that share the log
        self._format = _format_of(config.format, modes, complain)
        self._filter = filter_of(config.filters, complain)
        self._usual = usual_lines(config.format, modes) if self._filter is None else None
        self.takes_usual = self._usual is not None
        self._schedule = schedule
        self._lines: list[str] = []  # bytes, each as the character of its number
        self._size = max(config.buffering_size, 0)
        # Usual exchanges wait for each other in rows, as many to a row as go into the buffer without a rest: only if
        # `takes_usual`. Who adds one to them calls `see_to_exchanges` if it is the first, or the row is complete.
        self.exchanges: list[Finished] = []
        self.row = self._size // -(-self._size // _LONGEST_ROW) if self._size else 1
        self.clock = Clock()
        self._is_scheduled = False
        self._path = config.file_path
        self._descriptor = open_file(self._path) if self._path else stdout
        self._write_limit = _FILE_LIMIT if _is_regular(self._descriptor) else _PIPE_LIMIT
        self._is_failing = False
        # Requests are numbered across the processes that share the log, each having every n-th number to itself.
        self.served = place - places + 1
        self.stride = places
        self.lost = 0  # lines that could not be written
        self.has_internals = config.add_internals
        is_json = config.format == "json"
        self.needs_request_headers = (
            modes.has_headers
            if is_json
            else any(modes.header_mode(name) != "drop" for name in ("Referer", "User-Agent"))
        )
        self.needs_tls = self.needs_origins = is_json
        self.needs_response_headers = is_json and modes.has_headers

    def is_wanted(self, route: Route) -> bool:
        """Whether the requests of a router may be in the log at all."""
        return route.is_logged and (self.has_internals or not route.service.endswith("@internal"))

    def record(self, record: AccessRecord) -> None:
        """Log a finished exchange."""
        if self._filter is None or self._filter.is_kept(record):
            self._write_up()
            self._lines.append(self._format(record).decode(BYTES))
            self._settle()

    def see_to_exchanges(self) -> None:
        """Write the lines of usual exchanges, now or in time."""
        if len(self.exchanges) >= self.row:
            self._write_up()
            self._settle()
        elif not self._is_scheduled:
            self._schedule_flush()

    def _write_up(self) -> None:
        """The lines of the exchanges that wait for theirs."""
        if self.exchanges and self._usual is not None:
            exchanges = self.exchanges.copy()
            self.exchanges.clear()
            self._lines += self._usual(exchanges, self.clock)

    def _settle(self) -> None:
        """Write, now or in time."""
        if len(self._lines) >= self._size:
            self.flush()
        elif not self._is_scheduled:
            self._schedule_flush()

    def _schedule_flush(self) -> None:
        if self._schedule is not None:
            self._is_scheduled = True
            self._schedule(FLUSH_SECONDS, self._on_time)

    def _on_time(self) -> None:
        self._is_scheduled = False
        self.flush()

    def flush(self) -> None:
        """Write what is buffered, whole lines at a time."""
        self._write_up()
        lines = self._lines
        if not lines:
            return
        self._lines = []
        if sum(map(len, lines)) <= self._write_limit:
            self._write(lines)
            return
        batch: list[str] = []
        size = 0
        for line in lines:
            if size + len(line) > self._write_limit and batch:
                self._write(batch)
                batch, size = [], 0
            batch.append(line)
            size += len(line)
        self._write(batch)

    def _write(self, lines: list[str]) -> None:
        try:
            write_whole(self._descriptor, "".join(lines).encode(BYTES))
        except OSError as error:
            self.lost += len(lines)
            if not self._is_failing:
                self._is_failing = True
                _log.error("cannot write the access log %s: %s", self._path or "on stdout", error.strerror)
        else:
            self._is_failing = False

    def reopen(self) -> None:
        """Somebody has moved the file: what is buffered goes to the old one, the rest to a new one (SIGUSR1)."""
        self.flush()
        if not self._path:
            return
        try:
            descriptor = open_file(self._path)
        except OSError as error:
            _log.error("cannot open the access log %s again: %s", self._path, error.strerror)
            return
        os.close(self._descriptor)
        self._descriptor = descriptor

    def close(self) -> None:
        self.flush()
        if self._path and self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def open_file(path: str) -> int:
    """Open a log for appending; its directories are made when they are missing. OSError if it cannot be."""
    try:
        Path(path).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path) from error
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o664)


def _is_regular(descriptor: int) -> bool:
    return stat.S_ISREG(os.fstat(descriptor).st_mode)


def write_whole(descriptor: int, data: bytes) -> None:
    """One write; more only if the system took a part, and a wait only if it takes nothing (a full pipe)."""
    while data:
        try:
            written = os.write(descriptor, data)
        except BlockingIOError:
            waiting = select.poll()
            waiting.register(descriptor, select.POLLOUT)
            waiting.poll()
            continue
        if written == len(data):
            return
        data = data[written:]


def _format_of(name: str, modes: FieldModes, complain: Callable[..., None]) -> Format:
    if name == "json":
        return json_line(modes)
    if name not in ("common", "genericCLF"):
        complain("unknown access log format, using common", extra=fields(format=name))
    return clf(modes, is_generic=name == "genericCLF")
