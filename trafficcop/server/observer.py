"""Who is told of each request by the pipeline: the access log and the metrics, and nobody if neither is kept."""

from __future__ import annotations

from typing import Any, Protocol

from trafficcop.http.messages import Request, Response


class Observer(Protocol):
    """Sees every request of an entry point twice, and keeps what it likes in between.

    `is_waiting`: it wants to be told besides when a request was admitted.
    """

    is_waiting: bool

    def begin(self, request: Request) -> Any:
        """A request as it came. What is returned is handed back below."""

    def admitted(self, record: Any) -> None:
        """From here on the request is as routers see it: its path clean, and nothing in it a stranger must not say."""

    def end(self, record: Any, response: Response | None, size: int, is_whole: bool) -> None:
        """The exchange is over; None: without an answer. `is_whole`: the answer was all here when it was sent."""


class Observers:
    """Several as one."""

    __slots__ = ("_observers", "is_waiting")

    def __init__(self, observers: tuple[Observer, ...]) -> None:
        self._observers = observers
        self.is_waiting = any(observer.is_waiting for observer in observers)

    def begin(self, request: Request) -> Any:
        return [observer.begin(request) for observer in self._observers]

    def admitted(self, record: Any) -> None:
        for observer, own in zip(self._observers, record, strict=True):
            observer.admitted(own)

    def end(self, record: Any, response: Response | None, size: int, is_whole: bool) -> None:
        for observer, own in zip(self._observers, record, strict=True):
            observer.end(own, response, size, is_whole)
