"""The certificate of those who have none: self-signed, for no name in particular (Traefik `pkg/tls/generate`)."""

from __future__ import annotations

import datetime
import hashlib
import os
from typing import TYPE_CHECKING

from trafficcop.tls.contexts import Certificate

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

COMMON_NAME = "TRAEFIK DEFAULT CERT"
_DAYS = 365


def generate() -> Certificate:
    """With an RSA key: a user may allow suites that need one."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    return _sign(rsa.generate_private_key(public_exponent=65537, key_size=2048))


def generate_quickly() -> Certificate:
    """With an elliptic key, which takes no time: for an entry point that nobody expects TLS on."""
    from cryptography.hazmat.primitives.asymmetric import ec

    return _sign(ec.generate_private_key(ec.SECP256R1()))


def _sign(key: CertificateIssuerPrivateKeyTypes) -> Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import NameOID

    digest = hashlib.sha256(os.urandom(32)).hexdigest()
    name = f"{digest[:32]}.{digest[32:]}.traefik.default"
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, COMMON_NAME)])
    now = datetime.datetime.now(datetime.UTC)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=True,
        data_encipherment=True,
        key_agreement=True,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(usage, critical=True)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Certificate(hashlib.sha256(pem).hexdigest(), pem, private, (COMMON_NAME.lower(), name))
