"""What each kind of service adds to a request, to one whose servers take turns: measured as `added.py` does it."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Last: a compiled package that is installed goes before the sources.
sys.path.append(str(Path(__file__).parent.parent))

from benches.added import Case, print_rows

_URLS = tuple(f"http://127.0.0.1:1/{name}" for name in "abc")  # one origin, so that all share a connection
_CHILDREN = [{"name": "app", "weight": 3}, {"name": "other", "weight": 1}]


def _balancer(**options: Any) -> dict[str, Any]:
    return {"loadBalancer": {"servers": [{"url": url} for url in _URLS], **options}}


def _case(name: str, service: dict[str, Any], fields: bytes = b"") -> Case:
    checked = _balancer(healthCheck={"path": "/health"})
    services = {"app": _balancer(), "other": _balancer(), "checked": checked, "measured": service}
    return Case(name, services=services, fields=fields)


def cases() -> Iterator[Case]:
    """Every kind of service, and every strategy."""
    for strategy in ("p2c", "hrw", "leasttime", "leastConn", "random", "consistentHash"):
        yield _case(strategy, _balancer(strategy=strategy))
    yield from _sticky()
    yield _case("passiveHealthCheck", _balancer(passiveHealthCheck={"failureWindow": "10s"}))
    yield _case("outlierDetection", _balancer(outlierDetection={"consecutiveErrors": 5}))
    yield _case("slowStart", _balancer(slowStart="30s"))
    yield _case("retryFor", _balancer(retryFor="5s"))
    yield _case("weighted", {"weighted": {"services": _CHILDREN}})
    yield _case("highestRandomWeight", {"highestRandomWeight": {"services": _CHILDREN}})
    failover: dict[str, Any] = {"service": "checked", "fallback": "other"}
    yield _case("failover", {"failover": failover})
    yield _case("failover, by status", {"failover": {**failover, "errors": {"status": ["500-599"]}}})
    for percent in (1, 100):  # with what the copy costs, of which ours is the server
        mirrors = [{"name": "noop@internal", "percent": percent}]
        yield _case(f"mirroring, {percent} %", {"mirroring": {"service": "app", "mirrors": mirrors}})


def _sticky() -> Iterator[Case]:
    cookie = {"cookie": {"name": "place"}}
    place = b"Cookie: place=%b\r\n" % hashlib.sha256(_URLS[1].encode()).hexdigest()[:16].encode()
    yield _case("sticky cookie", _balancer(sticky=cookie), place)
    yield _case("sticky cookie, new client", _balancer(sticky=cookie))
    yield _case("sticky cookie, leastConn", _balancer(sticky=cookie, strategy="leastConn"), place)
    yield _case("sticky header", _balancer(sticky={"header": {"name": "User-Agent"}}))
    yield _case("sticky client address", _balancer(sticky={"clientIP": {}}))


if __name__ == "__main__":
    print_rows(cases())
