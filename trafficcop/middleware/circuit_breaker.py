"""`circuitBreaker`: nothing goes to a service that fails, until it has had time to recover."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import monotonic_ns
from typing import Final

from trafficcop.config.middlewares import CircuitBreaker as Configuration
from trafficcop.errors import ProxyError
from trafficcop.http.answer import changed
from trafficcop.http.failure import failure_response
from trafficcop.http.messages import Handler, Ready, Request, Response, bare_response
from trafficcop.http.status import STATUS_TEXT
from trafficcop.http.watched import watch
from trafficcop.middleware.context import MiddlewareContext
from trafficcop.store.breaker import NETWORK_RANGES, Gate, Metrics, Terms

_DEFAULTS: Final = Configuration()


class CircuitBreaker:
    __slots__ = ("_body", "_gate", "_status", "next")

    def __init__(self, gate: Gate, status: int, next: Handler) -> None:
        self._gate = gate
        self._status = status
        self._body = STATUS_TEXT.get(status, b"")
        self.next = next

    def __call__(self, request: Request) -> Awaitable[Response]:
        start = monotonic_ns()
        if not self._gate.admit(start):
            return Ready(bare_response(self._status, self._body))
        ending = _Ending(self._gate, start)
        try:
            coming = self.next(request)
        except ProxyError as error:
            coming = Ready(failure_response(error))
        return changed(ending, request, coming)


class _Ending:
    """An answer counts when it is over: its latency is the time to its last byte."""

    __slots__ = ("_gate", "_start", "_status")

    def __init__(self, gate: Gate, start: int) -> None:
        self._gate = gate
        self._status = 0
        self._start = start

    def change(self, request: Request, response: Response) -> None:
        self._status = response.status
        watch(response, self)

    def __call__(self) -> None:
        now = monotonic_ns()
        self._gate.record(self._status, now - self._start, now)


def _terms(config: Configuration) -> Terms:
    # The grammar is loaded by those who have an expression.
    from trafficcop.rules.predicates import Function, parse_predicate

    ranges: set[tuple[int, int]] = set(NETWORK_RANGES)

    def status_ratio(low: int, high: int, of_low: int, of_high: int) -> Callable[[Metrics], float]:
        ranges.update(((low, high), (of_low, of_high)))
        return lambda metrics: metrics.status_ratio(low, high, of_low, of_high)

    functions: dict[str, Function[Metrics]] = {
        "NetworkErrorRatio": Function((), float, lambda: Metrics.network_error_ratio),
        "ResponseCodeRatio": Function((int, int, int, int), float, status_ratio),
        "LatencyAtQuantileMS": Function((float,), int, lambda quantile: lambda metrics: metrics.latency_at(quantile)),
    }
    condition = parse_predicate(config.expression, functions)
    return Terms(
        condition,
        _positive(config.check_period, _DEFAULTS.check_period),
        _positive(config.fallback_duration, _DEFAULTS.fallback_duration),
        _positive(config.recovery_duration, _DEFAULTS.recovery_duration),
        "LatencyAtQuantileMS" in config.expression,
        tuple(sorted(ranges)),
    )


def _positive(duration: int, default: int) -> int:
    return duration if duration > 0 else default


def build(config: Configuration, context: MiddlewareContext, next: Handler) -> Handler:
    if not 100 <= config.response_code <= 999:  # RFC 9110 §15; net/http panics
        raise ValueError(f"invalid responseCode {config.response_code}")
    return CircuitBreaker(context.store.gate(context.scope, _terms(config)), config.response_code, next)
