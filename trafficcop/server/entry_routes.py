"""What a plan says about one entry point: where plain HTTP, HTTPS and other streams go. Swapped whole by a reload."""

from __future__ import annotations

from typing import Protocol

from trafficcop.http.messages import Handler
from trafficcop.http.streams import StreamHandler
from trafficcop.rules.tcp_matchers import TCPFacts
from trafficcop.tls.table import HostTable, TLSTable


class StreamMatch:
    """The TCP router that takes a TLS connection. `is_catch_all`: its rule is HostSNI(`*`), so HTTPS routers with a
    host come first (Traefik `pkg/server/router/tcp/router.go`). `tls_options`: by which TLS is terminated here, if it
    is not passed through."""

    __slots__ = ("handler", "is_catch_all", "is_passthrough", "tls_options")

    def __init__(self, handler: StreamHandler, *, is_catch_all: bool, is_passthrough: bool, tls_options: str) -> None:
        self.handler = handler
        self.is_catch_all = is_catch_all
        self.is_passthrough = is_passthrough
        self.tls_options = tls_options


class StreamRouter(Protocol):
    """The TCP routers of an entry point. `is_immediate`: there are some without TLS and none with, so that a
    connection is dispatched before its first byte: servers may speak first."""

    is_immediate: bool

    def match_plain(self, facts: TCPFacts) -> StreamHandler | None:
        """The router without TLS that takes a connection that does not speak TLS."""

    def match_tls(self, facts: TCPFacts) -> StreamMatch | None:
        """The router with TLS for a ClientHello."""


class EntryRoutes:
    """Where the connections of one entry point go. `https` answers what came through TLS; `hosts` has the TLS options
    of its routers by server name, `tls` what these options and their certificates are."""

    __slots__ = ("hosts", "http", "https", "streams", "tls")

    def __init__(
        self,
        http: Handler,
        https: Handler,
        streams: StreamRouter | None = None,
        hosts: HostTable | None = None,
        tls: TLSTable | None = None,
    ) -> None:
        self.http = http
        self.https = https
        self.streams = streams
        self.hosts = HostTable() if hosts is None else hosts
        self.tls = tls
