"""TLS in the role of the client: what we require of a server, and the SSLContext that requires it."""

from __future__ import annotations

import ssl
from dataclasses import field
from typing import Protocol
from weakref import WeakValueDictionary

from trafficcop.config.lazy import dataclass
from trafficcop.config.scalars import FileOrContent
from trafficcop.tls.contexts import load_pair, set_range
from trafficcop.tls.engine import StandardEngine
from trafficcop.tls.names import VERSIONS, ciphers_of

H2 = "h2"
HTTP11 = "http/1.1"


@dataclass(frozen=True, slots=True)
class ServerTrust:
    """What a `serversTransport` says about TLS, with the files read. The defaults: system roots, TLS 1.2 and newer.

    `roots`: None means the system's; () means that nobody is trusted. `peer_uri` is compared with the URIs that the
    server's certificate is for. `pairs`: our own certificates and keys.
    """

    roots: tuple[str, ...] | None = None
    pairs: tuple[tuple[bytes, bytes], ...] = field(default=(), repr=False)
    server_name: str = ""
    is_unverified: bool = False
    peer_uri: str = ""
    ciphers: tuple[str, ...] = ()
    min_version: str = ""
    max_version: str = ""


class WrongVersion(ValueError):
    """A version that does not exist, or a range that is empty; `option` is to blame."""

    def __init__(self, option: str, text: str) -> None:
        super().__init__(text)
        self.option = option


DEFAULT_TRUST = ServerTrust()

_contexts: WeakValueDictionary[tuple[ServerTrust, tuple[str, ...]], ssl.SSLContext] = WeakValueDictionary()


class Client(Protocol):
    """The `tls` section of what Traefik asks itself: `forwardAuth.tls`, `rateLimit.redis.tls` (`pkg/types/tls.go`)."""

    @property
    def ca(self) -> str: ...
    @property
    def cert(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def insecure_skip_verify(self) -> bool: ...


def trust_of(given: Client) -> ServerTrust:
    """With the files read. ValueError with what is wrong."""
    roots: tuple[str, ...] | None = None
    pairs: tuple[tuple[bytes, bytes], ...] = ()
    try:
        if given.ca:
            roots = (FileOrContent(given.ca).read().decode(),)
            if not _is_bundle(roots[0]):
                raise ValueError("failed to parse CA")
        if bool(given.cert) != bool(given.key):
            raise ValueError("both TLS cert and key must be defined")
        if given.cert:
            pairs = ((FileOrContent(given.cert).read(), FileOrContent(given.key).read()),)
        trust = ServerTrust(roots, pairs, is_unverified=given.insecure_skip_verify)
        client_context(trust, ())
    except OSError as error:
        raise ValueError(_words(error)) from None
    return trust


def _is_bundle(text: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        return False
    return True


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return f"the certificates cannot be used: {error.reason or error}"
    return f"cannot read {error.filename}: {error.strerror}"


def client_context(trust: ServerTrust, protocols: tuple[str, ...]) -> ssl.SSLContext:
    """The context for `trust` that offers `protocols` by ALPN; shared by all who want the same.

    ValueError or ssl.SSLError when what is asked cannot be done.
    """
    key = (trust, protocols)
    context = _contexts.get(key)
    if context is None:
        context = _contexts[key] = _make(trust, protocols)
    return context


def _make(trust: ServerTrust, protocols: tuple[str, ...]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.options |= ssl.OP_NO_RENEGOTIATION
    # A connection that is cut off must not look like the end of an answer.
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    context.hostname_checks_common_name = False
    _set_versions(context, trust)
    _set_roots(context, trust)
    # OpenSSL keeps one pair for each type of key, the last: the first is wanted.
    for certificate, key in reversed(trust.pairs):
        load_pair(context, certificate, key)
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


def _set_versions(context: ssl.SSLContext, trust: ServerTrust) -> None:
    ciphers = ":".join(ciphers_of(trust.ciphers))
    lowest = _version(trust.min_version, "min") or ssl.TLSVersion.TLSv1_2
    highest = _version(trust.max_version, "max") or ssl.TLSVersion.TLSv1_3
    if lowest > highest:
        if trust.min_version:
            raise WrongVersion(
                "minVersion",
                f"TLS minimum version {trust.min_version} is above the maximum version {trust.max_version}",
            )
        lowest = highest
    if not ciphers and lowest == ssl.TLSVersion.TLSv1_2:
        lowest = ssl.TLSVersion.TLSv1_3  # nothing of TLS 1.2 is left
    # OpenSSL's own levels of security rule out the hashes of TLS 1.0 and 1.1, and those of its packagers short keys.
    level = 0 if lowest < ssl.TLSVersion.TLSv1_2 else 1
    context.set_ciphers(f"{ciphers or 'DEFAULT'}:@SECLEVEL={level}")
    set_range(context, lowest, highest)


def _version(name: str, limit: str) -> ssl.TLSVersion | None:
    if name and name not in VERSIONS:
        raise WrongVersion(f"{limit}Version", f"invalid TLS {limit}imum version: {name}")
    return VERSIONS.get(name)


def _set_roots(context: ssl.SSLContext, trust: ServerTrust) -> None:
    # A URI stands for the name of the host, but its certificate must come from somebody trusted all the same.
    if trust.is_unverified:
        context.check_hostname = False
        if not trust.peer_uri:
            context.verify_mode = ssl.CERT_NONE
            return
    if trust.roots is None:
        context.load_default_certs()
        return
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # any certificate that is listed is trusted, as in Go
    for bundle in trust.roots:
        context.load_verify_locations(cadata=bundle)


def wrong_peer(trust: ServerTrust, connection: StandardEngine) -> str:
    """Why the peer of a finished handshake is not the one we want although its certificate is good; "" if it is."""
    if not trust.peer_uri:
        return ""
    uris = connection.peer_uris()
    if trust.peer_uri in uris:
        return ""
    return f"the certificate is for {', '.join(uris) or 'no URI'}, not for {trust.peer_uri}"
