"""rateLimit and inFlightReq."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pieces import Pieces
from tests.support import Origin, build, make_request, read_all, run
from trafficcop.config.middlewares import InFlightReq, IPStrategy, RateLimit, SourceCriterion
from trafficcop.config.scalars import Duration
from trafficcop.errors import Kind, ProxyError
from trafficcop.http.answer import Answer
from trafficcop.http.body import Bytes
from trafficcop.http.headers import Headers
from trafficcop.http.messages import Request, Response
from trafficcop.middleware import rate_limit
from trafficcop.store.interface import NANOSECONDS, Rate
from trafficcop.store.local import InFlight, TokenBuckets

SECOND = NANOSECONDS


class Clock:
    """Time by hand: sleeping moves it on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000 * SECOND
        monkeypatch.setattr(rate_limit.time, "monotonic_ns", lambda: self.now)
        monkeypatch.setattr(rate_limit.asyncio, "sleep", self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)


async def test_rate_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    origin = Origin()
    handler = build("rate_limit", RateLimit(average=2, burst=3, period=Duration.of("4s")), origin)
    for _ in range(3):
        assert (await run(handler, make_request()))[0] == 200
    assert clock.now == 1000 * SECOND
    answer = await run(handler, make_request())
    assert answer == (429, {"Retry-After": "2", "X-Retry-In": "2s"}, b"Too Many Requests")
    clock.now += SECOND * 3 // 2
    assert (await run(handler, make_request()))[0] == 200  # after half a second, the longest wait
    assert clock.now == 1002 * SECOND
    assert len(origin.requests) == 4
    assert (await run(handler, make_request()))[1]["X-Retry-In"] == "2s"


async def test_sources_have_buckets_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)
    criterion = SourceCriterion(IPStrategy(depth=1))
    handler = build("rate_limit", RateLimit(1, 0, Duration.of("1h"), source_criterion=criterion), Origin())
    for client, expected in (("a", 200), ("b", 200), ("a", 429), ("", 200), ("", 429)):
        assert (await run(handler, make_request(headers=[("X-Forwarded-For", client)])))[0] == expected


async def test_several_criteria_make_one_source(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)
    criteria = (SourceCriterion(request_host=True), SourceCriterion(request_header_name="K"), SourceCriterion())
    config = RateLimit(1, period=Duration.of("1h"), source_criteria=criteria)
    handler = build("rate_limit", config, Origin())
    for host, key, peer, expected in (
        ("a", "k", "192.0.2.1", 200),
        ("a", "k", "192.0.2.1", 429),
        ("b", "k", "192.0.2.1", 200),
        ("a", "l", "192.0.2.1", 200),
        ("a", "k", "192.0.2.2", 200),
        ("a", "k", "192.0.2.2", 429),
    ):
        assert (await run(handler, make_request(host=host, headers=[("K", key)], peer=peer)))[0] == expected
    for kind, both in (("rate_limit", RateLimit), ("in_flight_req", InFlightReq)):
        options = {"source_criteria": criteria, "source_criterion": SourceCriterion(request_host=True)}
        with pytest.raises(ValueError, match="sourceCriterion and sourceCriteria are mutually exclusive"):
            build(kind, both(1, **options), Origin())


@pytest.mark.parametrize("average", [0, -1])
def test_no_average_is_no_limit(average: int) -> None:
    origin = Origin()
    assert build("rate_limit", RateLimit(average), origin) is origin


@pytest.mark.parametrize(
    ("kind", "config", "text"),
    [
        ("rate_limit", RateLimit(1, period=Duration.of("-1s")), "negative value not valid for period: -1s"),
        (
            "rate_limit",
            RateLimit(1, source_criterion=SourceCriterion(None, "X", True)),
            "getting source extractor: requestHost and RequestHeaderName are mutually exclusive",
        ),
        (
            "in_flight_req",
            InFlightReq(1, SourceCriterion(None, "X", True)),
            "error creating requests limiter: requestHost and RequestHeaderName are mutually exclusive",
        ),
    ],
)
def test_bad_limits(kind: str, config: object, text: str) -> None:
    with pytest.raises(ValueError) as failure:
        build(kind, config, Origin())
    assert str(failure.value) == text


