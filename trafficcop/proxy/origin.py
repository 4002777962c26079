"""Where a server is and how we talk to it: what a pool of connections is keyed by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from trafficcop.config.dynamic import ForwardingTimeouts
from trafficcop.errors import Kind, ProxyError
from trafficcop.plan.model import TransportPlan
from trafficcop.tls.client import DEFAULT_TRUST, ServerTrust

_PORTS: Final = {"http": 80, "https": 443, "h2c": 80}


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port of a server, or a Unix socket (`unix_path`) for our own control process."""

    scheme: str
    host: str
    port: int
    unix_path: str = ""

    @classmethod
    def of(cls, url: str) -> Origin:
        """From a server's URL; ProxyError when nobody can be there."""
        parts = urlsplit(url)
        scheme = parts.scheme.lower()
        if not parts.netloc.rpartition("@")[2]:
            raise ProxyError(Kind.NO_HOST, url, is_retryable=True)
        try:
            port = parts.port
        except ValueError as error:  # 65536 and more
            raise ProxyError(Kind.UNREACHABLE, f"{url}: {error}", is_retryable=True) from None
        # A port alone is one of this machine, as it is to Go.
        return cls(scheme, parts.hostname or "localhost", _PORTS.get(scheme, 80) if port is None else port)

    def __str__(self) -> str:
        return self.unix_path or f"{self.scheme}://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Limits:
    """How a server may be talked to, as a serversTransport says; seconds, 0 = no limit."""

    dial_timeout: float = 30.0
    response_header_timeout: float = 0.0
    idle_timeout: float = 90.0
    max_idle: int = 200
    read_idle_timeout: float = 0.0
    ping_timeout: float = 15.0
    is_http2_disabled: bool = False
    trust: ServerTrust = DEFAULT_TRUST

    @classmethod
    def of(cls, plan: TransportPlan) -> Limits:
        """Go keeps 2 idle connections for 0, and none for a negative number (`pkg/server/service/transport.go`)."""
        transport = plan.options
        timeouts = transport.forwarding_timeouts or ForwardingTimeouts()
        idle = transport.max_idle_conns_per_host
        return cls(
            timeouts.dial_timeout.seconds,
            timeouts.response_header_timeout.seconds,
            timeouts.idle_conn_timeout.seconds,
            2 if idle == 0 else max(idle, 0),
            timeouts.read_idle_timeout.seconds,
            timeouts.ping_timeout.seconds,
            transport.disable_http2,
            plan.trust,
        )
