"""Compiling leaves nothing that only the garbage collector could free: reloads are many, and plans are large."""

from __future__ import annotations

import gc

from tests.control.given import compiled, static

DYNAMIC = """
http:
  routers:
    one: {rule: "Host(`a.test`)", service: both, middlewares: [chained]}
    two: {rule: "Host(`b.test`) && (Path(`/a`) || Path(`/b`))", service: single, middlewares: [missing]}
  middlewares:
    chained: {chain: {middlewares: [prefix]}}
    prefix: {addPrefix: {prefix: /x}}
  services:
    both: {weighted: {services: [{name: single, weight: 1}]}}
    single: {loadBalancer: {servers: [{url: "http://127.0.0.1:9"}]}}
"""


def test_compiling_makes_no_circles() -> None:
    given = static("entryPoints: {web: {address: ':8000'}}")
    compiled(DYNAMIC, given)
    gc.collect()
    gc.disable()
    try:
        compiled(DYNAMIC, given)
        found = gc.collect()
    finally:
        gc.enable()
    assert found == 0
