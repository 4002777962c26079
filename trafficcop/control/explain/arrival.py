"""The entry point by which a request comes in."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from trafficcop.config.address import parse_address
from trafficcop.config.static import StaticConfiguration
from trafficcop.control.explain.index import PlanIndex
from trafficcop.control.explain.question import Question
from trafficcop.control.explain.rules import spelled
from trafficcop.errors import BadQuestion
from trafficcop.server.admission import canonical_host

# The dashboard's and ping's own: nobody means it who does not name it or its port.
_INTERNAL = "traefik"


def entry_point_of(question: Question, static: StaticConfiguration, index: PlanIndex) -> str:
    """Its name: the one that was asked for, else the one with the URL's port, else the likeliest if there is one.

    BadQuestion if there is none.
    """
    addresses = {name: parse_address(one.address) for name, one in static.entry_points.items()}
    ports = {name: address.port for name, address in addresses.items() if address.protocol == "tcp"}
    if question.entry_point:
        if question.entry_point not in ports:
            raise BadQuestion(f"entry point: there is no {question.entry_point!r}, only {_listed(ports)}")
        return question.entry_point
    found = [name for name in ports if ports[name] == question.port]
    if not found and question.parts.port is None:  # what clients connect to may be mapped to another port
        found = [name for name in ports if name != _INTERNAL]
    if not found:
        raise BadQuestion(f"entry point: none listens on port {question.port}: name one of {_listed(ports)}")
    for is_likely in _likelihoods(question, static, index):
        likely = [name for name in found if is_likely(name)]
        found = likely or found
    if len(found) > 1:
        raise BadQuestion(f"entry point: it may be any of {_listed(found)}: name one")
    return found[0]


def _likelihoods(question: Question, static: StaticConfiguration, index: PlanIndex) -> Iterable[Callable[[str], bool]]:
    """What speaks for an entry point, one after the other as long as several are left."""
    hosts = spelled(canonical_host(question.host.encode("ascii", "replace")))
    return (
        lambda name: index.speaks(name, is_tls=question.is_tls) or index.streams(name, is_tls=question.is_tls),
        lambda name: index.names_one(name, hosts, is_tls=question.is_tls),
        lambda name: static.entry_points[name].as_default,
        lambda name: (static.entry_points[name].http.tls is not None) == question.is_tls,
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
