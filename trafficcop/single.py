"""All three roles in one process (`workers: 0`), for debugging and tests: one loop, no restarts, the same code."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from pathlib import Path

import uvloop

from trafficcop.control.grace import drain_notice
from trafficcop.control.launch import Launch
from trafficcop.control.main import Control
from trafficcop.machine.sockets import Sockets
from trafficcop.machine.systemd import Notifier
from trafficcop.store.local import LocalStore
from trafficcop.store.servers import ServerTable, SharedServers
from trafficcop.telemetry import log
from trafficcop.worker.main import Seat, Worker

logger = logging.getLogger(__name__)


def run(launch: Launch, sockets: Sockets, directory: Path) -> int:
    """Serve until a signal says otherwise. The exit code of the program."""
    log.start_rotating()
    if os.getpid() == 1:
        disown_children()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(launch, sockets, directory))
    logger.info("Stopped")
    return 0


def disown_children() -> None:
    """Have the kernel bury them: as process 1 of a container we are given the orphans of others, and have none of ours.

    The event loop takes no handler for this signal.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)


async def _serve(launch: Launch, sockets: Sockets, directory: Path) -> None:
    notifier = Notifier(launch.environ)
    servers = ServerTable(1)
    control = Control(launch, directory, _nobody, servers)
    loop = asyncio.get_running_loop()

    def serving() -> None:
        notifier.ready()
        logger.info("Serving in one process")

    store = LocalStore(SharedServers(servers, 0))
    worker = Worker(Seat(launch.static, 0, directory, sockets.of_worker[0], serving, store))

    def stop() -> None:
        logger.info(drain_notice(launch.static))
        notifier.stopping()
        worker.stop()

    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop)
    loop.add_signal_handler(signal.SIGUSR1, worker.reopen_logs)
    loop.add_signal_handler(signal.SIGHUP, control.reload)
    controlling = asyncio.create_task(control.serve())
    working = asyncio.create_task(worker.serve())
    await asyncio.wait({controlling, working}, return_when=asyncio.FIRST_COMPLETED)
    # Whichever ended first: a worker that was told to, or a role that failed, whose error is raised here.
    worker.stop()
    await working
    control.stop()
    await controlling


def _nobody() -> None:
    """There is no supervisor to report to."""
