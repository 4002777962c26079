"""A Response on its way: what a forwarder returns instead of a coroutine, so that the usual request needs none."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Generator
from typing import TYPE_CHECKING, Any, Protocol

from trafficcop.errors import Kind, ProxyError
from trafficcop.http.drive import Drive, Wakeup
from trafficcop.http.failure import failure_response
from trafficcop.http.messages import Request, Response
from trafficcop.http.replay import discard

if TYPE_CHECKING:
    from trafficcop.http.observed import Observed


class Follower(Protocol):
    """Who wants to be told instead of awaiting."""

    def on_answer(self, answer: Answer) -> None:
        """The answer is there, or it has failed: `result` says which."""


class Sender(Protocol):
    """Where the request was sent."""

    def give_up(self, answer: Answer) -> None:
        """Nobody waits for this answer any more."""


class Watcher(Protocol):
    """Who wants to know how it went, whoever waits for it."""

    def on_settled(self, answer: Answer) -> None:
        """There is a response or an error, or neither: nobody waits any more."""


class Answer(Wakeup):
    """An answer to come: a middleware awaits it, a client's connection follows it without a coroutine.

    Either way its `sender` learns when nobody waits any more.
    """

    response: Response | None = None
    error: BaseException | None = None
    # What was asked. For the watcher: when, by its own clock. For the pipeline, if it follows the answer itself: what
    # its observer keeps, and how the server is looked at, when it was asked and when it answered (`time.monotonic`).
    request: Request | None = None
    started: int = 0
    record: Any = None
    asked: float = 0.0
    answered: float = 0.0

    def __init__(self, sender: Sender | None = None) -> None:
        # No defaults of the class: mypyc leaves out None for what is a Protocol.
        self.sender: Sender | None = sender
        self._follower: Follower | None = None
        self._watcher: Watcher | None = None
        # Read each time, and slow to read as defaults of the class.
        self.observed: Observed | None = None
        self._is_set = False

    def observe(self, observed: Observed, request: Request, asked: float) -> None:
        """It comes from a server that is looked at, and was asked just now."""
        self.request = request
        self.asked = asked
        self.observed = observed
        if self._is_set:
            observed.on_settled(self)

    def watch(self, watcher: Watcher, request: Request, started: int) -> None:
        """Call `watcher.on_settled`, before anybody else is told; at once if it is settled already."""
        if self._watcher is not None:
            watcher = _Watchers(self._watcher, self.started, watcher)
        self.request = request
        self.started = started
        if self._is_set:
            watcher.on_settled(self)
        else:
            self._watcher = watcher

    def follow(self, follower: Follower) -> None:
        """Call `follower.on_answer` when it is settled, at once if it is already."""
        if self._is_set:
            follower.on_answer(self)
        else:
            self._follower = follower

    def succeed(self, response: Response) -> None:
        self.response = response
        self._settle()

    def fail(self, error: BaseException) -> None:
        self.error = error
        self._settle()

    def _settle(self) -> None:
        self.sender = None
        watcher = self._watcher
        if watcher is not None:
            self._watcher = None
            watcher.on_settled(self)
        observed = self.observed
        if observed is not None and (self.record is None or self.response is None or observed.has_headers):
            observed.on_settled(self)
        follower, self._follower = self._follower, None
        if follower is not None:
            self._is_set = True
            follower.on_answer(self)
        else:
            self.set()

    def give_up(self) -> None:
        """Whoever waited has gone."""
        self._follower = None
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.on_settled(self)
        if self.observed is not None:
            self.observed.on_settled(self)
        sender, self.sender = self.sender, None
        if sender is not None:
            sender.give_up(self)

    def result(self) -> Any:
        """The Response; raises what went wrong instead."""
        if self.response is not None:
            return self.response
        raise self.error or ProxyError(Kind.BAD_RESPONSE)

    def __await__(self) -> Generator[Any, None, Any]:
        if not self._is_set:
            self._asyncio_future_blocking = True
            try:
                yield self
            except BaseException:
                self.give_up()
                if self.response is not None:
                    discard(self.response)  # it came, but its waiter was never told
                raise
        return self.result()


class _Watchers:
    """A watcher and one further out, each with its own beginning."""

    __slots__ = ("_inner", "_outer", "_started")

    def __init__(self, inner: Watcher, started: int, outer: Watcher) -> None:
        self._inner = inner
        self._started = started
        self._outer = outer

    def on_settled(self, answer: Answer) -> None:
        self._outer.on_settled(answer)
        answer.started = self._started
        self._inner.on_settled(answer)


class Change(Protocol):
    """What a middleware does to every answer."""

    def change(self, request: Request, response: Response) -> Coroutine[Any, Any, Response] | None:
        """None: that was all. Otherwise there is something to wait for, and another answer may come of it."""


class Changed(Answer):
    """An answer that is changed on its way to the client; failures become the answers that stand for them first."""

    _changing: Drive | None = None  # what is left to do, while it waits
    _found: Response | None = None  # what came of it

    def __init__(self, change: Change, request: Request, coming: Answer) -> None:
        super().__init__()
        self._change = change
        self._asked = request
        self._coming: Answer | None = coming
        coming.follow(self)

    def on_answer(self, answer: Answer) -> None:
        self._coming = None
        response = answer.response
        error = answer.error
        if response is None:
            if not isinstance(error, ProxyError):
                self.fail(error or ProxyError(Kind.BAD_RESPONSE))
                return
            response = failure_response(error)
        try:
            rest = self._change.change(self._asked, response)
        except Exception as raised:
            response.body.close()
            self.fail(raised)
            return
        if rest is None:
            self.succeed(response)
        else:
            self._changing = Drive(self._on_changed)
            self._changing.start(self._finish(rest))

    async def _finish(self, rest: Coroutine[Any, Any, Response]) -> None:
        self._found = await rest

    def _on_changed(self, error: BaseException | None) -> None:
        self._changing = None
        if self._found is not None:
            self.succeed(self._found)
        else:
            self.fail(error or ProxyError(Kind.BAD_RESPONSE))

    def give_up(self) -> None:
        super().give_up()
        coming, self._coming = self._coming, None
        changing, self._changing = self._changing, None
        if coming is not None:
            coming.give_up()
        elif changing is not None:
            changing.throw(ProxyError(Kind.CLIENT_GONE))


def changed(change: Change, request: Request, coming: Awaitable[Response]) -> Awaitable[Response]:
    """`coming` with `change` applied to it: without a coroutine if it is an Answer."""
    if isinstance(coming, Answer):
        return Changed(change, request, coming)
    return _changed(change, request, coming)


async def _changed(change: Change, request: Request, coming: Awaitable[Response]) -> Response:
    try:
        response = await coming
    except ProxyError as error:
        response = failure_response(error)
    rest = change.change(request, response)
    return response if rest is None else await rest
