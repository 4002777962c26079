"""The addresses behind the host names of servers: looked up again and again, since answers change without a sign.

Every address is used in turn. A name that stops resolving keeps the addresses it had.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final

from trafficcop.http.deadlines import NEVER, Deadlines
from trafficcop.telemetry.log import get_logger

_log = get_logger(__name__)

Watcher = Callable[[frozenset[str]], None]
Resolve = Callable[[str], Awaitable[list[str]]]

FRESH_SECONDS = 5.0  # a dial believes an answer for so long
REFRESH_SECONDS: Final = 10.0  # names with connections are looked up so often, even if nobody dials
PATIENCE_SECONDS = 1.0  # a dial that knows addresses waits no longer for new ones
BLAME_SECONDS: Final = 10.0  # an address that refused is tried last for so long


class _Name:
    """One host name: what it resolved to, and whose turn it is."""

    __slots__ = ("addresses", "blamed", "error", "looked_up", "lookup", "turn", "watchers")

    def __init__(self) -> None:
        self.addresses: tuple[str, ...] = ()
        self.blamed: dict[str, float] = {}
        self.error = "no address"
        self.looked_up = -NEVER
        self.lookup: asyncio.Task[None] | None = None
        self.turn = 0
        self.watchers: set[Watcher] = set()


class Names:
    """Every name that servers of this worker have."""

    __slots__ = ("_deadlines", "_names", "_resolver", "deadline")

    def __init__(self, deadlines: Deadlines, resolver: Resolve | None = None) -> None:
        self._resolver = resolver or look_up
        self._deadlines = deadlines
        self._names: dict[str, _Name] = {}
        self.deadline = NEVER

    async def addresses(self, host: str) -> list[str]:
        """The addresses to try, in order. OSError when there are none."""
        if is_address(host):
            return [host]
        name = self._names.get(host)
        if name is None:
            name = self._names[host] = _Name()
        if monotonic() - name.looked_up >= FRESH_SECONDS:
            await self._wait_for(host, name)
        if not name.addresses:
            raise OSError(name.error)
        return _in_turn(name)

    async def _wait_for(self, host: str, name: _Name) -> None:
        lookup = self._look_up(host, name)
        if not name.addresses:
            await asyncio.shield(lookup)
            return
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await asyncio.shield(lookup)
        except TimeoutError:
            return

    def blame(self, host: str, address: str) -> None:
        """The address could not be connected to: others come first for a while."""
        name = self._names.get(host)
        if name is not None:
            name.blamed[address] = monotonic() + BLAME_SECONDS

    def watch(self, host: str, watcher: Watcher) -> None:
        """Keep a name up to date, and tell `watcher` all its addresses when they have changed."""
        if is_address(host):
            return
        self._names.setdefault(host, _Name()).watchers.add(watcher)
        if self.deadline == NEVER:
            self.deadline = monotonic() + REFRESH_SECONDS
            self._deadlines.members.add(self)

    def unwatch(self, host: str, watcher: Watcher) -> None:
        name = self._names.get(host)
        if name is not None:
            name.watchers.discard(watcher)

    def on_deadline(self) -> None:
        watched = [(host, name) for host, name in self._names.items() if name.watchers]
        for host, name in watched:
            self._look_up(host, name)
        if watched:
            self.deadline = monotonic() + REFRESH_SECONDS
        else:
            self.deadline = NEVER
            self._deadlines.members.discard(self)

    def close(self) -> None:
        self._deadlines.members.discard(self)
        for name in self._names.values():
            if name.lookup is not None:
                name.lookup.cancel()
        self._names.clear()

    def _look_up(self, host: str, name: _Name) -> asyncio.Task[None]:
        if name.lookup is None:
            name.lookup = asyncio.get_running_loop().create_task(self._resolve(host, name))
        return name.lookup

    async def _resolve(self, host: str, name: _Name) -> None:
        try:
            answers = await self._resolver(host)
        except OSError as error:
            name.error = f"{host}: {error.strerror or error}"
            if not name.addresses:
                return
            _log.warning("%s does not resolve any more, its last addresses stay: %s", host, error.strerror or error)
            return
        finally:
            name.lookup = None
            name.looked_up = monotonic()
        found = tuple(dict.fromkeys(answers))
        if found and set(found) != set(name.addresses):
            had, name.addresses = name.addresses, found
            if had:
                _log.info("%s is at %s now, no longer at %s", host, ", ".join(found), ", ".join(had))
            for watcher in list(name.watchers):
                watcher(frozenset(found))


async def look_up(host: str) -> list[str]:
    """What the system's resolver knows: files, DNS, whatever `nsswitch.conf` says. OSError when it knows nothing."""
    try:
        answers = await asyncio.get_running_loop().getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a label that is empty, or of more than 63 bytes
        raise OSError(f"{host}: {error}") from None
    return [str(answer[4][0]) for answer in answers]


def _in_turn(name: _Name) -> list[str]:
    """Another first address for each dial; those that refused lately come last."""
    addresses = name.addresses
    start = name.turn % len(addresses)
    name.turn += 1
    order = [*addresses[start:], *addresses[:start]]
    if name.blamed:
        now = monotonic()
        name.blamed = {address: until for address, until in name.blamed.items() if until > now}
        order.sort(key=name.blamed.__contains__)
    return order


def is_address(host: str) -> bool:
    """Whether a host is an IP address, which needs no looking up."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
