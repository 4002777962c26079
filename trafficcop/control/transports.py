"""serversTransports as workers need them: files read; what cannot work is told and replaced (`pkg/server/service`)."""

from __future__ import annotations

from collections.abc import Mapping

from trafficcop.config.dynamic import ServersTransport
from trafficcop.config.stream import TCPServersTransport, TCPTransportTLS
from trafficcop.control.certificates import CertificateChecks, ca_error
from trafficcop.control.pairs import PairBook
from trafficcop.plan.model import TransportPlan
from trafficcop.plan.streams import TCPTransportPlan
from trafficcop.tls.client import ServerTrust, WrongVersion, client_context
from trafficcop.tls.names import UnknownName

Path = tuple[str | int, ...]


def read_transports(
    transports: Mapping[str, ServersTransport], checks: CertificateChecks, pairs: PairBook, *, has_spiffe: bool
) -> dict[str, TransportPlan]:
    """Every transport by its qualified name. One whose TLS cannot work serves with the default TLS, as in Traefik."""
    plans = {}
    for name, transport in transports.items():
        bare, _, provider = name.rpartition("@")
        is_static = provider == "internal"
        base: Path = ("serversTransport",) if is_static else ("http", "serversTransports", bare)
        pairs.note(*transport.root_cas)
        reader = _Reader("" if is_static else provider, base, checks)
        plans[name] = TransportPlan(transport, reader.trust(transport, has_spiffe))
    return plans


def read_stream_transports(
    transports: Mapping[str, TCPServersTransport], checks: CertificateChecks, pairs: PairBook, *, has_spiffe: bool
) -> tuple[TCPTransportPlan, ...]:
    """The same for TCP; what is wrong with SPIFFE is told by the services that would need it."""
    plans = []
    for name, transport in transports.items():
        tls = transport.tls
        if tls is None or tls.spiffe is not None or tls == TCPTransportTLS():
            plans.append(TCPTransportPlan(name, transport))
            continue
        bare, _, provider = name.rpartition("@")
        is_static = provider == "internal"
        base: Path = ("tcpServersTransport", "tls") if is_static else ("tcp", "serversTransports", bare, "tls")
        pairs.note(*tls.root_cas)
        options = ServersTransport(
            certificates=tls.certificates,
            insecure_skip_verify=tls.insecure_skip_verify,
            peer_cert_uri=tls.peer_cert_uri,
            root_cas=tls.root_cas,
            server_name=tls.server_name,
        )
        trust = _Reader("" if is_static else provider, base, checks).trust(options, has_spiffe)
        plans.append(TCPTransportPlan(name, transport, trust))
    return tuple(plans)


class _Reader:
    """Reads one transport. No provider: it stands in the static configuration."""

    def __init__(self, provider: str, base: Path, checks: CertificateChecks) -> None:
        self._provider = provider
        self._base = base
        self._checks = checks

    def _tell(self, text: str, *option: str | int) -> None:
        self._checks.tell(self._provider, (*self._base, *option), text)

    def trust(self, transport: ServersTransport, has_spiffe: bool) -> ServerTrust:
        trust = self._read(transport)
        if transport.spiffe is not None:
            if not has_spiffe:
                self._tell("SPIFFE is enabled for this transport, but not configured", "spiffe")
            elif trust != ServerTrust():
                self._tell("TLS and SPIFFE configuration cannot be defined at the same time", "spiffe")
            return ServerTrust()
        option, error = _tls_error(trust)
        if error:
            self._tell(error, *([option] if option else []))
            return ServerTrust()
        return trust

    def _read(self, transport: ServersTransport) -> ServerTrust:
        """Certificates that cannot be read are left out, one by one."""
        roots = []
        for index, file in enumerate(transport.root_cas):
            error = ca_error(file)
            if error:
                self._tell(error, "rootCAs", index)
            else:
                roots.append(file.read().decode())
        pairs = []
        for index, given in enumerate(transport.certificates):
            path = (*self._base, "certificates", index)
            pair = self._checks.pair(self._provider, path, given.cert_file, given.key_file)
            if pair is not None:
                pairs.append((pair.chain, pair.key))
        return ServerTrust(
            roots=tuple(roots) if transport.root_cas else None,
            pairs=tuple(pairs),
            server_name=transport.server_name,
            is_unverified=transport.insecure_skip_verify,
            peer_uri=transport.peer_cert_uri,
            ciphers=transport.cipher_suites,
            min_version=transport.min_version,
            max_version=transport.max_version,
        )


def _tls_error(trust: ServerTrust) -> tuple[str, str]:
    """The option that cannot be met and why; two "" for what can work."""
    if trust == ServerTrust():
        return "", ""
    try:
        client_context(trust, ())
    except UnknownName as error:
        return "cipherSuites", str(error)
    except WrongVersion as error:
        return error.option, str(error)
    except (ValueError, OSError) as error:
        return "", str(error)
    return "", ""
