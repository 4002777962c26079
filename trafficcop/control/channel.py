"""Control's end of the channel to the workers: pushes the newest plan to each, and knows what each one serves."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from trafficcop.config.lazy import dataclass
from trafficcop.plan import frames
from trafficcop.plan.messages import Ack, Counts, Health, Hello, Nack, PlanPart, ReadCounts, Staple, ToControl
from trafficcop.plan.model import Plan
from trafficcop.plan.profile import Profile, TakeProfile

logger = logging.getLogger(__name__)
T = TypeVar("T")

# Less than a millisecond of pickling here and of unpickling there: nobody has to wait longer for a part.
_OBJECTS_PER_PART = 50


@dataclass(frozen=True, slots=True)
class WorkerState:
    """What is known of one worker. `refused`: why it keeps an older plan than the newest, if it does."""

    index: int
    pid: int
    version: int
    refused: str = ""


class CountsListener(Protocol):
    """Who wants to know what workers have counted."""

    def begin(self, worker: int, pid: int) -> None:
        """A worker has come; it has told nothing yet."""

    def take(self, counts: Counts) -> None: ...

    def leave(self, worker: int, pid: int) -> None: ...


class Channel:
    """Serves any number of workers on one Unix socket. `on_change` is called when a worker's state has changed,
    `on_health` with what a worker that comes from an earlier control process holds to be down."""

    counts: CountsListener | None = None
    on_profile: Callable[[Profile], None] | None = None

    def __init__(
        self, path: Path, on_change: Callable[[], None], on_health: Callable[[Health], None] | None = None
    ) -> None:
        self.workers: dict[int, WorkerState] = {}
        self._path = path
        self._on_change = on_change
        self._on_health = on_health
        self._outbox = _Outbox()
        self.staples: dict[str, Staple] = {}  # by certificate; they outlive a plan
        self._sessions: set[_Session] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        # A control process that was killed leaves its socket behind: it is ours to replace.
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._accept, str(self._path))

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for session in self._sessions:
            session.close()
        await asyncio.gather(*self._serving)

    def push(self, plan: Plan) -> None:
        """Make this the plan of every worker, in place of whatever is still under way to them."""
        self._outbox = _Outbox(plan)
        self._wake()

    def push_health(self, health: Health) -> None:
        """Say which servers of a service are down, now and to every worker to come."""
        self._outbox.health[health.key] = health
        self._wake()

    def push_staple(self, staple: Staple) -> None:
        """Tell every worker, and those to come, what is known of a certificate."""
        self.staples[staple.certificate] = staple
        self._wake()

    def ask(self, question: ReadCounts | TakeProfile) -> frozenset[int]:
        """Ask all workers at once, whatever else is under way to them; which ones."""
        frame = frames.encode(question)
        return frozenset(session.worker for session in self._sessions if session.ask(frame))

    def _wake(self) -> None:
        for session in self._sessions:
            session.news.set()

    def outbox(self) -> _Outbox:
        return self._outbox

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(serving)
        serving.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sock = writer.get_extra_info("socket")
        if not frames.is_ours(sock):
            logger.error("Refused a process of another user on the channel of the workers")
            writer.close()
            return
        session = _Session(self, reader, writer)
        self._sessions.add(session)
        try:
            await session.serve()
        except (ConnectionError, asyncio.IncompleteReadError):
            logger.debug("A worker has left the channel")
        except frames.BrokenFrame as error:
            logger.error("The channel to a worker is broken: %s", error)
        finally:
            self._sessions.discard(session)
            writer.close()
            self._forget(session.pid)

    def _forget(self, pid: int) -> None:
        # By pid: the worker that takes the same place may have said Hello before this end was noticed.
        for index, state in list(self.workers.items()):
            if state.pid == pid:
                del self.workers[index]
                if self.counts is not None:
                    self.counts.leave(index, pid)
                self._on_change()

    def learn(self, message: ToControl) -> None:
        """Take note of what a worker says about itself."""
        state = self.workers.get(message.worker)
        if isinstance(message, Counts):
            if state is not None and self.counts is not None:
                self.counts.take(message)
            return
        if isinstance(message, Profile):
            if self.on_profile is not None:
                self.on_profile(message)
            return
        if isinstance(message, Hello):
            self._welcome(message)
        elif state is None:
            return
        elif isinstance(message, Ack):
            self.workers[message.worker] = replace(state, version=message.version, refused="")
        else:
            self.workers[message.worker] = replace(state, version=message.version_in_force, refused=message.reason)
            logger.error(
                "Worker %d refused configuration %d and keeps %d: %s",
                message.worker,
                message.version,
                message.version_in_force,
                message.reason,
            )
        self._on_change()

    def _welcome(self, message: Hello) -> None:
        """A worker that has come, or come back: it may know who was down before this process began."""
        if self.counts is not None:
            self.counts.begin(message.worker, message.pid)
        self.workers[message.worker] = WorkerState(message.worker, message.pid, message.version)
        if self._on_health is not None:
            for health in message.health:
                self._on_health(health)


class _Outbox:
    """One plan on its way to all workers: each part is pickled once, when the first worker is there to take it."""

    def __init__(self, plan: Plan | None = None) -> None:
        self.plan = plan
        self.health: dict[tuple[str, str], Health] = {}
        self._frames: list[bytes] = []
        self._parts = iter(()) if plan is None else parts_of(plan)

    def frame(self, index: int) -> bytes | None:
        """The part with this number, None after the last."""
        if index == len(self._frames):
            part = next(self._parts, None)
            if part is None:
                return None
            self._frames.append(frames.encode(part))
        return self._frames[index]


class _Session:
    """One connected worker."""

    def __init__(self, channel: Channel, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.news = asyncio.Event()
        self.pid = 0
        self.worker = -1
        self._channel = channel
        self._reader = reader
        self._writer = writer
        self._sent: _Outbox | None = None
        self._told: dict[tuple[str, str], Health] = {}
        self._stapled: dict[str, Staple] = {}

    async def serve(self) -> None:
        hello = await frames.read(self._reader)
        if not isinstance(hello, Hello):
            raise frames.BrokenFrame("the first message of a worker is not Hello")
        self.pid, self.worker = hello.pid, hello.worker
        self._channel.learn(hello)
        self.news.set()
        sending = asyncio.create_task(self._send())
        # A reader that fails ends the session; a writer that fails closes the connection, which fails the reader.
        try:
            await self._receive()
        finally:
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await sending

    def close(self) -> None:
        self._writer.close()

    def ask(self, frame: bytes) -> bool:
        """Whether there is a worker to be asked."""
        if not self.pid or self._writer.is_closing():
            return False
        self._writer.write(frame)
        return True

    async def _receive(self) -> None:
        while True:
            message = await frames.read(self._reader)
            if not isinstance(message, Hello | Ack | Nack | Counts | Profile):
                raise frames.BrokenFrame(f"a worker sent {type(message).__name__}")
            self._channel.learn(message)

    async def _send(self) -> None:
        while True:
            await self.news.wait()
            self.news.clear()
            outbox = self._channel.outbox()
            if outbox is not self._sent and not await self._send_plan(outbox):
                self.news.set()  # a newer plan came in the middle of this one
                continue
            self._send_health(outbox)
            self._send_staples()
            await self._writer.drain()

    def _send_staples(self) -> None:
        for key, staple in self._channel.staples.items():
            if self._stapled.get(key) is not staple:
                self._stapled[key] = staple
                self._writer.write(frames.encode(staple))

    def _send_health(self, outbox: _Outbox) -> None:
        for key, health in outbox.health.items():
            if self._told.get(key) is not health:
                self._told[key] = health
                self._writer.write(frames.encode(health))

    async def _send_plan(self, outbox: _Outbox) -> bool:
        """Send every part, giving way to the others in between; False when a newer plan made this one idle."""
        self._told = {}
        index = 0
        while (frame := outbox.frame(index)) is not None:
            if outbox.frame(index + 1) is None:
                # Before the part that puts the plan in force, which begins with what is known of its servers.
                self._send_health(outbox)
            self._writer.write(frame)
            await self._writer.drain()
            await asyncio.sleep(0)
            if self._channel.outbox() is not outbox:
                return False
            index += 1
        self._sent = outbox
        return True


# What others refer to comes first.
_STREAM_FIELDS = (
    "certificates",
    *("tcp_transports", "tcp_middlewares", "tcp_services", "tcp_routers"),
    *("udp_middlewares", "udp_services", "udp_routers"),
)


def parts_of(plan: Plan) -> Iterator[PlanPart]:
    """The plan in slices; what others refer to comes first, the routers last. A plan of nothing is one empty part."""
    version = plan.version
    for transports in _slices(list(plan.transports.items())):
        yield PlanPart(version, transports=dict(transports))
    for middlewares in _slices(list(plan.middlewares.values())):
        yield PlanPart(version, middlewares=tuple(middlewares))
    for services in _slices(list(plan.services.values())):
        yield PlanPart(version, services=tuple(services))
    for routers in _slices(plan.routers):
        yield PlanPart(version, routers=tuple(routers))
    for name in _STREAM_FIELDS:
        for objects in _slices(getattr(plan, name)):
            fields: dict[str, Any] = {name: tuple(objects)}
            yield PlanPart(version, **fields)
    yield PlanPart(version, tls=plan.tls, is_last=True)


def _slices(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), _OBJECTS_PER_PART):
        yield items[start : start + _OBJECTS_PER_PART]
