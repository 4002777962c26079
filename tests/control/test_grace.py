"""How long a drain takes, and what is said about it."""

from __future__ import annotations

import pytest

from trafficcop.config.entry_points import EntryPoint, EntryPointTransport, LifeCycle
from trafficcop.config.scalars import Duration
from trafficcop.config.static import StaticConfiguration
from trafficcop.control.grace import drain_notice, grace_seconds


def lasting(**accepts: str) -> StaticConfiguration:
    """Entry points by name, and how long each of them goes on accepting."""
    points = {}
    for name, accept in accepts.items():
        cycle = LifeCycle(grace_time_out=Duration.of("10s"), request_accept_grace_timeout=Duration.of(accept))
        points[name] = EntryPoint(transport=EntryPointTransport(life_cycle=cycle))
    return StaticConfiguration(entry_points=points)


@pytest.mark.parametrize(
    ("accepts", "seconds", "said"),
    [
        ({}, 0, "new connections are refused"),
        ({"web": "0s"}, 10, "new connections are refused"),
        ({"web": "5s"}, 15, "new connections are still accepted by web (for 5s)"),
        ({"web": "5s", "api": "1m"}, 70, "new connections are still accepted by web (for 5s), api (for 1m0s)"),
        ({"web": "5s", "api": "0s"}, 15, "new connections are still accepted by web (for 5s), refused by api"),
    ],
)
def test_a_drain(accepts: dict[str, str], seconds: float, said: str) -> None:
    static = lasting(**accepts)
    assert grace_seconds(static) == seconds
    assert drain_notice(static) == f"Draining: requests under way may end, {said}"
