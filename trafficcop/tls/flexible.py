"""What the standard library's `ssl` cannot do, with pyOpenSSL: client certificates that are asked for and not verified,
and OCSP staples. Only the connections that need it pay for it."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from OpenSSL import SSL, _util, crypto

from trafficcop.tls.contexts import PRIORITIZE_CHACHA, Certificate, ServerOptions, cipher_text, is_resumable
from trafficcop.tls.engine import Opened, Piece
from trafficcop.tls.names import VERSIONS
from trafficcop.tls.openssl import SUITES

_PIECE = 65536
_NUMBERS = {
    ssl.TLSVersion.TLSv1: SSL.TLS1_VERSION,
    ssl.TLSVersion.TLSv1_1: SSL.TLS1_1_VERSION,
    ssl.TLSVersion.TLSv1_2: SSL.TLS1_2_VERSION,
    ssl.TLSVersion.TLSv1_3: SSL.TLS1_3_VERSION,
}
_MODES = {
    "NoClientCert": SSL.VERIFY_NONE,
    "RequestClientCert": SSL.VERIFY_PEER,
    "RequireAnyClientCert": SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT,
    "VerifyClientCertIfGiven": SSL.VERIFY_PEER,
    "RequireAndVerifyClientCert": SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT,
}


class FlexibleObject:
    """A pyOpenSSL connection in the shape of an `Engine`, and of the two buffers around one."""

    __slots__ = ("_connection", "_fed", "_waiting")

    def __init__(self, connection: SSL.Connection) -> None:
        self._connection = connection
        self._fed = 0
        self._waiting = b""

    # === the engine ===

    def shake_hands(self) -> bool:
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            self._fed = 0
            return False
        except SSL.Error as error:
            raise self._converted(error) from None
        return True

    def read(self, size: int) -> bytes:
        try:
            return self._connection.recv(size)
        except SSL.Error as error:
            raise self._converted(error) from None

    def write(self, data: Piece) -> int:
        size = len(data)
        sent = 0
        try:
            while sent < size:
                sent += self._connection.send(bytes(data[sent:]))
        except SSL.Error as error:
            raise self._converted(error) from None
        return size

    def say_goodbye(self) -> None:
        with contextlib.suppress(SSL.Error):
            self._connection.shutdown()

    def _converted(self, error: SSL.Error) -> ssl.SSLError:
        """What `ssl` raises for the same."""
        if isinstance(error, SSL.WantReadError):
            self._fed = 0
            return ssl.SSLWantReadError()
        if isinstance(error, SSL.ZeroReturnError):
            return ssl.SSLZeroReturnError()
        return ssl.SSLError(str(error))

    def version(self) -> str | None:
        return self._connection.get_protocol_version_name()

    def cipher(self) -> tuple[str, str, int] | None:
        name = self._connection.get_cipher_name()
        return None if name is None else (name, self.version() or "", self._connection.get_cipher_bits() or 0)

    def selected_alpn_protocol(self) -> str | None:
        return self._connection.get_alpn_proto_negotiated().decode("latin-1") or None

    def peer_chain(self) -> tuple[bytes, ...]:
        own = self._connection.get_peer_certificate(as_cryptography=True)
        if own is None:
            return ()
        others = self._connection.get_peer_cert_chain(as_cryptography=True) or []
        return tuple(one.public_bytes(Encoding.DER) for one in (own, *(one for one in others if one != own)))

    # === the buffers ===

    def feed(self, data: Piece) -> int:
        self._fed += len(data)
        return self._connection.bio_write(bytes(data))

    @property
    def fed(self) -> int:
        return self._fed

    def drain(self) -> bytes:
        """What is to be sent, all of it."""
        data = b""
        while True:
            try:
                data += self._connection.bio_read(_PIECE)
            except SSL.WantReadError:
                return data


class _Incoming:
    """What comes in. `pending` knows only whether something was fed since the engine asked for more."""

    __slots__ = ("_object",)

    def __init__(self, engine: FlexibleObject) -> None:
        self._object = engine

    @property
    def pending(self) -> int:
        return self._object.fed

    def write(self, data: Piece) -> int:
        return self._object.feed(data)

    def read(self, size: int = -1) -> bytes:
        raise NotImplementedError("only the engine reads what comes in")


class _Outgoing:
    """What goes out: taken from the engine when somebody looks."""

    __slots__ = ("_data", "_object")

    def __init__(self, engine: FlexibleObject) -> None:
        self._object = engine
        self._data = b""

    @property
    def pending(self) -> int:
        self._data += self._object.drain()
        return len(self._data)

    def write(self, data: Piece) -> int:
        raise NotImplementedError("only the engine writes what goes out")

    def read(self, size: int = -1) -> bytes:
        data, self._data = self._data + self._object.drain(), b""
        return data


class FlexibleEndpoint:
    """The server role with pyOpenSSL. `staples`: OCSP answers by certificate, the newest at each handshake."""

    __slots__ = ("_alpn", "_context", "_id", "_staples")

    def __init__(
        self,
        options: ServerOptions,
        certificate: Certificate,
        alpn: tuple[str, ...],
        curve: str,
        staples: Mapping[str, bytes],
    ) -> None:
        self._alpn = tuple(name.encode("latin-1") for name in alpn)
        self._id = certificate.id
        self._staples = staples
        context = self._context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_options(SSL.OP_NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE | PRIORITIZE_CHACHA)
        context.set_tls13_ciphersuites(SUITES)
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_session_id(b"trafficcop")
        if not is_resumable(options):
            context.set_options(SSL.OP_NO_TICKET)
        _set_versions(context, options)
        _load_pair(context, certificate)
        if curve:
            _set_curve(context, curve)
        if self._alpn:
            context.set_alpn_select_callback(self._choose)
        context.set_ocsp_server_callback(self._staple)
        _set_client_auth(context, options)

    def open(self) -> Opened:
        connection = SSL.Connection(self._context, None)
        connection.set_accept_state()
        engine = FlexibleObject(connection)
        return Opened(engine, _Incoming(engine), _Outgoing(engine), engine.read, engine.write)

    def _choose(self, connection: SSL.Connection, offered: list[bytes]) -> Any:
        for name in self._alpn:
            if name in offered:
                return name
        return SSL.NO_OVERLAPPING_PROTOCOLS

    def _staple(self, connection: SSL.Connection, data: object) -> bytes:
        return self._staples.get(self._id, b"")


def _set_versions(context: SSL.Context, options: ServerOptions) -> None:
    text = cipher_text(options)
    low = VERSIONS.get(options.min_version, ssl.TLSVersion.TLSv1_2)
    high = VERSIONS.get(options.max_version, ssl.TLSVersion.TLSv1_3)
    if text:
        context.set_cipher_list(text.encode())
    context.set_min_proto_version(_NUMBERS[low if text else ssl.TLSVersion.TLSv1_3])
    context.set_max_proto_version(_NUMBERS[high])


def _load_pair(context: SSL.Context, certificate: Certificate) -> None:
    own, *others = x509.load_pem_x509_certificates(certificate.chain)
    context.use_certificate(own)
    for other in others:
        context.add_extra_chain_cert(other)
    context.use_privatekey(load_pem_private_key(certificate.key, password=None))  # type: ignore[arg-type]


def _set_curve(context: SSL.Context, curve: str) -> None:
    # pyOpenSSL has a method for one curve of the older kinds only; the function for all of them is in its bindings.
    lib = _util.lib
    if lib.SSL_CTX_set1_curves_list(context._context, curve.encode()) != 1:
        lib.ERR_clear_error()
        raise ValueError(f"unknown curve {curve}")


def _set_client_auth(context: SSL.Context, options: ServerOptions) -> None:
    is_verified = options.client_auth in ("VerifyClientCertIfGiven", "RequireAndVerifyClientCert")
    store = context.get_cert_store()
    if store is None:
        raise ValueError("a context without a store")
    # As Go does: whatever is in the list may be the end of a chain.
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    for one in x509.load_pem_x509_certificates(options.client_cas) if options.client_cas else ():
        store.add_cert(crypto.X509.from_cryptography(one))
        context.add_client_ca(one)
    context.set_verify(_MODES[options.client_auth], _believe if is_verified else _take)


def _believe(connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, is_good: int) -> bool:
    return bool(is_good)


def _take(connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, is_good: int) -> bool:
    return True
