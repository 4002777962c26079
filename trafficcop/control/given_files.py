"""Files that a configuration names, certificates above all: when one changes, what was made of it is out of date."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from trafficcop.providers.listing import Places

if TYPE_CHECKING:
    from trafficcop.providers.watching import Watching

logger = logging.getLogger(__name__)


class GivenFiles:
    """Calls `changed` when one of the files has, and has come to rest."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._touched = asyncio.Event()
        self._watching: Watching | None = None

    def follow(self, files: Iterable[str]) -> None:
        """Watch these from now on."""
        places = Places()
        for path in files:
            places.trail(path)
        if self._watching is None:
            if not places.names:
                return
            from trafficcop.providers.watching import Watching  # most configurations name no files

            self._watching = Watching(self._touched.set)
        if not self._watching.is_following(places):
            for issue in self._watching.follow(places):
                logger.warning("%s", issue)

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await self._touched.wait()
                if self._watching is not None:
                    await self._watching.rest()
                self._touched.clear()
                self._changed()
        finally:
            if self._watching is not None:
                self._watching.close()
