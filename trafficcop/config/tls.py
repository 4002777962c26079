"""The `tls` section of the dynamic configuration, and the TLS pieces that others share."""

from __future__ import annotations

from collections.abc import Mapping

from trafficcop.config.lazy import dataclass
from trafficcop.config.scalars import FileOrContent
from trafficcop.config.schema import mapping, option


@dataclass(frozen=True, slots=True)
class ClientTLS:
    """`http.middlewares.rateLimit.redis.tls`."""

    ca: str = ""
    cert: str = ""
    insecure_skip_verify: bool = False
    key: str = ""


@dataclass(frozen=True, slots=True)
class Domain:
    """`http.routers.tls.domains`."""

    main: str = ""
    sans: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Certificate:
    """`http.serversTransports.certificates`."""

    cert_file: FileOrContent = FileOrContent("")
    key_file: FileOrContent = FileOrContent("")


@dataclass(frozen=True, slots=True)
class Spiffe:
    """`http.serversTransports.spiffe`."""

    ids: tuple[str, ...] = ()
    trust_domain: str = ""


@dataclass(frozen=True, slots=True)
class StoreCertificate:
    """`tls.certificates`."""

    cert_file: FileOrContent = FileOrContent("")
    key_file: FileOrContent = FileOrContent("")
    stores: tuple[str, ...] = ("default",)


@dataclass(frozen=True, slots=True)
class ClientAuth:
    """`tls.options.clientAuth`."""

    ca_files: tuple[FileOrContent, ...] = ()
    client_auth_type: str = ""


@dataclass(frozen=True, slots=True)
class TLSOptions:
    """`tls.options`."""

    alpn_protocols: tuple[str, ...] = ("h2", "http/1.1", "acme-tls/1")
    cipher_suites: tuple[str, ...] = ()
    client_auth: ClientAuth | None = None
    curve_preferences: tuple[str, ...] = ()
    disable_session_tickets: bool = False
    max_version: str = ""
    min_version: str = ""
    prefer_server_cipher_suites: bool | None = option(None, deprecated="no effect, remove it")
    sni_strict: bool = False


@dataclass(frozen=True, slots=True)
class GeneratedCert:
    """`tls.stores.defaultGeneratedCert`."""

    domain: Domain | None = None
    resolver: str = ""


@dataclass(frozen=True, slots=True)
class TLSStore:
    """`tls.stores`."""

    default_certificate: Certificate | None = option(None, not_in_labels=True)
    default_generated_cert: GeneratedCert | None = None


@dataclass(frozen=True, slots=True)
class TLSConfiguration:
    """`tls`."""

    certificates: tuple[StoreCertificate, ...] = option((), not_in_labels=True)
    options: Mapping[str, TLSOptions] = mapping()
    stores: Mapping[str, TLSStore] = mapping()
