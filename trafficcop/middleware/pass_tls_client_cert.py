"""`passTLSClientCert`: the client's certificate, or facts of it, in fields for servers."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Iterator
from typing import TYPE_CHECKING, Final
from urllib.parse import quote_plus

from trafficcop.config.middlewares import (
    PassTLSClientCert,
    TLSClientCertInfo,
    TLSClientCertIssuer,
    TLSClientCertSubject,
)
from trafficcop.http.messages import Handler, Request, Response
from trafficcop.middleware.context import MiddlewareContext
from trafficcop.middleware.fields import FieldEdit

if TYPE_CHECKING:
    from cryptography import x509

_PEM: Final = b"X-Forwarded-Tls-Client-Cert"
_INFO: Final = b"X-Forwarded-Tls-Client-Cert-Info"
_DOMAIN_COMPONENT: Final = "0.9.2342.19200300.100.1.25"
# The parts of a name in the order in which they are written: the option, the label, the OID.
_PARTS: Final = (
    ("domain_component", "DC", _DOMAIN_COMPONENT),
    ("country", "C", "2.5.4.6"),
    ("province", "ST", "2.5.4.8"),
    ("locality", "L", "2.5.4.7"),
    ("organization", "O", "2.5.4.10"),
    ("organizational_unit", "OU", "2.5.4.11"),
    ("serial_number", "SN", "2.5.4.5"),
    ("common_name", "CN", "2.5.4.3"),
)
_SINGLE: Final = ("SN", "CN")  # of several, the last one counts


class PassCertificate:
    """Sets the fields when the client has shown a certificate; worked out once for a connection."""

    __slots__ = ("_edit", "_has_pem", "_info", "_next")

    def __init__(self, config: PassTLSClientCert, next: Handler) -> None:
        self._has_pem = config.pem
        self._info = config.info
        self._next = next
        # What clients say of themselves in these fields goes.
        used = ((_PEM, config.pem), (_INFO, config.info is not None))
        self._edit = FieldEdit({name: None for name, is_used in used if is_used})

    def __call__(self, request: Request) -> Awaitable[Response]:
        tls = request.peer.tls
        if tls is not None and tls.client_chain:
            lines = tls.notes.get(self)
            if lines is None:
                lines = tls.notes[self] = b"".join([b"%b: %b\r\n" % field for field in self._fields(tls.client_chain)])
            self._edit.apply(request.headers)
            request.headers.append_lines(lines)
        return self._next(request)

    def _fields(self, chain: tuple[bytes, ...]) -> Iterator[tuple[bytes, bytes]]:
        if self._has_pem:
            yield _PEM, b",".join(map(base64.b64encode, chain))
        if self._info is not None:
            from cryptography import x509

            texts = [info_text(x509.load_der_x509_certificate(one), self._info) for one in chain]
            yield _INFO, quote_plus(",".join(texts)).encode()


def info_text(certificate: x509.Certificate, info: TLSClientCertInfo) -> str:
    """`Subject="C=FR,CN=client";Issuer="CN=authority";SerialNumber="1";NB="0";NA="1";SAN="a,b"`"""
    parts: list[str] = []
    for label, name, options in (
        ("Subject", certificate.subject, info.subject),
        ("Issuer", certificate.issuer, info.issuer),
    ):
        text = _name_text(name, options) if options is not None else ""
        if text:
            parts.append(f'{label}="{text}"')
    if info.serial_number:
        parts.append(f'SerialNumber="{certificate.serial_number}"')
    if info.not_before:
        parts.append(f'NB="{int(certificate.not_valid_before_utc.timestamp())}"')
    if info.not_after:
        parts.append(f'NA="{int(certificate.not_valid_after_utc.timestamp())}"')
    if info.sans:
        names = list(_alternative_names(certificate))
        if names:
            parts.append(f'SAN="{",".join(names)}"')
    return ";".join(parts)


def _name_text(name: x509.Name, options: TLSClientCertIssuer | TLSClientCertSubject) -> str:
    parts: list[str] = []
    for option, label, oid in _PARTS:
        if getattr(options, option, False):
            values = [str(one.value) for one in name if one.oid.dotted_string == oid]
            chosen = values[-1:] if label in _SINGLE else values
            parts += [f"{label}={value}" for value in chosen if value]
    return ",".join(parts)


def _alternative_names(certificate: x509.Certificate) -> Iterator[str]:
    """DNS names, mail addresses, addresses, URIs."""
    from cryptography import x509

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return
    yield from names.get_values_for_type(x509.DNSName)
    yield from names.get_values_for_type(x509.RFC822Name)
    yield from map(str, names.get_values_for_type(x509.IPAddress))
    yield from names.get_values_for_type(x509.UniformResourceIdentifier)


def build(config: PassTLSClientCert, context: MiddlewareContext, next: Handler) -> Handler:
    return PassCertificate(config, next) if config.pem or config.info is not None else next
