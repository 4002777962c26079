"""What providers say → what is compiled: hears all of them and publishes one set of configurations at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

from trafficcop.config.dynamic import DynamicConfiguration
from trafficcop.config.static import StaticConfiguration
from trafficcop.control.schedule import Schedule
from trafficcop.errors import Issue
from trafficcop.providers.message import Message

Publish = Callable[[Mapping[str, DynamicConfiguration], Mapping[str, Sequence[Issue]]], None]

_PATIENCE_SECONDS = 5.0  # for the first word of the provider that must speak first


class Watcher:
    """Calls `publish` with the configurations and the Issues of all providers, by provider, whenever they changed.

    `required`: the provider that must have spoken before anything is published; the file provider, when there is one,
    so that the first plan already has its routes (`pkg/server/configurationwatcher.go`).
    """

    def __init__(
        self,
        static: StaticConfiguration,
        publish: Publish,
        *,
        required: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        file = static.providers.file
        if required is None:
            required = "file" if file is not None and (file.filename or file.directory) else ""
        self._publish = publish
        self._clock = clock
        throttle = static.providers.providers_throttle_duration.seconds
        self._schedule = Schedule(throttle, required=required, patience=_PATIENCE_SECONDS, start=clock())
        self._heard = asyncio.Event()

    def accept(self, message: Message) -> None:
        self._schedule.offer(message, self._clock())
        self._heard.set()

    def step(self) -> float | None:
        """Publish what is due; the seconds until something else will be, None for ever."""
        now = self._clock()
        if self._schedule.is_due(now):
            self._publish(*self._schedule.take(now))
        return self._schedule.seconds_left(self._clock())

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            self._heard.clear()
            seconds = self.step()
            try:
                await asyncio.wait_for(self._heard.wait(), seconds)
            except TimeoutError:
                continue
