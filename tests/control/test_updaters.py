"""`healthCheck` down the tree of services: who can tell whom, and the errors of those who cannot."""

from __future__ import annotations

import pytest

from tests.control.given import compiled

CHECKED = "{loadBalancer: {healthCheck: {path: /}, servers: [{url: 'http://192.0.2.1'}]}}"
UNCHECKED = "{loadBalancer: {servers: [{url: 'http://192.0.2.1'}]}}"


def errors(services: str) -> tuple[str, ...]:
    """Of the service `top`, which a router uses."""
    _, report = compiled(
        f"http: {{routers: {{r: {{rule: 'PathPrefix(`/`)', service: top}}}}, services: {{{services}}}}}"
    )
    info = report.services["top@file"]
    assert report.routers["r@file"].errors == info.errors
    return info.errors


PARENTS = {
    "weighted": "weighted: {healthCheck: {}, services: [{name: child}]}",
    "highestRandomWeight": "highestRandomWeight: {healthCheck: {}, services: [{name: child}]}",
    "failover": "failover: {healthCheck: {}, service: child, fallback: child}",
}


@pytest.mark.parametrize("parent", PARENTS.values(), ids=PARENTS)
@pytest.mark.parametrize(
    ("child", "word"),
    [
        (CHECKED, ""),
        (UNCHECKED, "WRR"),
        ("{loadBalancer: {strategy: wrr}}", "WRR"),
        ("{loadBalancer: {strategy: p2c}}", "P2C"),
        ("{loadBalancer: {strategy: hrw}}", "HRW"),
        ("{loadBalancer: {strategy: leasttime}}", "LeastTime"),
        ("{weighted: {services: [{name: leaf}]}}", "WRR"),
        ("{weighted: {healthCheck: {}, services: [{name: leaf}]}}", ""),
        ("{highestRandomWeight: {services: [{name: leaf}]}}", "HRW"),
        ("{highestRandomWeight: {healthCheck: {}, services: [{name: leaf}]}}", ""),
        ("{failover: {service: leaf, fallback: leaf}}", "failover"),
        ("{failover: {healthCheck: {}, service: leaf, fallback: leaf}}", ""),
        ("{mirroring: {service: leaf}}", "mirroring"),
        ("{mirroring: {healthCheck: {}, service: leaf}}", ""),
    ],
)
def test_children(parent: str, child: str, word: str) -> None:
    found = errors(f"top: {{{parent}}}, child: {child}, leaf: {CHECKED}")
    expected = (
        f"cannot register child as updater for top@file: healthCheck not enabled in config for this {word} service"
    )
    assert found == ((expected,) if word else ())


REFUSED = "cannot register no as updater for top@file: healthCheck not enabled in config for this WRR service"
RANGES = "error creating failover service top@file: creating HTTP code ranges: "
MIRRORED = "cannot register m as updater for top@file: "


@pytest.mark.parametrize(
    ("top", "error"),
    [
        (
            "{weighted: {healthCheck: {}, services: [{name: m}]}}, m: {mirroring: {healthCheck: {}, service: no}}",
            f"{MIRRORED}cannot register service of mirroring as updater: {REFUSED.partition(': ')[2]}",
        ),
        (
            "{failover: {service: m, fallback: up}}, m: {mirroring: {healthCheck: {}, service: noop@internal}}",
            f"{MIRRORED}service of mirroring http.HandlerFunc not a healthcheck.StatusUpdater",
        ),
        (
            "{weighted: {healthCheck: {}, services: [{name: noop@internal}]}}",
            "child service noop@internal of top@file not a healthcheck.StatusUpdater (http.HandlerFunc)",
        ),
        ("{failover: {service: no, fallback: up}}", REFUSED),
        ("{failover: {healthCheck: {}, service: up, fallback: no}}", REFUSED),
        ("{failover: {service: up, fallback: no}}", ""),
        ("{failover: {service: no, fallback: no, errors: {status: ['500']}}}", ""),
        (
            "{failover: {service: no, fallback: no, errors: {status: ['5xx']}}}",
            f'{RANGES}strconv.Atoi: parsing "5xx": invalid syntax',
        ),
        ("{mirroring: {service: no, mirrors: [{name: no, percent: 101}]}}", "percent must be between 0 and 100"),
        ("{mirroring: {service: no, mirrors: [{name: no, percent: -1}]}}", "percent must be between 0 and 100"),
        ("{mirroring: {service: no, mirrors: [{name: up, percent: 100}]}}", ""),
        ("{mirroring: {service: gone}}", 'the service "gone@file" does not exist'),
        ("{mirroring: {service: no, mirrors: [{name: gone}]}}", 'the service "gone@file" does not exist'),
        ("{failover: {service: up, fallback: gone}}", 'the service "gone@file" does not exist'),
    ],
)
def test_texts(top: str, error: str) -> None:
    assert errors(f"top: {top}, up: {CHECKED}, no: {UNCHECKED}") == ((error,) if error else ())
