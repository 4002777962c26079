"""Where a request ends: the tree of its service, with the servers and how they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

from trafficcop.config.dynamic import LoadBalancer, Server, Service, Sticky
from trafficcop.control.explain.middlewares import Chain
from trafficcop.control.explain.rules import text
from trafficcop.http.messages import Request
from trafficcop.plan.model import Plan
from trafficcop.plan.report import ServiceInfo
from trafficcop.service.strategies import STRATEGIES

Object = dict[str, Any]
_NOOP = "noop@internal"


class Ejected(Protocol):
    """Who knows for how long a server is out for its answers."""

    def seconds_left(self, service: str, url: str) -> float:
        """0 if it is not."""


class Services:
    """Shows services. `infos`: what is known of the health of servers, nothing where nobody runs."""

    def __init__(self, plan: Plan, infos: Mapping[str, ServiceInfo], ejected: Ejected | None) -> None:
        self._plan = plan
        self._infos = infos
        self._ejected = ejected
        self._told: dict[str, Object | None] = {}  # services that were shown, with their answers

    async def tree(self, name: str, request: Request, doubts: list[str]) -> tuple[Object, Object | None]:
        """The service, and its answer if it needs no server for that. `doubts`: as of a Chain."""
        shown: Object = {"name": name}
        plan = self._plan.services.get(name)
        service = None if plan is None else plan.service
        kind = "" if service is None else _kind(service)
        if service is None or not kind:
            return shown | {"kind": "internal"}, _answer(418, name) if name == _NOOP else None
        shown["kind"] = kind
        if name in self._told:  # two ways lead here: one is told
            return shown | {"repeated": True}, self._told[name]
        self._told[name] = answer = await self._fill(shown, name, service, request, doubts)
        return shown, answer

    async def _fill(
        self, shown: Object, name: str, service: Service, request: Request, doubts: list[str]
    ) -> Object | None:
        """All that is to be shown of a service; its answer."""
        if service.middlewares:
            request = _copied(request)
            chain = Chain(self._plan.middlewares, request, doubts)
            answer = await chain.run(service.middlewares)
            shown["middlewares"] = chain.steps
            if answer is not None:
                return answer
        if service.load_balancer is not None:
            shown |= self._balancer(name, service.load_balancer, request)
            is_served = bool(shown["available"]) or service.load_balancer.retry_for > 0
            return None if is_served else _answer(503, name)
        shown |= _options(service)
        shown["services"] = services = []
        answers: list[Object | None] = []
        for child, about in _children(service):
            tree, answer = await self.tree(child, request, [])
            services.append(tree | about)
            answers.append(answer)
        return _concluded(name, service, services, answers)

    def _balancer(self, name: str, options: LoadBalancer, request: Request) -> Object:
        info = self._infos.get(name)
        status = {} if info is None else info.server_status
        shown: Object = {"strategy": options.strategy or "wrr"}
        if options.sticky is not None:
            shown["sticky"] = _sticky(options.sticky)
        if options.retry_for > 0:
            shown["retryFor"] = str(options.retry_for)
        shown["sent"] = {"method": text(request.method), "path": _target(request)}
        if options.pass_host_header:
            shown["sent"]["host"] = text(request.authority)
        shown["servers"] = servers = [self._server(name, server, status, request) for server in options.servers]
        is_weighted = STRATEGIES[options.strategy].is_weighted
        shown["available"] = sum(_is_available(server, is_weighted=is_weighted) for server in servers)
        return shown

    def _server(self, service: str, server: Server, status: Mapping[str, str], request: Request) -> Object:
        shown: Object = {"url": server.url, "weight": 1 if server.weight is None else server.weight}
        if server.fenced:
            shown["fenced"] = True
        prefix = urlsplit(server.url).path.rstrip("/") if server.preserve_path else ""
        if prefix:
            shown["path"] = _target(request, prefix)
        if server.url in status:
            shown["status"] = status[server.url]
        left = 0.0 if self._ejected is None else self._ejected.seconds_left(service, server.url)
        if left > 0:
            shown["ejectedFor"] = round(left, 1)
        return shown


def _target(request: Request, prefix: str = "") -> str:
    """As `proxy/forward.py` sends it: a path that a middleware left empty is the root."""
    path = prefix + text(request.raw_path) or "/"
    return path if request.query is None else f"{path}?{text(request.query)}"


def _is_available(server: Object, *, is_weighted: bool) -> bool:
    """Whether a request without a cookie may be sent there."""
    has_turns = server["weight"] > 0 or not is_weighted
    return has_turns and server.get("status") != "DOWN" and not server.get("fenced")


def _answer(status: int, name: str) -> Object:
    return {"status": status, "by": "service", "name": name, "headers": {}}


def _copied(request: Request) -> Request:
    """A request whose changes are of no concern to the other services: what middlewares look at and may change."""
    twin = Request(request.method, request.raw_path, request.query, request.headers.copy(), request.body, request.peer)
    twin.path, twin.authority, twin.host = request.path, request.authority, request.host
    twin.upgrade, twin.marks = request.upgrade, request.marks
    twin.notes = None if request.notes is None else dict(request.notes)
    return twin


def _kind(service: Service) -> str:
    kinds = {
        "loadBalancer": service.load_balancer,
        "weighted": service.weighted,
        "highestRandomWeight": service.highest_random_weight,
        "failover": service.failover,
        "mirroring": service.mirroring,
    }
    return next((kind for kind, options in kinds.items() if options is not None), "")


def _concluded(name: str, service: Service, children: list[Object], answers: list[Object | None]) -> Object | None:
    """What a service of services answers, whichever of them is chosen."""
    if service.mirroring is not None:
        return answers[0]
    if service.failover is not None:
        return answers[1] if _is_unserved(answers[0]) else None
    if service.weighted is not None:
        answers = [answer for child, answer in zip(children, answers, strict=True) if child["weight"] > 0]
    if all(map(_is_unserved, answers)):
        return _answer(503, name)
    return answers[0] if all(answer == answers[0] for answer in answers) else None


def _is_unserved(answer: Object | None) -> bool:
    """Whether there is no server for a service."""
    return answer is not None and answer["status"] == 503 and answer["by"] == "service"


def _sticky(sticky: Sticky) -> str:
    if sticky.header is not None:
        return f"header {sticky.header.name}"
    if sticky.client_ip is not None:
        return "client address"
    return "cookie"


def _options(service: Service) -> Object:
    if service.weighted is not None and service.weighted.sticky is not None:
        return {"sticky": _sticky(service.weighted.sticky)}
    return {}


def _children(service: Service) -> list[tuple[str, Object]]:
    """The name of each child, and its weight or its part."""
    if service.weighted is not None:
        return [(child.name, {"weight": child.weight}) for child in service.weighted.services]
    if service.highest_random_weight is not None:
        return [(child.name, {"weight": child.weight}) for child in service.highest_random_weight.services]
    if service.failover is not None:
        return [(service.failover.service, {"role": "main"}), (service.failover.fallback, {"role": "fallback"})]
    if service.mirroring is not None:
        mirrors = [(one.name, {"role": "mirror", "percent": one.percent}) for one in service.mirroring.mirrors]
        return [(service.mirroring.service, {"role": "main"}), *mirrors]
    return []
