"""Coroutines driven by hand: a request suspends and resumes without a task, a future or a turn of the event loop.

An asyncio task costs 5 µs to make and 2 µs for each suspension; `Drive` steps a coroutine directly from the callback
that brings what it waits for. What it may await: a `Wakeup`, or any asyncio future (so also a task, a queue, a sleep).
What needs `asyncio.current_task()` (`asyncio.timeout`, most client libraries) goes through `in_task`.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")


class Wakeup:
    """One event for one waiter. Awaited by a `Drive`, or by a task (it speaks asyncio's future protocol)."""

    _asyncio_future_blocking: bool = False
    _is_set: bool = False
    _drive: Drive | None = None
    _callback: Callable[[Any], object] | None = None
    _context: contextvars.Context | None = None
    _loop: asyncio.AbstractEventLoop | None = None

    def set(self) -> None:
        """Resume the waiter now, inside this call; nothing happens the second time."""
        if self._is_set:
            return
        self._is_set = True
        drive, self._drive = self._drive, None
        if drive is not None:
            drive.advance(None)
        elif self._callback is not None:
            asyncio.get_running_loop().call_soon(self._callback, self, context=self._context)

    def is_set(self) -> bool:
        return self._is_set

    def __await__(self) -> Generator[Any, None, None]:
        if not self._is_set:
            self._asyncio_future_blocking = True
            yield self

    # === asyncio's future protocol, used when a task awaits us ===

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    def add_done_callback(
        self, callback: Callable[[Any], object], *, context: contextvars.Context | None = None
    ) -> None:
        self._callback, self._context = callback, context
        self._loop = loop = asyncio.get_running_loop()
        if self._is_set:
            loop.call_soon(callback, self, context=context)

    def cancel(self, msg: object = None) -> bool:
        """A cancelled task is woken and finds its cancellation pending. The loop need not be running just now."""
        callback, self._callback = self._callback, None
        if callback is not None and self._loop is not None and not self._is_set:
            self._loop.call_soon(callback, self, context=self._context)
        return False

    def cancelled(self) -> bool:
        return False

    def done(self) -> bool:
        return self._is_set

    def result(self) -> None:
        return None

    def exception(self) -> None:
        return None


class _Turn:
    """One turn of the event loop, which is what a bare `yield` waits for."""

    def remove_done_callback(self, callback: object) -> int:
        return 0


def _nobody(error: BaseException | None) -> None:
    """Who is told when nobody is there any more."""


class Drive:
    """Steps one coroutine after the other; `on_done(error)` is told how each of them ended."""

    _coroutine: Coroutine[Any, Any, Any] | None = None
    _wakeup: Wakeup | None = None
    _future: asyncio.Future[Any] | _Turn | None = None
    _is_running: bool = False
    _pending_error: BaseException | None = None

    def __init__(self, on_done: Callable[[BaseException | None], None]) -> None:
        self._on_done: Callable[[BaseException | None], None] = on_done

    @property
    def is_idle(self) -> bool:
        return self._coroutine is None

    def let_go(self) -> None:
        """Nothing is started any more. Whoever is told holds us, too: without a circle both are freed at once."""
        self._on_done = _nobody

    def start(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Run a coroutine to its first suspension; the one before must have ended."""
        self._coroutine = coroutine
        self.advance(None)

    def throw(self, error: BaseException) -> None:
        """Raise `error` where the coroutine waits (or as soon as it waits next); nothing if it has ended."""
        if self._coroutine is None:
            return
        if self._is_running:
            self._pending_error = error
            return
        if self._wakeup is not None:
            self._wakeup._drive = None
        if self._future is not None:
            self._future.remove_done_callback(self._resume)
        self.advance(error)

    def advance(self, error: BaseException | None) -> None:
        """Run the coroutine from where it waits to its next suspension or its end."""
        coroutine = self._coroutine
        if coroutine is None or self._is_running:
            return
        self._is_running = True
        self._wakeup = None
        self._future = None
        try:
            awaited = coroutine.send(None) if error is None else coroutine.throw(error)
        except StopIteration:
            failure = None
        except BaseException as raised:
            failure = raised
        else:
            self._is_running = False
            self._wait_for(awaited)
            return
        self._coroutine = None
        self._is_running = False
        self._pending_error = None
        self._on_done(failure)
        if isinstance(failure, (KeyboardInterrupt, SystemExit)):
            raise failure

    def _wait_for(self, awaited: Any) -> None:
        if self._pending_error is not None:
            error, self._pending_error = self._pending_error, None
            self.advance(error)
        elif isinstance(awaited, Wakeup):
            if awaited._is_set:
                self.advance(None)
            else:
                awaited._drive = self
                self._wakeup = awaited
        elif awaited is None:
            self._future = turn = _Turn()  # asyncio.sleep(0)
            asyncio.get_running_loop().call_soon(self._resume, turn)
        else:
            awaited._asyncio_future_blocking = False
            self._future = awaited
            awaited.add_done_callback(self._resume)

    def _resume(self, future: object) -> None:
        # One that had been scheduled before `throw` came no longer counts.
        if future is self._future:
            self.advance(None)


async def in_task(coroutine: Coroutine[Any, Any, T]) -> T:
    """Await something that needs `asyncio.current_task()`; it is cancelled when the waiter gives up."""
    task = asyncio.get_running_loop().create_task(coroutine)
    try:
        return await task
    except BaseException:
        task.cancel()
        raise
