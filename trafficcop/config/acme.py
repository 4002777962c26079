"""Certificate resolvers: the static options."""

from __future__ import annotations

from trafficcop.config.lazy import dataclass
from trafficcop.config.scalars import Duration
from trafficcop.config.schema import option


@dataclass(frozen=True, slots=True)
class Propagation:
    """`certificatesResolvers.acme.dnsChallenge.propagation`."""

    delay_before_checks: Duration = Duration.of("0s")
    disable_ans_checks: bool = option(False, key="disableANSChecks")
    disable_checks: bool = False
    require_all_rns: bool = option(False, key="requireAllRNS")


@dataclass(frozen=True, slots=True)
class DNSChallenge:
    """`certificatesResolvers.acme.dnsChallenge`."""

    delay_before_check: Duration = option(Duration.of("0s"), deprecated="use propagation.delayBeforeChecks")
    disable_propagation_check: bool = option(False, deprecated="use propagation.disableChecks")
    propagation: Propagation | None = option(None, may_be_empty=True)
    provider: str = ""
    resolvers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExternalAccountBinding:
    """`certificatesResolvers.acme.eab`."""

    hmac_encoded: str = option("", secret=True)
    kid: str = ""


@dataclass(frozen=True, slots=True)
class HTTPChallenge:
    """`certificatesResolvers.acme.httpChallenge`."""

    delay: Duration = Duration.of("0s")
    entry_point: str = ""


@dataclass(frozen=True, slots=True)
class TLSChallenge:
    """`certificatesResolvers.acme.tlsChallenge`."""

    delay: Duration = Duration.of("0s")


@dataclass(frozen=True, slots=True)
class ACME:
    """`certificatesResolvers.acme`."""

    ca_certificates: tuple[str, ...] = ()
    ca_server: str = "https://acme-v02.api.letsencrypt.org/directory"
    ca_server_name: str = ""
    ca_system_cert_pool: bool = False
    certificates_duration: int = 2160
    certificate_timeout: Duration = Duration.of("30s")
    client_response_header_timeout: Duration = Duration.of("30s")
    client_timeout: Duration = Duration.of("120s")
    disable_common_name: bool = False
    dns_challenge: DNSChallenge | None = option(None, may_be_empty=True)
    eab: ExternalAccountBinding | None = None
    email: str = ""
    email_addresses: tuple[str, ...] = ()
    http_challenge: HTTPChallenge | None = option(None, may_be_empty=True)
    key_type: str = "RSA4096"
    preferred_chain: str = ""
    profile: str = ""
    storage: str = "acme.json"
    tls_challenge: TLSChallenge | None = option(None, may_be_empty=True)


@dataclass(frozen=True, slots=True)
class Tailscale:
    """`certificatesResolvers.tailscale`."""


@dataclass(frozen=True, slots=True)
class CertificatesResolver:
    """`certificatesResolvers`."""

    acme: ACME | None = None
    tailscale: Tailscale | None = option(None, may_be_empty=True)
