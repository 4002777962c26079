"""The router of an entry point: candidates of the host, tried by priority; the first that matches wins.

Its cost does not grow with the number of routers: they are indexed by the hosts, and within a host by the paths, that
their rules require (`rules/requirements.py`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Iterator
from heapq import merge
from itertools import islice
from typing import Final, NamedTuple

from trafficcop.http.messages import Handler, Ready, Request, Response, Route, bare_response, text_response
from trafficcop.http.meter import Meter
from trafficcop.http.paths import routing_path
from trafficcop.plan.model import RouterPlan
from trafficcop.router.bucket import Bucket, Claim, IndexedBucket, build_bucket
from trafficcop.rules.requirements import Host, required_hosts

_STEP: Final = 32  # so many routers are a few tenths of a millisecond of work


class RouteEntry(NamedTuple):
    """A router and what takes its requests: its middlewares with its service behind them, or its children."""

    plan: RouterPlan
    handler: Handler
    meter: Meter | None = None
    is_measured: bool = True


class HTTPRouter:
    """A Handler that passes a request on to the first router whose rule matches; 404 if there is none."""

    __slots__ = ("_generic", "_hosts", "_wildcards")

    def __init__(self, entries: Iterable[RouteEntry] = (), parent: Route | None = None) -> None:
        self._generic = Bucket(())
        self._wildcards: dict[bytes, Bucket] = {}
        self._hosts: dict[bytes, Bucket] = {}
        for _ in self.index(entries, parent):
            pass

    def index(self, entries: Iterable[RouteEntry], parent: Route | None = None) -> Iterator[None]:
        """Enter the routers, in steps that are short however many there are. It routes when the last step is done."""
        hosts: dict[Host, list[Claim]] = {}
        wildcards: dict[Host, list[Claim]] = {}
        generic: list[Claim] = []
        chunks: list[list[RouteEntry]] = []
        source = iter(entries)
        while chunk := sorted(islice(source, 8 * _STEP), key=_precedence):
            chunks.append(chunk)
            yield
        for order, entry in enumerate(merge(*chunks, key=_precedence)):
            claim, keys = _claim(order, entry, parent)
            if keys is None:
                generic.append(claim)
            for key in keys or ():
                (wildcards if key.is_wildcard else hosts).setdefault(key, []).append(claim)
            if order % _STEP == 0:
                yield
        self._generic = yield from build_bucket(generic)
        more = () if self._generic.is_empty else (self._generic,)
        # What is built is taken away at once: freeing all claims in the end would be a long step, too.
        while wildcards:
            key, found = wildcards.popitem()
            self._wildcards[key.name] = yield from build_bucket(found, more)
        while hosts:
            key, found = hosts.popitem()
            wildcard = self._wildcards.get(_after_label(key.name))
            self._hosts[key.name] = yield from build_bucket(found, more if wildcard is None else (wildcard, *more))
            if len(hosts) % _STEP == 0:
                yield

    def dismantle(self) -> list[object]:
        """What it is made of, to be freed one by one; the router itself is empty from now on."""
        buckets = [self._generic, *self._wildcards.values(), *self._hosts.values()]
        self._generic, self._wildcards, self._hosts = Bucket(()), {}, {}
        return [
            *buckets,
            *(piece for bucket in buckets if isinstance(bucket, IndexedBucket) for piece in bucket.pieces()),
        ]

    def __call__(self, request: Request) -> Awaitable[Response]:
        bucket = self._hosts.get(request.host)
        if bucket is None:
            bucket = self._other(request.host)
        candidate = bucket.find(request)
        if candidate is None:
            return Ready(text_response(404, b"404 page not found"))
        request.route = candidate.route
        return candidate.handler(request)

    def _other(self, host: bytes) -> Bucket:
        """The routers of a host that is not named as it stands: a dot at its end, a wildcard, or neither."""
        if not host:
            return self._generic
        bare = host[:-1] if host.endswith(b".") else host
        found = self._hosts.get(bare) or self._wildcards.get(_after_label(bare))
        return self._generic if found is None else found


class ChildRouter:
    """The router behind the middlewares of a parent (`parentRefs`): it sees the path as they left it."""

    __slots__ = ("_router",)

    def __init__(self, entries: Iterable[RouteEntry], parent: Route) -> None:
        self._router = HTTPRouter(entries, parent)

    def __call__(self, request: Request) -> Awaitable[Response]:
        path = routing_path(request.raw_path)
        if path is None:
            return Ready(bare_response(400))
        request.path = path
        return self._router(request)


def _precedence(entry: RouteEntry) -> tuple[int, int, str]:
    return -entry.plan.priority, entry.plan.rank, entry.plan.name


def route_of(
    plan: RouterPlan, parent: Route | None = None, meter: Meter | None = None, *, is_measured: bool = True
) -> Route:
    """What logs say of a router. A child goes by the whole way to it, and is observed as the router at its root."""
    service = plan.service or f"{plan.name}-muxer"
    if parent is None:
        is_logged = plan.observability.access_logs
        return Route(plan.name, service, is_logged=is_logged, is_measured=is_measured, meter=meter)
    return Route(
        f"{parent.name} -> {plan.name}",
        service,
        is_logged=parent.is_logged,
        is_measured=parent.is_measured,
        meter=parent.meter,
    )


def _claim(order: int, entry: RouteEntry, parent: Route | None) -> tuple[Claim, Iterable[Host] | None]:
    """What a router wants, and of which hosts; None is all."""
    plan = entry.plan
    route = route_of(plan, parent, entry.meter, is_measured=entry.is_measured)
    required = required_hosts(plan.rule, plan.syntax)
    if required is None:
        return Claim(order, route, entry.handler, plan.rule, plan.syntax), None
    return Claim(order, route, entry.handler, required.rest, plan.syntax), required.keys


def _after_label(host: bytes) -> bytes:
    dot = host.find(b".")
    return host[dot:] if dot >= 0 else b""
