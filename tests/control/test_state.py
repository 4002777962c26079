"""What the API is told of the health of servers."""

from __future__ import annotations

from tests.control.given import compiled, told
from trafficcop.control.state import State
from trafficcop.plan.messages import Health
from trafficcop.plan.report import Report

CONFIGURATION = """
http:
  routers: {r: {rule: PathPrefix(`/`), service: all}}
  services:
    all: {weighted: {services: [{name: some}]}}
    some: {loadBalancer: {servers: [{url: "http://192.0.2.1"}, {url: "http://192.0.2.2"}]}}
    idle: {loadBalancer: {servers: [{url: "http://192.0.2.1"}]}}
tcp:
  routers: {r: {rule: HostSNI(`*`), service: some}}
  services:
    some: {loadBalancer: {servers: [{address: "192.0.2.1:1"}]}}
"""


def state_of(text: str = CONFIGURATION) -> State:
    state = State()
    publish(state, text)
    return state


def publish(state: State, text: str) -> None:
    plan, report = compiled(text)
    assert not told(report)
    state.publish(plan, report, {}, {})


def status(report: Report, name: str = "some@file") -> dict[str, str]:
    return dict(report.services[name].server_status)


def test_servers_are_up_until_something_else_is_told() -> None:
    state = state_of()
    assert status(state.report) == {"http://192.0.2.1": "UP", "http://192.0.2.2": "UP"}
    assert status(state.report, "idle@file") == {}
    state.note_health(Health("some@file", frozenset({"http://192.0.2.2"})))
    assert status(state.report) == {"http://192.0.2.1": "UP", "http://192.0.2.2": "DOWN"}
    assert state.report.tcp_services["some@file"].server_status == {"192.0.2.1:1": "UP"}
    state.note_health(Health("some@file", frozenset({"192.0.2.1:1"}), "tcp"))
    assert state.report.tcp_services["some@file"].server_status == {"192.0.2.1:1": "DOWN"}
    state.note_health(Health("some@file", frozenset()))
    assert status(state.report) == {"http://192.0.2.1": "UP", "http://192.0.2.2": "UP"}


def test_a_reload_forgets_nothing() -> None:
    state = state_of()
    state.note_health(Health("some@file", frozenset({"http://192.0.2.2"})))
    publish(state, CONFIGURATION + "\n")
    assert status(state.report) == {"http://192.0.2.1": "UP", "http://192.0.2.2": "DOWN"}


def test_news_of_services_that_are_gone_or_idle_change_nothing() -> None:
    state = state_of()
    before = state.report
    state.note_health(Health("gone@file", frozenset({"http://192.0.2.2"})))
    state.note_health(Health("idle@file", frozenset({"http://192.0.2.1"})))
    assert state.report is before
