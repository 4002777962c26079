"""A worker process: one event loop that serves the entry points with the newest plan that control has sent."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from trafficcop.config.lazy import dataclass
from trafficcop.config.static import StaticConfiguration
from trafficcop.machine import kernel
from trafficcop.plan.messages import Ack, Health, Hello, Nack, PlanPart, ReadCounts, Staple
from trafficcop.plan.profile import TakeProfile
from trafficcop.store.interface import Store
from trafficcop.store.local import LOCAL
from trafficcop.telemetry import log
from trafficcop.worker.channel import Channel
from trafficcop.worker.counts import CountsReport
from trafficcop.worker.link import Linker
from trafficcop.worker.linked import Linked
from trafficcop.worker.runtime import Runtime
from trafficcop.worker.slices import in_slices

if TYPE_CHECKING:
    from trafficcop.worker.profiling import Profiler

logger = logging.getLogger(__name__)

# Connections wait in the queue for the first plan, instead of getting a 404 from a router that is still starting.
# When control cannot send one, saying 404 after all is better than saying nothing.
_FIRST_PLAN_SECONDS = 10.0
# Nothing that lives long is made while requests are served, but for plans: the collector may look often, at little
# each time, and hardly ever at everything: with 10,000 routers that holds up requests for a tenth of a second.
# What connections leave behind does not wait for it: their circles are broken when they close.
_GC_THRESHOLDS = (2_000, 5, 1_000)


@dataclass(frozen=True, slots=True)
class Seat:
    """What a worker is given when it starts. The next one on the same seat is given the same sockets."""

    static: StaticConfiguration
    index: int
    directory: Path  # where control's sockets are
    sockets: Mapping[str, socket.socket]
    report_ready: Callable[[], None]
    store: Store = LOCAL
    seats: int = 1  # of all workers
    ticket_secret: bytes = field(default=b"", repr=False)  # of TLS sessions, the same on all seats


class Worker:
    """The life of a worker: follow control's plans, serve, drain when told."""

    def __init__(self, seat: Seat) -> None:
        self._seat = seat
        self._runtime = Runtime(
            seat.static,
            seat.directory,
            seat.store,
            place=seat.index,
            places=seat.seats,
            ticket_secret=seat.ticket_secret,
        )
        self._plans = _Plans(seat, self._runtime)
        self._stop = asyncio.Event()

    async def serve(self) -> None:
        """Serve until `stop`, then drain."""
        for name, sock in self._seat.sockets.items():
            self._runtime.listen(name, sock)
        following = asyncio.create_task(self._plans.follow())
        stopping = asyncio.create_task(self._stop.wait())
        first_plan = asyncio.create_task(self._plans.first.wait())
        waiting = {following, stopping, first_plan}
        await asyncio.wait(waiting, timeout=_FIRST_PLAN_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        first_plan.cancel()
        if not self._stop.is_set():
            await self._runtime.start()
            self._seat.report_ready()
            await asyncio.wait({following, stopping}, return_when=asyncio.FIRST_COMPLETED)
        try:
            if following.done():
                following.result()  # it never ends but by a bug
            self._runtime.refuse()
            await self._runtime.drain()
        finally:
            for task in (following, stopping):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    def stop(self) -> None:
        self._stop.set()

    def reopen_logs(self) -> None:
        """SIGUSR1: somebody has moved the files."""
        self._runtime.reopen_logs()
        log.reopen()


class _Plans:
    """Links the parts of a plan as they come in, and swaps when the last has been linked.

    Everything that may be long is done in slices, for requests are served meanwhile.
    """

    def __init__(self, seat: Seat, runtime: Runtime) -> None:
        self.first = asyncio.Event()
        self._seat = seat
        self._runtime = runtime
        self._channel = Channel(seat.directory / "control.sock", self._hello)
        self._counts = CountsReport(seat.index, runtime, self._channel.send)
        self._profiler: Profiler | None = None
        self._version = 0
        self._coming: Linker | None = None
        self._coming_version = 0

    def _hello(self) -> Hello:
        return Hello(self._seat.index, os.getpid(), self._version, self._runtime.health)

    async def follow(self) -> None:
        async for message in self._channel.messages():
            if isinstance(message, PlanPart):
                await self._take(message)
            elif isinstance(message, Staple):
                self._runtime.apply_staple(message)
            elif isinstance(message, Health):
                self._runtime.apply_health(message)
            elif isinstance(message, ReadCounts):
                self._counts.answer(message)
            elif isinstance(message, TakeProfile):
                self._take_profile(message)
            else:  # control is gone, and with it the rest of a plan that it was sending
                self._coming, self._coming_version = None, 0
                self._counts.forget_told()
                if self._profiler is not None:
                    self._profiler.cut_off()

    def _take_profile(self, question: TakeProfile) -> None:
        if self._profiler is None:
            # Imported here: hardly any worker is ever asked.
            from trafficcop.worker.profiling import Profiler

            self._profiler = Profiler(self._seat.index, self._channel.send)
        self._profiler.take(question)

    async def _take(self, part: PlanPart) -> None:
        if part.version != self._coming_version:
            self._coming, self._coming_version = self._runtime.linker(), part.version
        if self._coming is None:
            return  # the rest of a plan that was refused
        linker = self._coming
        try:
            await self._do(linker.link(part))
            if part.is_last:
                await self._do(linker.index())
        except Exception as error:
            self._coming = None
            logger.exception("Configuration %d cannot be linked", part.version)
            reason = f"{type(error).__name__}: {error}"
            self._channel.send(Nack(self._seat.index, part.version, self._version, reason))
            return
        if part.is_last:
            self._coming, self._coming_version = None, 0
            retired = self._swap(linker.linked)
            await self._do(linker.clear_up())
            await self._do(retired)

    async def _do(self, steps: Iterator[None]) -> None:
        """Before the first plan there are no requests to give way to."""
        if self._version:
            await in_slices(steps)
            return
        for _ in steps:
            pass
        await asyncio.sleep(0)  # a signal

    def _swap(self, linked: Linked) -> Iterator[None]:
        """Serve the new plan from now on. Returns the steps that free the old one."""
        is_first, self._version = self._version == 0, linked.version
        retired = self._runtime.install(linked)
        if is_first:
            # What is there lives long: take it out of the collector's sight before the first request. Later plans are
            # left to it, so that a circle in them, should there ever be one, is freed in the end.
            gc.freeze()
            gc.enable()
        self._channel.send(Ack(self._seat.index, linked.version))
        self.first.set()
        return retired


def run(seat: Seat) -> int:
    """The main function of a worker process."""
    kernel.keep_heap()
    gc.set_threshold(*_GC_THRESHOLDS)
    gc.disable()  # until the first plan is there
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(seat))
    return 0


async def _serve(seat: Seat) -> None:
    worker = Worker(seat)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, worker.stop)
    loop.add_signal_handler(signal.SIGUSR1, worker.reopen_logs)
    await worker.serve()
