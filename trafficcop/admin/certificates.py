"""Certificates as the API shows them (Traefik `pkg/api/handler_certificate.go`)."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from trafficcop.admin.representations import Object

if TYPE_CHECKING:
    from cryptography import x509

_NEAR = timedelta(days=30)
_HASHES = {"sha1": "SHA1", "sha224": "SHA224", "sha256": "SHA256", "sha384": "SHA384", "sha512": "SHA512"}


def certificates(chains: Iterable[bytes]) -> dict[str, Object]:
    """The first certificate of each PEM chain, by the SHA-256 of its DER form in hexadecimal."""
    now = datetime.now(UTC)
    shown: dict[str, Object] = {}
    for chain in chains:
        known, ends = _read(chain)
        shown[known["name"]] = known | {"status": status_of(ends, now)}
    return shown


def status_of(ends: datetime, now: datetime) -> str:
    if ends <= now:
        return "expired"
    return "warning" if ends - now < _NEAR else "enabled"


@functools.lru_cache(maxsize=1024)
def _read(chain: bytes) -> tuple[Object, datetime]:
    """All that does not change with time, and when the certificate ends."""
    from cryptography import x509

    certificate = x509.load_pem_x509_certificates(chain)[0]
    return _object(certificate), certificate.not_valid_after_utc


def _object(certificate: x509.Certificate) -> Object:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import NameOID

    fingerprint = certificate.fingerprint(hashes.SHA256()).hex()
    key = certificate.public_key()
    digest = hashes.Hash(hashes.SHA256())
    digest.update(key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo))
    kind, size = _key(key)
    subject, issuer = certificate.subject, certificate.issuer
    shown = {
        "name": fingerprint,
        "sans": _names(certificate),
        "notAfter": _time(certificate.not_valid_after_utc),
        "notBefore": _time(certificate.not_valid_before_utc),
        "serialNumber": str(certificate.serial_number),
        "commonName": _first(subject, NameOID.COMMON_NAME),
        "issuerOrg": _first(issuer, NameOID.ORGANIZATION_NAME),
        "issuerCN": _first(issuer, NameOID.COMMON_NAME),
        "issuerCountry": _first(issuer, NameOID.COUNTRY_NAME),
        "organization": _first(subject, NameOID.ORGANIZATION_NAME),
        "country": _first(subject, NameOID.COUNTRY_NAME),
        "version": f"v{certificate.version.value + 1}",
        "keyType": kind,
        "keySize": size,
        "signatureAlgorithm": _signature(certificate),
        "certFingerprint": fingerprint,
        "publicKeyFingerprint": digest.finalize().hex(),
    }
    kept = ("commonName", "sans")
    return {name: value for name, value in shown.items() if value or name in kept}


def _names(certificate: x509.Certificate) -> list[str]:
    from cryptography import x509

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = names.get_values_for_type(x509.IPAddress)
    return sorted([*names.get_values_for_type(x509.DNSName), *map(str, addresses)])


def _first(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    values = name.get_attributes_for_oid(oid)
    return str(values[0].value) if values else ""


def _key(key: object) -> tuple[str, int]:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    if isinstance(key, rsa.RSAPublicKey):
        return "RSA", key.key_size
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "ECDSA", key.curve.key_size
    return "Unknown", 0


def _signature(certificate: x509.Certificate) -> str:
    """As Go's `x509.SignatureAlgorithm` writes it: `SHA256-RSA`, `ECDSA-SHA384`, `Ed25519`."""
    from cryptography.hazmat.primitives.asymmetric import padding

    algorithm = certificate.signature_hash_algorithm
    name = certificate.signature_algorithm_oid._name.lower()
    if algorithm is None:
        return "Ed25519" if "ed25519" in name else "0"
    hash_name = _HASHES.get(algorithm.name, algorithm.name.upper())
    if "ecdsa" in name:
        return f"ECDSA-{hash_name}"
    if isinstance(certificate.signature_algorithm_parameters, padding.PSS):
        return f"{hash_name}-RSAPSS"
    return f"{hash_name}-RSA"


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
