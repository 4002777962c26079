"""The general log: levels, the two formats and where the lines go (stdout or a rotated file).

Built on `logging`: `get_logger(__name__).error("cannot bind", extra=fields(entryPointName="web"))`. One event is one
line, written by one system call, so that several processes may share a file or a terminal.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from typing import TextIO

from trafficcop.config.observability import Log
from trafficcop.telemetry.log_file import LogFile
from trafficcop.telemetry.log_format import CommonFormatter, JSONFormatter

TRACE = 5
DEBUG = logging.DEBUG
INFO = logging.INFO
WARN = logging.WARNING
ERROR = logging.ERROR
FATAL = logging.CRITICAL
PANIC = 60
DISABLED = 1000

LEVELS = {
    "trace": TRACE,
    "debug": DEBUG,
    "info": INFO,
    "warn": WARN,
    "error": ERROR,
    "fatal": FATAL,
    "panic": PANIC,
    "disabled": DISABLED,
}

logging.addLevelName(TRACE, "TRACE")
logging.addLevelName(PANIC, "PANIC")


def get_logger(name: str) -> logging.Logger:
    """The logger of a module; give it `__name__`."""
    return logging.getLogger(name)


def fields(**values: object) -> dict[str, object]:
    """The key=value pairs of a line, for `extra`: `log.info("ready", extra=fields(routerName="web@file"))`."""
    return {"fields": values}


class LogHandler(logging.Handler):
    """Formats each event as one line and hands it to `write` as bytes."""

    def __init__(self, formatter: logging.Formatter, write: Callable[[bytes], None], file: LogFile | None) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self._write = write
        self._is_failing = False
        self.file = file

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record).encode("utf-8", "backslashreplace") + b"\n"
        except Exception:
            self.handleError(record)
            return
        try:
            self._write(line)
            self._is_failing = False
        except OSError as error:
            self._complain(error)

    def _complain(self, error: OSError) -> None:
        """Say once, on the only place left, that lines are being lost."""
        if not self._is_failing:
            self._is_failing = True
            print(f"the log cannot be written: {error}", file=sys.__stderr__)

    def close(self) -> None:
        if self.file is not None:
            self.file.close()
        super().close()


def configure(log: Log | None, stream: TextIO | None = None, *, is_rotating: bool = False) -> None:
    """Set the general log up for this process, in place of what was set up before.

    `stream` is where lines go when there is no `filePath` (stdout unless given). What is set up before a fork holds
    for the children too. Exactly one process of an instance passes `is_rotating` or calls `start_rotating`: it renames
    a file that grew too large; the others notice and open the new one. OSError when the file cannot be opened.
    """
    log = log or Log()
    is_colored, file = False, None
    if log.file_path:
        file = LogFile(
            log.file_path,
            max_size=log.max_size,
            max_age=log.max_age,
            max_backups=log.max_backups,
            is_rotating=is_rotating,
        )
        write: Callable[[bytes], None] = file.write
    else:
        stream = stream or sys.stdout
        is_colored = not log.no_color and stream.isatty()
        write = _writer(stream)
    level = LEVELS.get((log.level or "error").lower())
    effective = ERROR if level is None else level
    has_caller = effective <= DEBUG
    formatter = JSONFormatter(has_caller) if log.format == "json" else CommonFormatter(has_caller, is_colored)
    _install(LogHandler(formatter, write, file), effective)
    if level is None:
        get_logger(__name__).error("invalid log level, using ERROR", extra=fields(logLevel=log.level))


def _install(handler: LogHandler, level: int) -> None:
    root = logging.getLogger()
    close()
    root.addHandler(handler)
    root.setLevel(level)


def _handlers() -> list[LogHandler]:
    return [handler for handler in logging.getLogger().handlers if isinstance(handler, LogHandler)]


def start_rotating() -> None:
    """Make this process, a child of the one that called `configure`, the one that rotates the log file."""
    for handler in _handlers():
        if handler.file is not None:
            handler.file.start_rotating()


def reopen() -> None:
    """Open the log file anew: somebody else has moved it (SIGUSR1)."""
    for handler in _handlers():
        if handler.file is not None:
            handler.file.reopen()


def close() -> None:
    """Finish what is being written or compressed, and stop logging."""
    for handler in _handlers():
        logging.getLogger().removeHandler(handler)
        handler.close()


def _writer(stream: TextIO) -> Callable[[bytes], None]:
    try:
        descriptor = stream.fileno()
    except (OSError, AttributeError):  # a stream that lives in memory

        def write_text(line: bytes) -> None:
            stream.write(line.decode())
            stream.flush()

        return write_text

    def write(line: bytes) -> None:
        stream.flush()  # what was printed before must stay before
        view = memoryview(line)
        while view:
            view = view[os.write(descriptor, view) :]

    return write
