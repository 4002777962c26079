"""`circuitBreaker`: its conditions, its windows, its states, and what clients get while it is open."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.live import ask, backend, live, plain, routed
from tests.pieces import Pieces
from tests.support import Origin, build, make_request, run
from trafficcop.config.middlewares import CircuitBreaker
from trafficcop.config.scalars import Duration
from trafficcop.errors import Kind, ProxyError
from trafficcop.http.headers import Headers
from trafficcop.http.messages import Request, Response
from trafficcop.middleware.circuit_breaker import _terms
from trafficcop.store.breaker import Breaker, Metrics, State, Terms
from trafficcop.store.windows import LatencyWindow, StatusWindow, highest_equivalent

SECOND = 1_000_000_000
MILLISECOND = 1_000_000
START = 1000 * SECOND


# === conditions ===


@pytest.mark.parametrize(
    ("expression", "answers", "expected"),
    [
        ("NetworkErrorRatio() > 0.5", {}, False),
        ("NetworkErrorRatio() > 0.5", {502: 1, 504: 1, 200: 1}, True),
        ("NetworkErrorRatio() > 0.5", {502: 1, 200: 1}, False),
        ("NetworkErrorRatio() >= 0.5", {502: 1, 200: 1}, True),
        ("NetworkErrorRatio() > 0.1", {503: 9}, False),
        ("ResponseCodeRatio(500, 600, 0, 600) > 0.25", {500: 1, 599: 1, 200: 4}, True),
        ("ResponseCodeRatio(500, 600, 0, 600) > 0.25", {600: 4, 200: 4}, False),
        ("ResponseCodeRatio(500, 600, 300, 400) > 0.25", {500: 4}, False),
        ("ResponseCodeRatio(500, 600, 200, 300) > 1.5", {500: 4, 200: 2}, True),
        ("LatencyAtQuantileMS(50.0) > 9", {200: 1}, True),
        ("LatencyAtQuantileMS(50.0) > 10", {200: 1}, False),
        ("NetworkErrorRatio() > 0.5 || LatencyAtQuantileMS(99.0) > 9", {200: 1}, True),
        ("NetworkErrorRatio() > 0.5 && LatencyAtQuantileMS(99.0) > 9", {200: 1}, False),
    ],
)
def test_conditions(expression: str, answers: dict[int, int], expected: bool):
    terms = _terms(CircuitBreaker(expression=expression))
    metrics = Metrics(keeps_latencies=terms.keeps_latencies)
    for status, count in answers.items():
        for _ in range(count):
            metrics.add(status, 10 * MILLISECOND, START)
    metrics.now = START
    assert terms.condition(metrics) is expected


# === windows ===


def test_statuses_are_forgotten_after_ten_seconds():
    window = StatusWindow()
    for second in range(10):
        window.add(500, START + second * SECOND)
    assert window.count(500, 501, START + 9 * SECOND) == 10
    assert window.count(500, 501, START + 10 * SECOND) == 9
    assert window.count(500, 501, START + 18 * SECOND + 999_999_999) == 1
    assert window.count(500, 501, START + 19 * SECOND) == 0
    window.add(200, START + 500 * SECOND)
    assert window.count(0, 1000, START + 500 * SECOND) == 1
    window.clear()
    assert window.count(0, 1000, START + 500 * SECOND) == 0


@given(st.lists(st.integers(0, 30_000), max_size=60), st.integers(0, 20_000))
def test_statuses_are_counted_as_if_all_were_kept(gaps: list[int], wait: int):
    window, now, seen = StatusWindow(), START, []
    for gap in gaps:
        now += gap * MILLISECOND
        window.add(200, now)
        seen.append(now)
    now += wait * MILLISECOND
    assert window.count(200, 201, now) == sum(now // SECOND - at // SECOND < 10 for at in seen)


@pytest.mark.parametrize(
    ("micros", "highest"),
    [(0, 0), (1, 1), (255, 255), (256, 257), (257, 257), (511, 511), (512, 515), (1000, 1003), (10_000, 10_047)],
)
def test_two_digits_of_a_latency_are_kept(micros: int, highest: int):
    assert highest_equivalent(micros) == highest


@given(st.integers(0, 3_600_000_000))
def test_the_error_of_a_latency_is_below_one_percent(micros: int):
    assert micros <= highest_equivalent(micros) <= micros * 1.01


@pytest.mark.parametrize(
    ("quantile", "expected"), [(0.0, 0), (1.0, 1), (50.0, 50), (99.0, 99), (100.0, 100), (150.0, 100)]
)
def test_quantiles(quantile: float, expected: int):
    window = LatencyWindow()
    assert window.at_quantile(quantile) == 0
    for milliseconds in range(1, 101):
        window.add(milliseconds * MILLISECOND, START)
    assert window.at_quantile(quantile) == expected


def test_latencies_are_forgotten_part_by_part():
    window = LatencyWindow()
    for part in range(6):
        window.add((part + 1) * 100 * MILLISECOND, START + part * 10 * SECOND)
    assert window.at_quantile(10.0) == 100
    window.add(700 * MILLISECOND, START + 600 * SECOND)
    assert window.at_quantile(10.0) in (200, 201)
    window.add(2 * 3600 * SECOND, START + 600 * SECOND)  # too long to be counted
    assert window.at_quantile(100.0) in range(700, 708)
    window.clear(START)
    assert window.at_quantile(100.0) == 0


# === states ===


class Switch:
    """A condition that is turned on and off."""

    def __init__(self) -> None:
        self.is_on = False
        self.asked = 0

    def __call__(self, metrics: Metrics) -> bool:
        self.asked += 1
        return self.is_on


def make_breaker() -> tuple[Breaker, Switch]:
    switch = Switch()
    return Breaker(Terms(switch, 100 * MILLISECOND, 10 * SECOND, 10 * SECOND)), switch


def test_the_condition_is_asked_after_an_answer_once_a_period():
    breaker, switch = make_breaker()
    for milliseconds in (0, 50, 100, 101, 150, 201, 202):
        breaker.record(200, 0, START + milliseconds * MILLISECOND)
    assert switch.asked == 3


def test_from_standby_to_tripped_and_back():
    breaker, switch = make_breaker()
    switch.is_on = True
    assert breaker.admit(START)
    breaker.record(500, 0, START)
    assert breaker.state == State.TRIPPED
    assert not breaker.admit(START + 10 * SECOND - 1)
    breaker.record(500, 0, START + SECOND)  # one that was under way: no second trip
    switch.is_on = False
    assert not breaker.admit(START + 10 * SECOND)
    assert breaker.state == State.RECOVERING
    assert breaker.admit(START + 20 * SECOND + 1)
    assert breaker.state == State.STANDBY


def test_while_it_recovers_more_and_more_pass():
    breaker, switch = make_breaker()
    switch.is_on = True
    breaker.record(500, 0, START)
    switch.is_on = False
    start = START + 10 * SECOND
    passed = [breaker.admit(start + step * 10 * MILLISECOND) for step in range(1001)]
    for end in (250, 500, 750, 1000):
        share = sum(passed[: end + 1]) / (end + 1)
        assert share == pytest.approx(0.5 * end / 1000, abs=0.01)
    assert breaker.state == State.RECOVERING


def test_it_trips_again_while_it_recovers():
    breaker, switch = make_breaker()
    switch.is_on = True
    breaker.record(500, 0, START)
    assert not breaker.admit(START + 10 * SECOND)
    breaker.record(500, 0, START + 11 * SECOND)
    assert breaker.state == State.TRIPPED
    assert not breaker.admit(START + 20 * SECOND)


def test_a_trip_forgets_what_was_counted():
    breaker = Breaker(_terms(CircuitBreaker(expression="NetworkErrorRatio() > 0.5")))
    breaker.record(502, 0, START)
    assert not breaker.admit(START + 1)
    assert not breaker.admit(START + 10 * SECOND)  # recovers
    breaker.record(200, 0, START + 10 * SECOND)
    assert breaker.state == State.RECOVERING


# === the middleware ===


@pytest.mark.parametrize(("code", "body"), [(503, b"Service Unavailable"), (418, b"I'm a teapot"), (799, b"")])
async def test_what_clients_get(code: int, body: bytes):
    config = CircuitBreaker(expression="ResponseCodeRatio(500, 600, 0, 600) > 0.5", response_code=code)
    server = Origin(500, body=b"broken")
    handler = build("circuit_breaker", config, server)
    assert await run(handler, make_request()) == (500, {}, b"broken")
    assert await run(handler, make_request()) == (code, {}, body)
    assert len(server.requests) == 1


async def test_failures_count():
    async def unreachable(request: Request) -> Response:
        raise ProxyError(Kind.UNREACHABLE)

    handler = build("circuit_breaker", CircuitBreaker(expression="NetworkErrorRatio() > 0.5"), unreachable)
    response = await handler(make_request())
    assert response.status == 502
    assert response.failure is not None
    assert (await run(handler, make_request()))[0] == 503


async def test_an_answer_counts_when_it_is_over():
    async def broken(request: Request) -> Response:
        return Response(502, Headers(), Pieces(b"x", is_endless=True).stream())

    handler = build("circuit_breaker", CircuitBreaker(expression="NetworkErrorRatio() > 0.5"), broken)
    response = await handler(make_request())
    assert (await handler(make_request())).status == 502
    response.body.close()
    assert (await handler(make_request())).status == 503


async def test_each_use_has_a_state_of_its_own():
    config = CircuitBreaker(expression="NetworkErrorRatio() > 0.5")
    first = build("circuit_breaker", config, Origin(502))
    second = build("circuit_breaker", config, Origin(200))
    await run(first, make_request())
    assert (await run(first, make_request()))[0] == 503
    assert (await run(second, make_request()))[0] == 200


def test_durations_that_are_not_positive_mean_the_defaults():
    nothing = Duration(0)
    config = CircuitBreaker(nothing, "NetworkErrorRatio() > 0.5", nothing, Duration(-1))
    terms = _terms(config)
    assert (terms.check_period, terms.fallback, terms.recovery) == (SECOND // 10, 10 * SECOND, 10 * SECOND)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"expression": ""}, "1:1: the expression ends too early"),
        ({"expression": "Nope() > 1"}, "1:1: unsupported function: Nope"),
        ({"expression": "NetworkErrorRatio()"}, "1:1: expected predicate, got a function that returns float64"),
        ({"expression": "NetworkErrorRatio() > 1"}, "1:23: expected float64, got int"),
        ({"expression": "LatencyAtQuantileMS(50.0) > 1.0"}, "1:29: expected int, got float64"),
        ({"expression": "LatencyAtQuantileMS(50) > 1"}, "1:21: LatencyAtQuantileMS expects float64, got int"),
        ({"expression": "ResponseCodeRatio(1) > 0.5"}, "1:1: ResponseCodeRatio takes 4 arguments, not 1"),
        ({"expression": "NetworkErrorRatio() > 0.5", "response_code": 0}, "invalid responseCode 0"),
    ],
)
def test_bad_configuration(options: dict[str, Any], text: str):
    with pytest.raises(ValueError) as raised:
        build("circuit_breaker", CircuitBreaker(**options), Origin())
    assert str(raised.value) == text


async def test_through_a_listener():
    async with backend(lambda n, head, body: plain(500, b"broken")) as port:
        options = "circuitBreaker: {expression: 'ResponseCodeRatio(500, 600, 0, 600) > 0.3', responseCode: 504}"
        async with live(routed(options, port)) as web:
            answers = [await ask(web, "GET /") for _ in range(3)]
    assert [(status, body) for status, _, body in answers] == [
        (500, b"broken"),
        (504, b"Gateway Timeout"),
        (504, b"Gateway Timeout"),
    ]
