"""TCP services: connections are shared out in turns, by weight, among those that are up."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

from trafficcop.http.streams import ClientStream, StreamHandler
from trafficcop.tcp.server import Server
from trafficcop.telemetry.log import get_logger

_log = get_logger(__name__)

T = TypeVar("T")


class Member(Generic[T]):
    """One that takes its share of the connections."""

    __slots__ = ("is_up", "name", "target", "weight")

    def __init__(self, name: str, weight: int, target: T) -> None:
        self.name = name
        self.weight = weight
        self.target = target
        self.is_up = True


class Rotation(Generic[T]):
    """Interleaved turns by weight (Traefik `pkg/tcp/wrr_load_balancer.go`), among the members that are up.

    `watchers` are told when the last member goes down and when the first comes back.
    """

    __slots__ = ("_current", "_index", "_members", "_ready", "_step", "watchers")

    def __init__(self, members: Sequence[Member[T]], chance: random.Random | None = None) -> None:
        self._members = list(members)
        (chance or random.Random()).shuffle(self._members)  # noqa: S311 -- turns, not secrets
        self.watchers: list[Callable[[bool], None]] = []
        self._ready: list[Member[T]] = []
        self._refresh()

    def _refresh(self) -> None:
        self._ready = [member for member in self._members if member.is_up and member.weight > 0]
        self._step = math.gcd(*(member.weight for member in self._ready))
        self._index = -1
        self._current = 0

    @property
    def is_up(self) -> bool:
        return any(member.is_up for member in self._members)

    def __len__(self) -> int:
        return len(self._ready)

    def set_down(self, names: Iterable[str]) -> None:
        """These are down, all others are up."""
        was_up, down = self.is_up, frozenset(names)
        for member in self._members:
            member.is_up = member.name not in down
        self._tell(was_up)

    def set_up(self, name: str, is_up: bool) -> None:
        """One goes up or down."""
        was_up = self.is_up
        for member in self._members:
            if member.name == name:
                member.is_up = is_up
        self._tell(was_up)

    def _tell(self, was_up: bool) -> None:
        self._refresh()
        is_up = self.is_up
        if is_up != was_up:
            for watcher in self.watchers:
                watcher(is_up)

    def choose(self) -> T | None:
        """Whose turn it is; None: all are down, or have no weight."""
        ready = self._ready
        if len(ready) < 2:
            return ready[0].target if ready else None
        while True:
            self._index = (self._index + 1) % len(ready)
            if self._index == 0:
                self._current -= self._step
                if self._current <= 0:
                    self._current = max(member.weight for member in ready)
            member = ready[self._index]
            if member.weight >= self._current:
                return member.target


class LoadBalancer:
    """A service with servers. One that cannot be reached is passed over: nothing was sent to it yet."""

    __slots__ = ("rotation",)

    def __init__(self, rotation: Rotation[Server]) -> None:
        self.rotation = rotation

    def __call__(self, stream: ClientStream) -> None:
        server = self.rotation.choose()
        if server is None:
            stream.refuse()
        else:
            server.serve(stream, self)

    def set_down(self, urls: Iterable[str]) -> None:
        self.rotation.set_down(urls)

    def another(self, server: Server, tried: int) -> Server | None:
        """The next one in turn that is reached in the same way."""
        size = len(self.rotation)
        if tried >= size:
            return None
        for _ in range(2 * size):
            other = self.rotation.choose()
            if other is not None and other is not server and (other.direct is None) == (server.direct is None):
                return other
        return None


class Weighted:
    """A service made of services."""

    __slots__ = ("rotation",)

    def __init__(self, rotation: Rotation[StreamHandler]) -> None:
        self.rotation = rotation

    def __call__(self, stream: ClientStream) -> None:
        handler = self.rotation.choose()
        if handler is None:
            stream.refuse()
        else:
            handler(stream)


class Follower:
    """Carries the health of a child to its parent."""

    __slots__ = ("_child", "_parent")

    def __init__(self, parent: Rotation[StreamHandler], child: str) -> None:
        self._parent = parent
        self._child = child

    def __call__(self, is_up: bool) -> None:
        self._parent.set_up(self._child, is_up)
