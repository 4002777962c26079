"""Requests at a steady pace, whatever becomes of those before them: what a site sees when its servers fail."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from typing import Any

from benches.load import FIELDS, Wanted

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_TICK = 0.005
PATIENCE = 10.0


class Pace:
    """Asks so many times a second, on connections that are free or new. `outcomes`: by status, or by what went wrong.

    `lag`: the longest that the loop did not come round; whoever measures here is slow himself then.
    """

    def __init__(self, port: int, per_second: float, wanted: Wanted) -> None:
        fields = "".join(f"{name}: {value}\r\n" for name, value in {"Host": wanted.host, **FIELDS}.items())
        self.request = f"GET {wanted.path} HTTP/1.1\r\n{fields}\r\n".encode()
        self.outcomes: Counter[str] = Counter()
        self.seconds: list[float] = []
        self.lag = 0.0
        self.idle: list[Client] = []
        self.open: set[Client] = set()
        self._port = port
        self._per_second = per_second

    async def ask_for(self, seconds: float) -> None:
        """Keep the pace for so long."""
        loop = asyncio.get_running_loop()
        start, asked = loop.time(), 0
        before = start
        while (now := loop.time()) < start + seconds:
            self.lag, before = max(self.lag, now - before), now
            due = int((now - start) * self._per_second)
            for _ in range(due - asked):
                self._ask()
            asked = due
            await asyncio.sleep(_TICK)

    async def end(self) -> None:
        """Wait for the last answers, and leave."""
        for _ in range(int(PATIENCE / _TICK)):
            if len(self.idle) == len(self.open):
                break
            await asyncio.sleep(_TICK)
        for client in list(self.open):
            client.leave()

    def take(self) -> tuple[Counter[str], list[float]]:
        """What became of requests since the last time."""
        outcomes, self.outcomes = self.outcomes, Counter()
        seconds, self.seconds = self.seconds, []
        return outcomes, seconds

    def _ask(self) -> None:
        if self.idle:
            self.idle.pop().ask()
            return
        client = Client(self)
        self.open.add(client)
        task = asyncio.get_running_loop().create_task(self._connect(client))
        client.connecting = task

    async def _connect(self, client: Client) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: client, "127.0.0.1", self._port)
        except OSError as error:
            self.open.discard(client)
            self.outcomes[type(error).__name__] += 1


class Client(asyncio.Protocol):
    """One connection of a client, with one request at a time."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._data = b""
        self._asked = asyncio.get_running_loop().time()
        self._is_waiting = True
        self.connecting: asyncio.Task[None] | None = None
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(self._pace.request)

    def ask(self) -> None:
        self._asked = asyncio.get_running_loop().time()
        self._is_waiting = True
        self._transport.write(self._pace.request)

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, end, body = self._data.partition(b"\r\n\r\n")
        length = _LENGTH.search(head + b"\r\n")
        if not end or length is None or len(body) < int(length[1]):
            return
        self._data = b""
        self._is_waiting = False
        self._pace.outcomes[head[9:12].decode()] += 1
        self._pace.seconds.append(asyncio.get_running_loop().time() - self._asked)
        self._pace.idle.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._pace.open.discard(self)
        if self in self._pace.idle:
            self._pace.idle.remove(self)
        if self._is_waiting:
            self._is_waiting = False
            self._pace.outcomes["no answer"] += 1

    def leave(self) -> None:
        if self._is_waiting:
            self._is_waiting = False
            self._pace.outcomes["no answer in time"] += 1
        if self._transport is not None:
            self._transport.abort()
