"""Sprig's functions that make keys and certificates."""

from __future__ import annotations

import base64
import binascii
import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from trafficcop.gotemplate.functions.crypto import SLOW
from trafficcop.gotemplate.functions.registry import Family
from trafficcop.gotemplate.values import Certificate, FunctionError, Slice, type_name

CERTIFICATES = Family()

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | dsa.DSAPrivateKey


def _new_key() -> Key:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _pem(key: Key) -> str:
    is_traditional = not isinstance(key, ed25519.Ed25519PrivateKey)
    shape = serialization.PrivateFormat.TraditionalOpenSSL if is_traditional else serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, shape, serialization.NoEncryption()).decode()


def _load_key(pem: str) -> Key:
    try:
        key = serialization.load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError) as error:
        raise FunctionError(f"parsing private key: {error}") from error
    if isinstance(key, Key):
        return key
    raise FunctionError("parsing private key: its kind is not supported")


@CERTIFICATES("genPrivateKey", "string", cost=10 * SLOW)
def generate_key(kind: str) -> str:
    match kind:
        case "" | "rsa":
            return _pem(rsa.generate_private_key(public_exponent=65537, key_size=4096))
        case "dsa":
            return _pem(dsa.generate_private_key(2048))
        case "ecdsa":
            return _pem(ec.generate_private_key(ec.SECP256R1()))
        case "ed25519":
            return _pem(ed25519.Ed25519PrivateKey.generate())
    return f"Unknown type {kind}"


def _names(addresses: Slice | None, names: Slice | None) -> list[x509.GeneralName]:
    made: list[x509.GeneralName] = []
    for name in names or ():
        if not isinstance(name, str):
            raise FunctionError(f"error processing alternate dns name: {type_name(name)} is not a string")
        made.append(x509.DNSName(name))
    for address in addresses or ():
        if not isinstance(address, str):
            raise FunctionError(f"error parsing ip: {type_name(address)} is not a string")
        made.append(x509.IPAddress(ipaddress.ip_address(address)))
    return made


def _usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=True,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _issue(
    name: str,
    days: int,
    key: Key,
    names: list[x509.GeneralName],
    *,
    is_authority: bool = False,
    issuer: tuple[x509.Name, Key] | None = None,
) -> Certificate:
    """A certificate for `key`, signed by `issuer` or by itself."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])
    start = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    signer, signing_key = issuer or (subject, key)
    builder = (
        x509.CertificateBuilder(subject_name=subject, issuer_name=signer, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=days))
        .add_extension(_usage(is_authority=is_authority), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    algorithm = None if isinstance(signing_key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    certificate = builder.sign(signing_key, algorithm)
    return Certificate(certificate.public_bytes(serialization.Encoding.PEM).decode(), _pem(key))


@CERTIFICATES("genCA", "string int", cost=SLOW)
def make_authority(name: str, days: int) -> Certificate:
    return _issue(name, days, _new_key(), [], is_authority=True)


@CERTIFICATES("genCAWithKey", "string int string", cost=SLOW)
def make_authority_with_key(name: str, days: int, pem: str) -> Certificate:
    return _issue(name, days, _load_key(pem), [], is_authority=True)


@CERTIFICATES("genSelfSignedCert", "string any any int", cost=SLOW)
def make_self_signed(name: str, addresses: Slice | None, names: Slice | None, days: int) -> Certificate:
    return _issue(name, days, _new_key(), _names(addresses, names))


@CERTIFICATES("genSelfSignedCertWithKey", "string any any int string", cost=SLOW)
def make_self_signed_with_key(
    name: str, addresses: Slice | None, names: Slice | None, days: int, pem: str
) -> Certificate:
    return _issue(name, days, _load_key(pem), _names(addresses, names))


def _issuer(authority: Certificate) -> tuple[x509.Name, Key]:
    try:
        subject = x509.load_pem_x509_certificate(authority.Cert.encode()).subject
    except ValueError as error:
        raise FunctionError(f"error parsing certificate: {error}") from error
    return subject, _load_key(authority.Key)


@CERTIFICATES("genSignedCert", "string any any int certificate", cost=SLOW)
def make_signed(
    name: str, addresses: Slice | None, names: Slice | None, days: int, authority: Certificate
) -> Certificate:
    return _issue(name, days, _new_key(), _names(addresses, names), issuer=_issuer(authority))


@CERTIFICATES("genSignedCertWithKey", "string any any int certificate string", cost=SLOW)
def make_signed_with_key(
    name: str, addresses: Slice | None, names: Slice | None, days: int, authority: Certificate, pem: str
) -> Certificate:
    return _issue(name, days, _load_key(pem), _names(addresses, names), issuer=_issuer(authority))


@CERTIFICATES("buildCustomCert", "string string", cost=100)
def build_custom(certificate: str, key: str) -> Certificate:
    try:
        made = Certificate(
            base64.b64decode(certificate, validate=True).decode(), base64.b64decode(key, validate=True).decode()
        )
    except (binascii.Error, ValueError) as error:
        raise FunctionError("unable to decode base64 certificate or private key") from error
    _issuer(made)
    return made
