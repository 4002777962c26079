"""Services made of services: `weighted` and `highestRandomWeight`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from trafficcop.config.dynamic import Sticky as StickyConfiguration
from trafficcop.http.messages import Handler
from trafficcop.service.load_balancer import LoadBalancer, Server
from trafficcop.service.strategies import Beginning


class Watched(Protocol):
    """A service that can tell its parents when it goes down and when it is back."""

    @property
    def watchers(self) -> list[Callable[[bool], None]]: ...
    @property
    def looks(self) -> list[Callable[[], None]]: ...


class Child:
    """A service that takes a share of the requests, under the name that the parent's configuration gives it: Traefik
    makes cookies and hashes of that. `balancer` is set when its health counts for the parent."""

    __slots__ = ("balancer", "handler", "name", "weight")

    def __init__(self, name: str, weight: int, handler: Handler, balancer: Watched | None = None) -> None:
        self.name = name
        self.weight = weight
        self.handler = handler
        self.balancer = balancer


class _Follower:
    """Carries the health of a child to its parent."""

    __slots__ = ("_child", "_parent")

    def __init__(self, parent: LoadBalancer, child: str) -> None:
        self._parent = parent
        self._child = child

    def __call__(self, is_up: bool) -> None:
        self._parent.set_up(self._child, is_up)


def weighted(
    name: str,
    children: Sequence[Child],
    sticky: StickyConfiguration | None = None,
    beginning: Beginning | None = None,
) -> LoadBalancer:
    """Weighted turns over services, sticky if wanted."""
    return _balancer(name, children, "wrr", sticky, beginning)


def highest_random_weight(name: str, children: Sequence[Child], beginning: Beginning | None = None) -> LoadBalancer:
    """The same service for the same client address."""
    return _balancer(name, children, "hrw", None, beginning)


def _balancer(
    name: str,
    children: Sequence[Child],
    strategy: str,
    sticky: StickyConfiguration | None,
    beginning: Beginning | None,
) -> LoadBalancer:
    servers = [Server(child.name, child.weight, child.handler) for child in children]
    parent = LoadBalancer(name, servers, strategy, sticky, beginning)
    for child in children:
        if child.balancer is not None:
            child.balancer.watchers.append(_Follower(parent, child.name))
            parent.follow(child.balancer.looks)
    return parent