@given(st.integers(1, 50), st.integers(1, 10), st.lists(st.integers(0, SECOND), max_size=60))
def test_never_more_than_burst_and_rate_allow(rate: int, burst: int, gaps: list[int]) -> None:
    longest = SECOND // (2 * rate)
    buckets = TokenBuckets(Rate(rate, burst, longest, 1000))
    now = 5 * SECOND
    start, served = now, 0
    for gap in gaps:
        now += gap
        wait = buckets.reserve("a", now)
        assert wait >= 0
        if wait <= longest:
            served += 1
            assert served <= burst + rate * (now + wait - start) / SECOND + 1e-6


def test_a_bucket_is_forgotten_after_its_time() -> None:
    buckets = TokenBuckets(Rate(1.0, 100, SECOND // 2, 2))
    for _ in range(100):
        assert buckets.reserve("a", SECOND) == 0
    assert buckets.reserve("a", SECOND) == SECOND
    assert buckets.reserve("a", 3 * SECOND) == 0
    assert all(buckets.reserve("a", 3 * SECOND) == 0 for _ in range(99))  # a new one


def test_sources_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trafficcop.store.local.SOURCES", 3)
    buckets = TokenBuckets(Rate(1.0, 1, 0, 1000))
    for source in "abcad":
        buckets.reserve(source, SECOND)
    assert len(buckets) == 3
    assert buckets.reserve("a", SECOND) > 0  # was used lately
    assert buckets.reserve("b", SECOND) == 0


async def test_in_flight_requests() -> None:
    gate = asyncio.Event()

    async def slow(request: Request) -> Response:
        await gate.wait()
        return Response(200, Headers(), Pieces(b"hello", is_here=True).stream())

    handler = build("in_flight_req", InFlightReq(2), slow)
    waiting = [asyncio.ensure_future(handler(make_request())) for _ in range(2)]
    await asyncio.sleep(0)
    assert await run(handler, make_request()) == (429, {}, b"max connections reached: 2")
    gate.set()
    assert (await run(handler, make_request(host="other.example.com")))[0] == 200
    responses = await asyncio.gather(*waiting)
    assert (await run(handler, make_request()))[0] == 429  # their bodies are still under way
    assert await read_all(responses[0].body) == b"hello"
    assert (await run(handler, make_request()))[0] == 200
    responses[1].body.close()
    responses[1].body.close()
    assert (await run(handler, make_request()))[0] == 200


async def test_an_answer_that_is_all_here_is_over() -> None:
    handler = build("in_flight_req", InFlightReq(1), Origin())
    for _ in range(3):
        assert (await handler(make_request())).status == 200


class Coming:
    """A server whose answers come when they are told to."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []

    def __call__(self, request: Request) -> Answer:
        self.answers.append(Answer())
        return self.answers[-1]


@pytest.mark.parametrize("end", ["answered", "failed", "broken", "left"])
async def test_answers_without_a_coroutine_are_counted_as_well(end: str) -> None:
    server = Coming()
    handler = build("in_flight_req", InFlightReq(1), server)
    held = handler(make_request())
    assert isinstance(held, Answer)
    assert await run(handler, make_request()) == (429, {}, b"max connections reached: 1")
    coming = server.answers[0]
    match end:
        case "answered":
            coming.succeed(Response(200, Headers(), Bytes(b"hello")))
        case "failed":
            coming.fail(ProxyError(Kind.UNREACHABLE))
            assert (await held).status == 502
        case "broken":
            coming.fail(ValueError())
        case _:
            held.give_up()
    held.give_up()  # once more: it counts once
    handler(make_request())
    assert len(server.answers) == 2


async def test_failed_and_empty_answers_are_over_at_once() -> None:
    async def fail(request: Request) -> Response:
        raise ProxyError(Kind.UNREACHABLE)

    handler = build("in_flight_req", InFlightReq(1), fail)
    for _ in range(2):
        with pytest.raises(ProxyError):
            await handler(make_request())
    handler = build("in_flight_req", InFlightReq(1), Origin(204, body=b""))
    for _ in range(2):
        assert (await handler(make_request())).status == 204


async def test_an_amount_of_zero_serves_nobody() -> None:
    handler = build("in_flight_req", InFlightReq(), Origin())
    assert await run(handler, make_request()) == (429, {}, b"max connections reached: 0")


def test_counts_leave_nothing_behind() -> None:
    counts = InFlight()
    assert counts.acquire("a", 1)
    assert not counts.acquire("a", 1)
    counts.release("a")
    assert len(counts) == 0
