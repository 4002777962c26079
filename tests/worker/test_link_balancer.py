"""Where turns begin: elsewhere in each worker, and elsewhere with each plan."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support import Origin, make_request
from trafficcop.config.dynamic import LoadBalancer as Options
from trafficcop.service.servers import Server
from trafficcop.store.local import LOCAL
from trafficcop.worker.link_balancer import BalancerLinker
from trafficcop.worker.linked import Linked


def linker(phase: float, version: int) -> BalancerLinker:
    linked = Linked()
    linked.version = version
    return BalancerLinker(LOCAL, phase, linked)


def first(phase: float, version: int) -> str:
    """The server of the first request."""
    servers = [Server(f"http://192.0.2.{index}", weight, Origin()) for index, weight in enumerate((1, 1, 2))]
    server = linker(phase, version).link("s@file", Options(), servers)._choose(make_request())
    assert server is not None
    return server.url[-1]


def test_one_request_for_each_plan_is_shared_as_many_for_one() -> None:
    counts = Counter(first(0.25, version) for version in range(400))
    assert all(abs(counts[name] - share) <= 5 for name, share in (("0", 100), ("1", 100), ("2", 200))), counts


@pytest.mark.parametrize("version", [0, 1, 1000])
def test_workers_keep_their_distance(version: int) -> None:
    places = [linker(number / 4, version).beginning("s@file").phase for number in range(4)]
    assert [(place - places[0]) % 1.0 for place in places] == pytest.approx([0.0, 0.25, 0.5, 0.75])
