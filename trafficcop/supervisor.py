"""The parent process: binds every socket and keeps it, starts the others and starts them again, passes signals on.

Standard library only and no event loop: what cannot fail need not be restarted.
"""

from __future__ import annotations

import gc
import importlib
import logging
import os
import select
import signal
import time
from functools import partial
from pathlib import Path

from trafficcop.control.grace import drain_notice, grace_seconds
from trafficcop.control.launch import Launch as Launch
from trafficcop.machine import kernel
from trafficcop.machine.children import Child
from trafficcop.machine.private_directory import PrivateDirectory
from trafficcop.machine.sockets import BindError, Sockets, open_sockets
from trafficcop.machine.systemd import Notifier, passed_sockets
from trafficcop.store.local import LocalStore
from trafficcop.store.servers import ServerTable, SharedServers
from trafficcop.store.shared import SharedMemory, SharedStore
from trafficcop.telemetry import log

logger = logging.getLogger(__name__)

# What a stop may take beyond the grace time of the entry points (Traefik `cmd/traefik/traefik.go` waits as long).
_CLEANUP_SECONDS = 10.0
_HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP, signal.SIGCHLD)


def run(launch: Launch) -> int:
    """Serve until a signal says otherwise. The exit code of the program."""
    static = launch.static
    kernel.allow_descriptors()
    count = kernel.usable_cpus() if static.workers is None else static.workers
    try:
        sockets = open_sockets(static.entry_points, max(count, 1), passed_sockets(launch.environ))
    except BindError as error:
        logger.error("%s", error)
        return 1
    try:
        directory = PrivateDirectory(launch.environ)
    except OSError as error:
        logger.error("%s", error)
        sockets.close()
        return 1
    try:
        if count == 0:
            from trafficcop import single

            return single.run(launch, sockets, directory.path)
        return Supervisor(launch, sockets, directory.path).run()
    finally:
        sockets.close()
        directory.remove()


