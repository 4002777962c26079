"""Which servers of UDP services are checked, and how (`loadBalancer.healthCheck`, an option of ours)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

from trafficcop.config.datagrams import UDPServerHealthCheck
from trafficcop.control.checks.health import CheckFailed, Checks, Probe
from trafficcop.control.checks.terms import LONGEST, schedule_of
from trafficcop.plan.model import Plan


def udp_checks(plan: Plan) -> Iterator[Checks]:
    """The checks of every UDP service that has them and that a router uses."""
    for service_plan in plan.udp_services:
        balancer = service_plan.service.load_balancer
        if balancer is None or balancer.health_check is None:
            continue
        config = balancer.health_check
        probes: dict[str, Probe] = {server.address: UDPProbe(server.address, config) for server in balancer.servers}
        yield Checks("udp", service_plan.name, config, schedule_of(config), probes)


class UDPProbe:
    """Sends the payload and waits for an answer that starts as expected. Without a payload it sends an empty datagram,
    which few servers answer: then it is enough that the machine does not refuse it within the time."""

    __slots__ = ("_address", "_expect", "_payload", "_wait")

    def __init__(self, address: str, config: UDPServerHealthCheck) -> None:
        host, _, port = address.rpartition(":")
        self._address = (host.removeprefix("[").removesuffix("]") or "localhost", config.port or port)
        self._payload = config.payload.encode("latin-1")
        self._expect = config.expect.encode("latin-1")
        self._wait = 0.0 if config.payload or config.expect else schedule_of(config).timeout / 2

    async def __call__(self) -> None:
        loop = asyncio.get_running_loop()
        host, port = self._address
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        family, _, _, _, target = min(found, key=lambda entry: entry[0] != socket.AF_INET)
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.connect(target)
            sock.send(self._payload)
            if self._wait:
                await self._listen(sock)
                return
            answer = await loop.sock_recv(sock, LONGEST)
        if not answer.startswith(self._expect):
            raise CheckFailed(f"the answer does not start as expected but with {answer[:32]!r}")

    async def _listen(self, sock: socket.socket) -> None:
        """Any answer is welcome, and none is enough."""
        try:
            async with asyncio.timeout(self._wait):
                await asyncio.get_running_loop().sock_recv(sock, LONGEST)
        except TimeoutError:
            return
