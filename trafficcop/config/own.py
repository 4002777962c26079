"""Options that are ours, not Traefik's."""

from __future__ import annotations

from collections.abc import Mapping

from trafficcop.config.lazy import dataclass
from trafficcop.config.scalars import Duration, FileOrContent
from trafficcop.config.schema import mapping, option
from trafficcop.config.shared import IPStrategy


@dataclass(frozen=True, slots=True)
class ForwardAuthCache:
    """`http.middlewares.forwardAuth.cache`: positive answers are remembered for `ttl`."""

    key_headers: tuple[str, ...] = ("Authorization", "Cookie")
    ttl: Duration = Duration.of("0s")


@dataclass(frozen=True, slots=True)
class IPDenyList:
    """`http.middlewares.ipDenyList`."""

    ip_strategy: IPStrategy | None = option(None, may_be_empty=True)
    reject_status_code: int = 0
    source_range: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JWT:
    """`http.middlewares.jwt`."""

    algorithms: tuple[str, ...] = ()
    audience: tuple[str, ...] = ()
    claim_headers: Mapping[str, str] = mapping()
    claims: Mapping[str, str] = mapping()
    cookie: str = ""
    header: str = "Authorization"
    issuer: tuple[str, ...] = ()
    jwks_refresh_interval: Duration = Duration.of("5m")
    jwks_url: str = ""
    leeway: Duration = Duration.of("0s")
    public_key: FileOrContent = FileOrContent("")
    query: str = ""
    remove_header: bool = False
    required_claims: tuple[str, ...] = ()
    secret: FileOrContent = option(FileOrContent(""), secret=True)


@dataclass(frozen=True, slots=True)
class Limit:
    """`http.middlewares.limit`."""

    max_request_body_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Respond:
    """`http.middlewares.respond`."""

    body: str = ""
    file: str = ""
    headers: Mapping[str, str] = mapping()
    status: int = 200


@dataclass(frozen=True, slots=True)
class RouterTimeouts:
    """`http.routers.respondingTimeouts`."""

    round_trip: Duration = Duration.of("0s")
