"""A worker's end of the channel to control: reads its messages, and comes back when control was restarted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from trafficcop.plan import frames
from trafficcop.plan.messages import Ack, Counts, Health, Hello, Nack, PlanPart, ReadCounts, Staple, ToWorker
from trafficcop.plan.profile import Profile, TakeProfile

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 0.05
_RETRY_LIMIT_SECONDS = 1.0


class Lost:
    """Control is gone: what it has not finished saying will not be finished."""


LOST = Lost()


class Channel:
    """Messages of control, for ever. `hello` is asked at each connection, for it tells the plan in force."""

    def __init__(self, path: Path, hello: Callable[[], Hello]) -> None:
        self._path = path
        self._hello = hello
        self._writer: asyncio.StreamWriter | None = None

    async def messages(self) -> AsyncIterator[ToWorker | Lost]:
        """Control's messages, and `LOST` whenever the connection to it broke."""
        while True:
            reader = await self._connect()
            try:
                async for message in self._received(reader):
                    yield message
            finally:
                self.close()
            yield LOST

    async def _received(self, reader: asyncio.StreamReader) -> AsyncIterator[ToWorker]:
        try:
            while True:
                message = await frames.read(reader)
                if isinstance(message, PlanPart | Health | Staple | ReadCounts | TakeProfile):
                    yield message
                else:
                    raise frames.BrokenFrame(f"control sent {type(message).__name__}")
        except (ConnectionError, asyncio.IncompleteReadError):
            logger.debug("The control process has left the channel")
        except frames.BrokenFrame as error:
            logger.error("The channel to the control process is broken: %s", error)

    def send(self, message: Ack | Nack | Counts | Profile) -> None:
        """Tell control; it learns the same from our next Hello when it is gone just now."""
        if self._writer is not None:
            self._writer.write(frames.encode(message))

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    async def _connect(self) -> asyncio.StreamReader:
        delay = _RETRY_SECONDS
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(str(self._path))
            except OSError:  # not there yet, or being restarted by the supervisor
                await asyncio.sleep(delay)
                delay = min(2 * delay, _RETRY_LIMIT_SECONDS)
                continue
            if not frames.is_ours(writer.get_extra_info("socket")):
                writer.close()
                raise PermissionError(f"{self._path} belongs to a process of another user")
            writer.write(frames.encode(self._hello()))
            self._writer = writer
            return reader
