"""Whether this worker can still open files: when it cannot, the event loop turns connections away without a word."""

from __future__ import annotations

import os
import resource
from time import monotonic

from trafficcop.telemetry.log import get_logger
from trafficcop.telemetry.seldom import Seldom

_LOOK_SECONDS = 1.0


class SpareDescriptor:
    """One that is opened and closed again, once a second; the log says when there is none."""

    __slots__ = ("_seldom", "deadline")

    def __init__(self) -> None:
        self._seldom = Seldom(get_logger(__name__))
        self.deadline = 0.0

    def on_deadline(self) -> None:
        self.deadline = monotonic() + _LOOK_SECONDS
        try:
            os.close(os.dup(2))
        except OSError as error:
            limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
            self._seldom.warn(
                "cannot open more files (%s; this process may have %d): connections are turned away",
                error.strerror,
                limit,
            )
