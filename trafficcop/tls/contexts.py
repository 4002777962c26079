"""TLS options and certificates put together: contexts of the standard library, made when first needed and kept."""

from __future__ import annotations

import contextlib
import os
import ssl
import warnings
from collections.abc import Iterable, Iterator
from functools import cache

from trafficcop.config.lazy import dataclass
from trafficcop.tls.client_hello import ClientHello
from trafficcop.tls.engine import Endpoint, ServerEndpoint
from trafficcop.tls.names import VERSIONS, ciphers_of
from trafficcop.tls.openssl import can_name_authorities, forget_sessions, name_authorities, prefer_suites
from trafficcop.tls.tickets import TicketKeys

# Who names ChaCha20 first has no AES in its processor; `ssl` has no name for this option of OpenSSL.
PRIORITIZE_CHACHA = 1 << 21


@dataclass(frozen=True, slots=True)
class Certificate:
    """A chain and its key as PEM. `id` is the same for the same bytes."""

    id: str
    chain: bytes
    key: bytes
    names: tuple[str, ...] = ()  # in lower case: common name, DNS names, addresses

    def __repr__(self) -> str:
        return f"Certificate({self.id!r}, {self.names!r})"


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """TLS options with the files read: what decides a handshake, by value."""

    min_version: str = ""
    max_version: str = ""
    cipher_suites: tuple[str, ...] = ()
    curves: tuple[str, ...] = ()
    alpn: tuple[str, ...] = ()
    client_auth: str = "NoClientCert"
    client_cas: bytes = b""  # PEM
    has_tickets: bool = True
    is_strict: bool = False  # names without a certificate are refused


def server_context(options: ServerOptions, certificate: Certificate, alpn: Iterable[str], curve: str) -> ssl.SSLContext:
    """A context for the server role. `curve`: the one to use, "" for OpenSSL's own choice."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE | PRIORITIZE_CHACHA
    set_versions(context, options)
    load_pair(context, certificate.chain, certificate.key)
    names = list(alpn)
    if names:
        context.set_alpn_protocols(names)
    if curve:
        context.set_ecdh_curve(curve)
    context.num_tickets = 1  # as Go: OpenSSL would make two
    forget_sessions(context)
    prefer_suites(context)
    if not is_resumable(options):
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
    if options.client_auth != "NoClientCert":
        _ask_for_certificates(context, options)
    return context


def _ask_for_certificates(context: ssl.SSLContext, options: ServerOptions) -> None:
    is_required = options.client_auth == "RequireAndVerifyClientCert"
    context.verify_mode = ssl.CERT_REQUIRED if is_required else ssl.CERT_OPTIONAL
    # As Go does: whatever is in the list may be the end of a chain, and old mistakes are forgiven.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if options.client_cas:
        with _in_memory(options.client_cas) as path:
            context.load_verify_locations(path)
            name_authorities(context, path)


def is_resumable(options: ServerOptions) -> bool:
    """Whether sessions may go on in later connections. A ticket of OpenSSL's does not hold the client's chain, which
    middlewares ask for."""
    return options.has_tickets and options.client_auth == "NoClientCert"


def _is_asking_too_much(options: ServerOptions) -> bool:
    """Whether clients are asked for certificates in a way that `ssl` cannot."""
    if options.client_auth in ("RequestClientCert", "RequireAnyClientCert"):
        return True  # it takes none that it does not verify
    return options.client_auth != "NoClientCert" and not can_name_authorities()


def set_versions(context: ssl.SSLContext, options: ServerOptions) -> None:
    """Versions and cipher suites, which depend on each other."""
    low = VERSIONS.get(options.min_version, ssl.TLSVersion.TLSv1_2)
    high = VERSIONS.get(options.max_version, ssl.TLSVersion.TLSv1_3)
    text = cipher_text(options)
    if not text:
        low = ssl.TLSVersion.TLSv1_3  # none but the suites that cannot be chosen
    else:
        context.set_ciphers(text)
    set_range(context, low, high)


def set_range(context: ssl.SSLContext, low: ssl.TLSVersion, high: ssl.TLSVersion) -> None:
    """The oldest and the newest version."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # who asks for TLS 1.0 knows
        context.minimum_version = low
        context.maximum_version = high


