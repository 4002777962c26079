"""UDP services: which server a new session gets, by weighted turns or by the client's address."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from typing import Final, Protocol

from trafficcop.http.datagrams import DatagramServer, Source, Way


class Choosable(Protocol):
    """A server of a service, or a service of a weighted one."""

    @property
    def name(self) -> str: ...

    def is_up(self) -> bool: ...

    def is_rested(self, now: float) -> bool:
        """Up, and nothing has refused a datagram of late."""

    def has(self, address: str) -> bool: ...

    def __call__(self, source: Source) -> Way | None: ...


class ServerOfService:
    """A server with what this service knows of its health."""

    __slots__ = ("_server", "_service", "is_healthy", "name")

    def __init__(self, service: str, server: DatagramServer) -> None:
        self.name = server.address
        self.is_healthy = True
        self._service = service
        self._server = server

    def is_up(self) -> bool:
        return self.is_healthy

    def is_rested(self, now: float) -> bool:
        return self.is_healthy and self._server.rests_until <= now

    def has(self, address: str) -> bool:
        return self.name == address

    def __call__(self, source: Source) -> Way:
        return Way(self._service, self._server)


class Share:
    """Something to choose, with its weight. `turn` is the account of the weighted turns."""

    __slots__ = ("choice", "turn", "weight")

    def __init__(self, weight: int, choice: Choosable) -> None:
        self.weight = weight
        self.choice = choice
        self.turn = 0


Strategy = Callable[[Sequence[Share], Source], Share]


def by_turns(shares: Sequence[Share], source: Source) -> Share:
    """Smooth weighted turns: everybody is paid their weight, the richest is chosen and pays for all."""
    total = 0
    chosen = shares[0]
    for share in shares:
        share.turn += share.weight
        total += share.weight
        if share.turn > chosen.turn:
            chosen = share
    chosen.turn -= total
    return chosen


def by_source(shares: Sequence[Share], source: Source) -> Share:
    """Highest random weight: the same client has the same server, and few move when servers come and go."""
    client = source.ip.encode()
    return max(shares, key=lambda share: _score(share.choice.name.encode(), client, share.weight))


def _score(name: bytes, client: bytes, weight: int) -> float:
    digest = blake2b(name + b"\0" + client, digest_size=8).digest()
    return -weight / math.log((int.from_bytes(digest, "big") + 1) / (2.0**64 + 2))


STRATEGIES: Final[dict[str, Strategy]] = {"": by_turns, "wrr": by_turns, "hrw": by_source, "consistentHash": by_source}


class UDPBalancer:
    """A service, of servers or of services. A server that refuses is passed over while another does not."""

    __slots__ = ("_choose", "_shares", "name")

    def __init__(self, name: str, shares: Sequence[Share], strategy: str = "") -> None:
        self.name = name
        self._shares = [share for share in shares if share.weight > 0]
        self._choose = STRATEGIES[strategy]
        # Workers should not all send their first session to the same server.
        random.shuffle(self._shares)

    def set_down(self, urls: Iterable[str]) -> None:
        """The servers with these addresses are down, all others are up."""
        down = frozenset(urls)
        for share in self._shares:
            if isinstance(share.choice, ServerOfService):
                share.choice.is_healthy = share.choice.name not in down

    def is_up(self) -> bool:
        return any(share.choice.is_up() for share in self._shares)

    def is_rested(self, now: float) -> bool:
        return any(share.choice.is_rested(now) for share in self._shares)

    def has(self, address: str) -> bool:
        return any(share.choice.has(address) for share in self._shares)

    def __call__(self, source: Source) -> Way | None:
        shares = [share for share in self._shares if share.choice.is_rested(source.now)]
        if not shares:
            shares = [share for share in self._shares if share.choice.is_up()]
        if not shares:
            return None
        if source.wanted:
            for share in shares:
                if share.choice.has(source.wanted):
                    return share.choice(source)
        return self._choose(shares, source).choice(source)
