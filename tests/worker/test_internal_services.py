"""Every service of our own that a configuration can switch on can be linked, or no worker would take the plan."""

import pytest

from tests.control.given import compiled, static, told
from tests.support import make_request, run
from tests.worker.test_link import link
from trafficcop.control.services import internal_services
from trafficcop.worker.runtime import Runtime

ALL = """
entryPoints: {web: {address: ':80'}}
api: {debug: true}
ping: {manualRouting: true}
metrics: {prometheus: {manualRouting: true}}
providers: {rest: {}}
certificatesResolvers: {le: {acme: {storage: acme.json, httpChallenge: {entryPoint: web}}}}
"""
NAMES = sorted(internal_services(static(ALL)))


@pytest.mark.parametrize("name", NAMES)
async def test_each_can_be_linked(name: str):
    given = static(ALL)
    plan, report = compiled(f"http: {{routers: {{r: {{rule: Path(`/x`), service: {name}}}}}}}", given)
    assert told(report) == []
    assert any(router.name == "r@file" for router in plan.routers)
    assert link(Runtime(given), plan).routes["web"]


async def test_a_challenge_that_nobody_has_begun():
    given = static(ALL)
    plan, _ = compiled("{}", given)
    router = link(Runtime(given), plan).routes["web"].http
    status, _, body = await run(router, make_request("/.well-known/acme-challenge/token"))
    assert (status, body) == (404, b"")