def cipher_text(options: ServerOptions) -> str:
    """OpenSSL's list of cipher suites, "" when it has none of them."""
    names = [name for name in ciphers_of(options.cipher_suites) if name in offered()]
    if not names:
        return ""
    # Suites and versions that OpenSSL finds too weak for its default level are here on somebody's word.
    is_weak = bool(options.cipher_suites) or options.min_version in ("VersionTLS10", "VersionTLS11")
    return ":".join(names) + (":@SECLEVEL=0" if is_weak else ":@SECLEVEL=1")


_offered: frozenset[str] = frozenset()


def offered() -> frozenset[str]:
    """All cipher suites that this OpenSSL has."""
    global _offered
    if not _offered:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("ALL:@SECLEVEL=0")
        _offered = frozenset(cipher["name"] for cipher in context.get_ciphers())
    return _offered


def is_curve_offered(curve: str) -> bool:
    """Whether this OpenSSL has a curve."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).set_ecdh_curve(curve)
    except ValueError:
        return False
    except ssl.SSLError:
        pass  # OpenSSL has it, but Python cannot choose it: see `_is_settable`
    return True


@cache
def _is_settable(curve: str) -> bool:
    """Whether `ssl` can choose a curve: older releases of Python 3.11 cannot choose X25519."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).set_ecdh_curve(curve)
    except (ValueError, ssl.SSLError):
        return False
    return True


def load_pair(context: ssl.SSLContext, chain: bytes, key: bytes) -> None:
    """Give a context its certificate."""
    with _in_memory(chain + b"\n" + key) as path:
        context.load_cert_chain(path)


@contextlib.contextmanager
def _in_memory(data: bytes) -> Iterator[str]:
    """`ssl` reads files only: this one is in memory, where no one else can look."""
    file = os.memfd_create("certificate", os.MFD_CLOEXEC)
    try:
        os.write(file, data)
        yield f"/proc/self/fd/{file}"
    finally:
        os.close(file)


def choose_curve(curves: tuple[tuple[str, int], ...], hello: ClientHello) -> str:
    """`ssl` takes one curve, not a list: the first of ours that the client has, one it sent a share for if any."""
    for numbers in (hello.key_shares, hello.groups):
        for curve, number in curves:
            if number in numbers:
                return curve
    return curves[0][0]


class Contexts:
    """The endpoints of a worker by options and certificate; those that the next plan needs too are kept."""

    __slots__ = ("_current", "_previous", "_tickets", "staples")

    def __init__(self, tickets: TicketKeys | None = None) -> None:
        self._tickets = TicketKeys() if tickets is None else tickets
        self.staples: dict[str, bytes] = {}  # OCSP answers by certificate
        self._current: dict[tuple[object, ...], Endpoint] = {}
        self._previous: dict[tuple[object, ...], Endpoint] = {}

    def turn(self) -> None:
        """A new plan: what nobody asks for until the next one is forgotten then."""
        self._previous, self._current = self._current, {}

    def get(
        self, options: ServerOptions, certificate: Certificate, alpn: tuple[str, ...], curve: str, *, is_stapled: bool
    ) -> Endpoint:
        """What speaks for a certificate under these options; ValueError or SSLError when OpenSSL cannot."""
        key = (options, certificate.id, alpn, curve, is_stapled)
        found = self._current.get(key)
        if found is None:
            found = self._previous.get(key) or self._make(options, certificate, alpn, curve, is_stapled=is_stapled)
            self._current[key] = found
        return found

    def _make(
        self, options: ServerOptions, certificate: Certificate, alpn: tuple[str, ...], curve: str, *, is_stapled: bool
    ) -> Endpoint:
        if is_stapled or _is_asking_too_much(options) or not (curve == "" or _is_settable(curve)):
            from trafficcop.tls.flexible import FlexibleEndpoint  # and pyOpenSSL with it: few need them

            return FlexibleEndpoint(options, certificate, alpn, curve, self.staples)
        context = server_context(options, certificate, alpn, curve)
        if not is_resumable(options):
            return ServerEndpoint(context)
        return ServerEndpoint(context, self._tickets, f"{certificate.id} {alpn} {options}")
