"""What a plan says about TLS: which options a server name gets on an entry point, and with them which certificate."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from typing import Final

from trafficcop.tls.client_hello import ClientHello
from trafficcop.tls.contexts import Certificate, Contexts, ServerOptions, choose_curve, is_curve_offered
from trafficcop.tls.engine import Endpoint
from trafficcop.tls.generated import generate_quickly
from trafficcop.tls.names import curves_of
from trafficcop.tls.store import CertificateStore

DEFAULT: Final = "default"
HTTP_PROTOCOLS: Final = ("h2", "http/1.1")  # that are spoken here

UNRECOGNIZED_NAME: Final = 112
NO_APPLICATION_PROTOCOL: Final = 120
INTERNAL_ERROR: Final = 80


class Refused(Exception):
    """No handshake: the alert to send (RFC 8446 §6.2)."""

    def __init__(self, alert: int) -> None:
        super().__init__(alert)
        self.alert = alert

    @property
    def record(self) -> bytes:
        return bytes((0x15, 3, 3, 0, 2, 2, self.alert))


class HostTable:
    """TLS options by server name, on one entry point. "" closes the connection: the options are broken."""

    __slots__ = ("_exact", "_wild", "catch_all")

    def __init__(self) -> None:
        self._exact: dict[str, str] = {}
        self._wild: dict[str, str] = {}
        self.catch_all: str | None = None

    def add(self, domains: Iterable[str], options: str) -> None:
        """Take the domains of a router's rule; one without any is there for every name."""
        is_everywhere = True
        for domain in domains:
            is_everywhere = False
            if domain == "*":
                self.catch_all = options
            elif domain.startswith("*."):
                self._wild[domain[1:].rstrip(".")] = options
            else:
                self._exact[domain.rstrip(".")] = options
        if is_everywhere and self.catch_all is None:
            self.catch_all = DEFAULT

    def find(self, server_name: str) -> str | None:
        """The options for this very name, or for it with a star in front; the longer rule wins, which is the exact."""
        found = self._exact.get(server_name)
        if found is None:
            found = self._wild.get(server_name[server_name.find(".") :]) if "." in server_name else None
        return found


class _Policy:
    """TLS options made ready."""

    __slots__ = ("alpn", "curves", "http_alpn", "options")

    def __init__(self, options: ServerOptions) -> None:
        self.options = options
        self.alpn = options.alpn
        self.http_alpn = tuple(name for name in options.alpn if name in HTTP_PROTOCOLS)
        self.curves = tuple(curve for curve in curves_of(options.curves) if is_curve_offered(curve[0]))


class TLSTable:
    """The options and certificates of a plan, for all entry points."""

    __slots__ = ("_contexts", "_endpoints", "_has_default", "_policies", "_store")

    def __init__(
        self,
        options: Mapping[str, ServerOptions],
        certificates: Iterable[Certificate],
        default: Certificate | None,
        contexts: Contexts,
        *,
        has_default: bool = True,
    ) -> None:
        self._has_default = has_default
        self._policies = {name: _Policy(one) for name, one in options.items()}
        self._store = CertificateStore(((one.names, one) for one in certificates), default)
        self._contexts = contexts
        # What was asked for before is found by words alone.
        self._endpoints: dict[tuple[str, str, str, bool, bool], Endpoint] = {}

    def has(self, options: str) -> bool:
        """Whether there are such options; a connection that needs others is closed."""
        return options in self._policies

    def endpoint(self, options: str, hello: ClientHello, local_address: str, *, is_http: bool) -> Endpoint:
        """What answers this ClientHello. `Refused` when nothing may."""
        policy = self._policies[options]
        if hello.alpn and not _has_common(hello.alpn, policy.alpn):
            raise Refused(NO_APPLICATION_PROTOCOL)
        certificate = self._certificate(hello.server_name or local_address, is_strict=policy.options.is_strict)
        curve = choose_curve(policy.curves, hello) if policy.curves else ""
        is_stapled = hello.wants_staple and certificate.id in self._contexts.staples
        key = (options, certificate.id, curve, is_http, is_stapled)
        found = self._endpoints.get(key)
        if found is None:
            alpn = policy.http_alpn if is_http else policy.alpn
            try:
                found = self._contexts.get(policy.options, certificate, alpn, curve, is_stapled=is_stapled)
            except (ssl.SSLError, ValueError, OSError) as error:
                raise Refused(INTERNAL_ERROR) from error
            self._endpoints[key] = found
        return found

    def _certificate(self, name: str, *, is_strict: bool) -> Certificate:
        store = self._store
        found = store.find(name)
        if found is not None:
            return found
        if is_strict or not self._has_default:
            raise Refused(UNRECOGNIZED_NAME)
        if store.default is None:
            store.default = generate_quickly()
        return store.default


def _has_common(theirs: tuple[str, ...], ours: tuple[str, ...]) -> bool:
    """Whether ALPN can be settled (RFC 7301 §3.2); a client that has HTTP/1.1 alone may go without, as in Go."""
    if not ours:
        return True
    return any(name in theirs for name in ours) or ("h2" in ours and "http/1.1" in theirs)
