"""Exporters that push: StatsD, Datadog and InfluxDB are told every few seconds what has happened."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping

from trafficcop.config.lazy import dataclass
from trafficcop.config.observability import Datadog, InfluxDB2, Metrics, StatsD
from trafficcop.control.figures.push_ways import DEFAULT_PORT, post, send_datagrams, send_local, write_url
from trafficcop.telemetry.influxdb import influxdb_lines
from trafficcop.telemetry.log import fields
from trafficcop.telemetry.metrics import Counting, levels_of
from trafficcop.telemetry.points import Increments, Point
from trafficcop.telemetry.snapshot import Snapshot
from trafficcop.telemetry.statsd import datadog_lines, packets, statsd_lines

logger = logging.getLogger(__name__)
_LEAST_SECONDS = 0.1
# All workers have come back to a control process that was started again.
_SETTLING_SECONDS = 3.0
_LOCAL = f"localhost:{DEFAULT_PORT}"

Push = Callable[[list[Point]], None]  # on a thread of its own; OSError or ValueError when nobody takes it
Read = Callable[[], Awaitable[Snapshot]]


@dataclass(frozen=True, slots=True)
class Pusher:
    """One exporter: its name in logs, how often it pushes, and what it says."""

    name: str
    interval: float
    levels: tuple[str, ...]
    push: Push

    async def run(self, read: Read, bounds: tuple[float, ...], *, is_new: bool) -> None:
        """Push for ever. `is_new`: nobody has told anything of this instance yet."""
        increments = Increments(self.levels, bounds)
        is_failing = False
        if not is_new:
            await asyncio.sleep(_SETTLING_SECONDS)
            increments.begin_at(await read())
        while True:
            await asyncio.sleep(max(self.interval, _LEAST_SECONDS))
            snapshot = await read()
            error = await _on_thread(self.push, increments.points(snapshot), self.name)
            if error is None:
                increments.note_told()
            elif not is_failing:  # once, however long it lasts
                logger.error("cannot push metrics", extra=fields(metricsProviderName=self.name, error=str(error)))
            is_failing = error is not None


async def _on_thread(push: Push, points: list[Point], name: str) -> Exception | None:
    """Not on one of the event loop's own threads: those are waited for when it ends, and a peer may take its time."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Exception | None] = loop.create_future()

    def settle(error: Exception | None) -> None:
        if not done.done():
            done.set_result(error)

    def run() -> None:
        outcome: Exception | None = None
        try:
            push(points)
        except Exception as error:
            outcome = error
        with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
            loop.call_soon_threadsafe(settle, outcome)

    threading.Thread(target=run, name=f"push-{name}", daemon=True).start()
    outcome = await done
    if outcome is not None and not isinstance(outcome, (OSError, ValueError)):
        raise outcome
    return outcome


def pushers_of(metrics: Metrics, environ: Mapping[str, str]) -> list[Pusher]:
    """Those that are configured."""
    found = []
    if metrics.statsd is not None:
        found.append(_statsd(metrics.statsd))
    if metrics.datadog is not None:
        found.append(_datadog(metrics.datadog, environ))
    if (influxdb := metrics.influxdb2) is not None:
        if influxdb.token and influxdb.org and influxdb.bucket:
            found.append(_influxdb(influxdb))
        else:
            logger.error("token, org or bucket is missing", extra=fields(metricsProviderName="influxdb2"))
    return found


def start_all(pushers: Iterable[Pusher], read: Read, counting: Counting, *, is_new: bool) -> list[asyncio.Task[None]]:
    """A task for each exporter. `is_new`: no process before this one has told them anything."""
    return [
        asyncio.create_task(pusher.run(read, counting.bounds, is_new=is_new), name=pusher.name) for pusher in pushers
    ]


def _statsd(options: StatsD) -> Pusher:
    address = options.address or _LOCAL

    def push(points: list[Point]) -> None:
        send_datagrams(address, packets(statsd_lines(points, options.prefix)))

    return Pusher("statsd", options.push_interval.seconds, levels_of(options), push)


def _datadog(options: Datadog, environ: Mapping[str, str]) -> Pusher:
    address = options.address
    if address in ("", _LOCAL):  # where Datadog's own clients look for their agent
        host, port = environ.get("DD_AGENT_HOST", "localhost"), environ.get("DD_DOGSTATSD_PORT", str(DEFAULT_PORT))
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    scheme, _, path = address.partition("://")
    is_local = scheme in ("unix", "unixgram", "unixstream")

    def push(points: list[Point]) -> None:
        data = packets(datadog_lines(points, options.prefix))
        if is_local:
            send_local(path, data, scheme)
        else:
            send_datagrams(address, data)

    return Pusher("datadog", options.push_interval.seconds, levels_of(options), push)


def _influxdb(options: InfluxDB2) -> Pusher:
    url = write_url(options.address, options.org, options.bucket)

    def push(points: list[Point]) -> None:
        token = options.token.read().decode().strip()
        post(url, token, influxdb_lines(points, options.additional_labels))

    return Pusher("influxdb2", options.push_interval.seconds, levels_of(options), push)
