"""Usual requests are counted for a router and its server at one go: as if each had been counted by itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import make_request
from trafficcop.http.answer import Answer
from trafficcop.http.messages import Peer, Request, Route
from trafficcop.http.meter import HTTP, SUM, Meter
from trafficcop.http.observed import Observed
from trafficcop.server.metrics_observer import MetricsObserver
from trafficcop.telemetry.meters import Meters
from trafficcop.telemetry.metrics import Counting
from trafficcop.tls.facts import TLSFacts

BOUNDS = (0.1, 0.3, 1.2)
NAMES = ("a@file", "b@file")


def make_meters(headers: tuple[tuple[str, str], ...] = ()) -> Meters:
    return Meters(Counting(True, True, True, BOUNDS, headers))


def meter_of(found: Meter | None) -> Meter:
    assert found is not None
    return found


def router(meters: Meters, name: str) -> Meter:
    return meter_of(meters.router("web", name, "app@file"))


def server(meters: Meters, name: str = "app@file") -> Meter:
    return meter_of(meters.service(name, ""))


def secure() -> Peer:
    peer = Peer("192.0.2.1", 5, is_tls=True)
    engine: Any = SimpleNamespace(version=lambda: "TLSv1.3", cipher=lambda: ("TLS_AES_128_GCM_SHA256", "", 128))
    peer.tls = TLSFacts(engine, "default", "example.com")
    return peer


def exchange(route: Route, observed: Observed, elapsed: float = 0.01, waited: float = 0.0) -> tuple[Request, Answer]:
    """A request that took so many seconds, and waited some of them until the server was asked."""
    request = make_request()
    request.route, request.started = route, 5.0
    answer = Answer()
    answer.observed, answer.request, answer.record = observed, request, request
    answer.asked, answer.answered = 5.0 + waited, 5.0 + elapsed
    return request, answer


def end(meters: Meters, meter: Meter, observed: Observed, elapsed: float = 0.01, size: int = 7) -> None:
    request, answer = exchange(Route("r", "s", meter=meter), observed, elapsed)
    MetricsObserver(meters, None).end_usual(request, answer, 200, size)


def rounded(meter: Meter) -> dict[Any, list[Any]]:
    return {labels: [round(cell[SUM], 6), *cell[SUM + 1 :]] for labels, cell in meter.cells.items()}


def read(meters: Meters) -> None:
    for _ in meters.changes():
        pass


EXCHANGE = st.tuples(
    st.sampled_from(NAMES), st.sampled_from(("app@file", "other@file")), st.sampled_from((200, 204, 304, 404, 999)),
    st.sampled_from((0.0001, 0.05, 0.1, 0.11, 0.3, 2.0)), st.sampled_from((0.0, 0.00005)), st.integers(0, 5000),
    st.booleans(), st.booleans(),
)  # fmt: skip


@given(st.lists(EXCHANGE, max_size=40))
def test_pairs_count_as_each_would_by_itself(
    exchanges: list[tuple[str, str, int, float, float, int, bool, bool]],
) -> None:
    meters, alone = make_meters(), make_meters()
    observer = MetricsObserver(meters, None)
    for name, service, status, elapsed, waited, size, is_tls, is_read in exchanges:
        observed = Observed(server(meters, service))
        request, answer = exchange(Route(name, service, meter=router(meters, name)), observed, elapsed, waited)
        if is_tls:
            request.peer = secure()
        observer.end_usual(request, answer, status, size)
        sent = 0 if status in (204, 304) else size
        taken = answer.answered - request.started
        router(alone, name).count(request, b"GET", HTTP, status, taken, 0, sent)
        taken = answer.answered - answer.asked
        server(alone, service).count(request, b"GET", HTTP, status, taken, 0, sent)
        if is_read:
            read(meters)
    read(meters)
    for name in NAMES:
        assert rounded(router(meters, name)) == rounded(router(alone, name))
        assert router(meters, name).by_tls == router(alone, name).by_tls
    for service in ("app@file", "other@file"):
        assert rounded(server(meters, service)) == rounded(server(alone, service))
        assert server(meters, service).by_tls == server(alone, service).by_tls


def exchanges_of(meter: Meter) -> int:
    return sum(sum(cell[SUM + 3 :]) for cell in meter.cells.values())


@pytest.mark.parametrize("gone", ["router", "server"])
def test_who_is_given_up_takes_its_last_numbers_along_and_leaves_nothing(gone: str) -> None:
    meters = make_meters()
    first, second, app = router(meters, "a@file"), router(meters, "b@file"), server(meters)
    entry_point = meter_of(meters.entry_point("web"))
    observed = Observed(app)
    for meter in (first, second):
        for _ in range(3):
            end(meters, meter, observed)
    given_up = first if gone == "router" else app
    meters.keep_only({meter.key for meter in (first, second, app)} - {given_up.key})
    told = {name.key: name.number for changes in meters.changes() for name in changes.names}
    assert set(told) == {first.key, second.key, app.key}
    assert exchanges_of(second) == 3
    assert set(app.pairs) == ({second} if gone == "router" else set())
    for _ in range(2):  # still under way when the plan came
        end(meters, first, observed)
    read(meters)
    assert exchanges_of(entry_point) == (2 if gone == "router" else 0)
    assert exchanges_of(app) == (8 if gone == "router" else 2)
    assert first not in app.pairs


def test_whose_headers_are_labels_is_counted_singly() -> None:
    meters = make_meters((("host", "X-Tenant"),))
    app = server(meters)
    for _ in range(3):
        end(meters, router(meters, "a@file"), Observed(app))
    assert not app.pairs
    assert exchanges_of(app) == 3


def test_a_router_that_is_not_measured_does_not_count_for_its_server() -> None:
    meters = make_meters()
    app = server(meters)
    for _ in range(3):
        request, answer = exchange(Route("r", "s", is_measured=False), Observed(app))
        MetricsObserver(meters, None).end_usual(request, answer, 200, 7)
    read(meters)
    assert exchanges_of(app) == 0