class Supervisor:
    """The children of one instance, from their first start to the last one's end."""

    def __init__(self, launch: Launch, sockets: Sockets, directory: Path) -> None:
        self._launch = launch
        self._sockets = sockets
        self._directory = directory
        self._ticket_secret = os.urandom(32)
        self._status_reader, self._status_writer = os.pipe()
        self._wakeup_reader, self._wakeup_writer = os.pipe()
        for descriptor in (self._status_reader, self._wakeup_reader, self._wakeup_writer):
            os.set_blocking(descriptor, False)
        self._control = Child("control", "ctl", self._run_control)
        self._workers = [
            Child(f"worker {index}", f"w{index}", partial(self._run_worker, index))
            for index in range(len(sockets.of_worker))
        ]
        self._by_name = {child.name: child for child in (self._control, *self._workers)}
        # One worker alone keeps its state to itself, but for what control wants to know of servers.
        self._memory = SharedMemory(len(self._workers)) if len(self._workers) > 1 else None
        self._servers = ServerTable(1) if self._memory is None else self._memory.servers
        self._notifier = Notifier(launch.environ)
        self._next_beat = 0.0
        self._was_ready = False
        self._is_stopping = False
        self._deadline: float | None = None  # of a stop
        self._was_control_told = False
        self._exit_code: int | None = None

    # === what the children run ===

    # Imported where they run: control starts before the modules of the workers are here, and keeps its own to itself.

    def _run_worker(self, index: int) -> int:
        from trafficcop.worker import main as worker

        self._sockets.keep_only(index)
        sockets = self._sockets.of_worker[index]
        servers = SharedServers(self._servers, index)
        store = LocalStore(servers) if self._memory is None else SharedStore(self._memory, index)
        report = partial(self._report, f"worker {index}")
        seats = len(self._workers)
        static, secret = self._launch.static, self._ticket_secret
        return worker.run(worker.Seat(static, index, self._directory, sockets, report, store, seats, secret))

    def _run_control(self) -> int:
        from trafficcop.control import main as control

        self._sockets.keep_only(None)
        return control.run(self._launch, self._directory, partial(self._report, "control"), self._servers)

    def _report(self, name: str) -> None:
        os.write(self._status_writer, f"{name}={os.getpid()}\n".encode())

    # === the loop ===

    def run(self) -> int:
        self._take_signals()
        self._start_children()
        poll = select.poll()
        poll.register(self._wakeup_reader, select.POLLIN)
        poll.register(self._status_reader, select.POLLIN)
        while self._exit_code is None:
            poll.poll(self._patience())
            self._hear_children()
            for signum in _read(self._wakeup_reader):
                self._on_signal(signal.Signals(signum))
            self._reap()
            self._do_what_is_due()
        return self._exit_code

    def _start_children(self) -> None:
        """Control first: while it reads and compiles the configuration, we import what all workers share."""
        gc.freeze()
        self._control.start()
        importlib.import_module("trafficcop.worker.main")
        # Keep the collector from touching, and so copying, the pages that are shared.
        gc.freeze()
        for child in self._workers:
            child.start()
        gc.enable()

    def _take_signals(self) -> None:
        signal.set_wakeup_fd(self._wakeup_writer, warn_on_full_buffer=False)
        for signum in _HANDLED:
            signal.signal(signum, _awaken)

    def _patience(self) -> float | None:
        """Milliseconds until something is due, None when nothing is."""
        times = [child.restart_at for child in self._by_name.values() if child.restart_at is not None]
        if self._deadline is not None:
            times.append(self._deadline)
        if self._next_beat:
            times.append(self._next_beat)
        return max(0.0, min(times) - time.monotonic()) * 1000 if times else None

    def _hear_children(self) -> None:
        for line in _read(self._status_reader).decode().splitlines():
            name, _, pid = line.partition("=")
            child = self._by_name[name]
            if child.pid == int(pid):  # not the word of one that has died meanwhile
                child.mark_ready()
        if not self._was_ready and all(child.is_ready for child in self._workers):
            self._was_ready = True
            self._notifier.ready()
            if self._notifier.watchdog_interval:
                self._next_beat = time.monotonic()
            logger.info("Serving with %d workers", len(self._workers))

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            # As process 1 of a container we are given the orphans of others, too.
            for child in self._by_name.values():
                if child.pid == pid:
                    child.died(status, is_expected=self._is_stopping)
                    if child in self._workers:
                        self._bury(self._workers.index(child))

    def _bury(self, index: int) -> None:
        """What a dead worker had is nobody's."""
        if self._memory is not None:
            self._memory.bury(index)
        else:
            self._servers.bury(index)

    def _do_what_is_due(self) -> None:
        if self._is_stopping:
            self._go_on_stopping()
            return
        if all(child.has_failed and not child.was_ever_ready for child in self._workers):
            logger.error("No worker could be started")
            self._stop_now(1)
            return
        now = time.monotonic()
        for child in self._by_name.values():
            if child.restart_at is not None and child.restart_at <= now:
                child.start()
        if self._next_beat and self._next_beat <= now and any(child.is_ready for child in self._workers):
            self._notifier.alive()
            self._next_beat = now + self._notifier.watchdog_interval

    # === signals and the end ===

    def _on_signal(self, signum: signal.Signals) -> None:
        if signum in (signal.SIGTERM, signal.SIGINT):
            if not self._is_stopping:
                self._begin_stop()
            elif signum == signal.SIGINT:  # somebody at a terminal, who is waiting
                logger.warning("SIGINT again: stopping at once")
                self._stop_now(128 + signum)
        elif signum == signal.SIGUSR1:
            log.reopen()
            for child in self._by_name.values():
                child.send(signal.SIGUSR1)
        elif signum == signal.SIGHUP:
            self._control.send(signal.SIGHUP)

    def _begin_stop(self) -> None:
        logger.info(drain_notice(self._launch.static))
        self._is_stopping = True
        self._notifier.stopping()
        self._deadline = time.monotonic() + grace_seconds(self._launch.static) + _CLEANUP_SECONDS
        # The workers hold the last ends from now on: when they stop accepting, connections are refused.
        self._sockets.close()
        for child in self._workers:
            child.send(signal.SIGTERM)

    def _go_on_stopping(self) -> None:
        """Workers, then control, then us: what a draining worker asks of the API is still answered."""
        if self._exit_code is not None:
            return
        if self._deadline is not None and time.monotonic() >= self._deadline:
            logger.error("Stopping took too long: ending what is left")
            self._stop_now(1)
        elif any(child.pid for child in self._workers) or (self._control.pid and self._was_control_told):
            return
        elif self._control.pid:
            self._was_control_told = True
            self._control.send(signal.SIGTERM)
        else:
            logger.info("Stopped")
            self._exit_code = 0

    def _stop_now(self, code: int) -> None:
        self._is_stopping = True
        self._exit_code = code
        for child in self._by_name.values():
            child.send(signal.SIGKILL)
        for child in self._by_name.values():
            if child.pid:
                os.waitpid(child.pid, 0)
                child.pid = 0


def _awaken(signum: int, frame: object) -> None:
    """A handler must exist for the wake-up descriptor to be written; the loop does the rest."""


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except BlockingIOError:
        return b""
