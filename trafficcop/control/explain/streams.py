"""Where a TCP connection ends: the tree of its service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trafficcop.plan.report import ServiceInfo
from trafficcop.plan.streams import TCPServicePlan

Object = dict[str, Any]


class StreamServices:
    """Shows TCP services. `infos`: what is known of the health of servers, nothing where nobody runs."""

    def __init__(self, plans: tuple[TCPServicePlan, ...], infos: Mapping[str, ServiceInfo]) -> None:
        self._services = {plan.name: plan.service for plan in plans}
        self._infos = infos
        self._shown: set[str] = set()

    def tree(self, name: str) -> Object:
        service = self._services[name]
        shown: Object = {"name": name, "kind": "loadBalancer" if service.weighted is None else "weighted"}
        if name in self._shown:  # two ways lead here: one is told
            return {
                "name": name,
                "kind": "weighted" if service.weighted is not None else "loadBalancer",
                "repeated": True,
            }
        self._shown.add(name)
        if service.weighted is not None:
            children = [self.tree(child.name) | {"weight": child.weight} for child in service.weighted.services]
            return shown | {"services": children}
        info = self._infos.get(name)
        status = {} if info is None else info.server_status
        servers = (
            []
            if service.load_balancer is None
            else [
                {"address": server.address, "weight": 1 if server.weight is None else server.weight}
                | ({"tls": True} if server.tls else {})
                | ({"status": status[server.address]} if server.address in status else {})
                for server in service.load_balancer.servers
            ]
        )
        return shown | {"servers": servers}
