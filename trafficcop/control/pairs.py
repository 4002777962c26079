"""Certificates with their keys, read from files or from the configuration itself; parsed once for the same bytes."""

from __future__ import annotations

import datetime
import hashlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from trafficcop.config.scalars import FileOrContent
from trafficcop.tls.contexts import Certificate

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

_CHAIN = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_KEY = re.compile(rb"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)
_STAYS = "; what was there before stays in use"


@dataclass(frozen=True, slots=True)
class Pair:
    """What became of a certificate and its key. `errors`: (option, what is wrong with it)."""

    certificate: Certificate | None
    errors: tuple[tuple[str, str], ...] = ()
    expires: datetime.datetime | None = None
    begins: datetime.datetime | None = None


class PairBook:
    """Pairs by their bytes. What the last compilation did not use is forgotten by `turn`. `files`: all that it read.

    Files that cannot be used are as they were when they could: whoever renews a pair writes one file before the other.
    """

    def __init__(self) -> None:
        self.files: set[str] = set()
        self._current: dict[str, Pair] = {}
        self._previous: dict[str, Pair] = {}
        self._good: dict[tuple[str, str], Pair] = {}
        self._good_before: dict[tuple[str, str], Pair] = {}

    def turn(self) -> None:
        """Start a new compilation."""
        self._previous, self._current = self._current, {}
        self._good_before, self._good = self._good, {}
        self.files = set()

    def note(self, *values: FileOrContent) -> None:
        """These are read: a change of their files is a change of the configuration."""
        self.files.update(value for value in values if value and "\n" not in value)

    def load(self, cert: FileOrContent, key: FileOrContent) -> Pair:
        """Never raises: what is wrong is told in the Pair."""
        self.note(cert, key)
        pair = self._load(cert, key)
        last = self._good_before.get((cert, key)) if pair.certificate is None else pair
        if last is None:
            return pair
        self._good[cert, key] = last
        if last is pair:
            return pair
        return replace(last, errors=tuple((option, text + _STAYS) for option, text in pair.errors))

    def _load(self, cert: FileOrContent, key: FileOrContent) -> Pair:
        errors: list[tuple[str, str]] = []
        texts: list[bytes] = []
        for option, value, what in (("certFile", cert, "certificate"), ("keyFile", key, "private key")):
            try:
                texts.append(read_given(value))
            except (OSError, ValueError) as error:
                errors.append((option, reason(value, what, error)))
                texts.append(b"")
        digest = hashlib.sha256(b"%d:" % len(texts[0]) + texts[0] + texts[1]).hexdigest()
        known = self._current.get(digest) or self._previous.get(digest)
        if errors or known is None:
            known = _parse(cert, key, texts[0], texts[1], digest, errors)
            if errors:
                return known  # its words are about this file, not about these bytes
        self._current[digest] = known
        return known


def _parse(
    cert: FileOrContent, key: FileOrContent, chain: bytes, private: bytes, digest: str, errors: list[tuple[str, str]]
) -> Pair:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    unread = {option for option, _ in errors}
    certificates: list[x509.Certificate] = []
    if "certFile" not in unread:
        try:
            certificates = x509.load_pem_x509_certificates(b"\n".join(_CHAIN.findall(chain)) or chain)
        except ValueError as error:
            errors.append(("certFile", reason(cert, "certificate", error)))
    if "keyFile" not in unread:
        found = _KEY.search(private)
        try:
            loaded = load_pem_private_key(
                private if found is None else found[0], password=None, unsafe_skip_rsa_key_validation=True
            )
        except (ValueError, TypeError) as error:
            errors.append(("keyFile", reason(key, "private key", error)))
        else:
            if certificates and loaded.public_key() != certificates[0].public_key():
                errors.append(("keyFile", "the private key does not belong to the certificate"))
    if errors:
        return Pair(None, tuple(errors))
    leaf = certificates[0]
    certificate = Certificate(digest, _pem_of(certificates), _key_pem_of(loaded), names_of(leaf))
    return Pair(certificate, expires=leaf.not_valid_after_utc, begins=leaf.not_valid_before_utc)


# Written anew, because OpenSSL takes fewer forms of PEM than the reader here.


def _pem_of(certificates: list[x509.Certificate]) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates)


def _key_pem_of(key: PrivateKeyTypes) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def names_of(leaf: x509.Certificate) -> tuple[str, ...]:
    """The common name, DNS names and addresses of a certificate, in lower case, sorted."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    common = [str(one.value) for one in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)][-1:]
    names = [name for name in common if name]
    try:
        alternative = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return tuple(name.lower() for name in names)
    names += [name for name in alternative.get_values_for_type(x509.DNSName) if name not in common]
    names += [str(name) for name in alternative.get_values_for_type(x509.IPAddress) if str(name) not in common]
    return tuple(sorted(name.lower() for name in names))


def read_given(value: FileOrContent) -> bytes:
    """The bytes of a file or of the text itself; ValueError if neither is given, OSError if the file cannot be read."""
    if not value:
        raise ValueError("it is not given")
    return value.read()


def reason(value: FileOrContent, what: str, error: Exception) -> str:
    """One line: the path if the value is one, never the content of a key."""
    if isinstance(error, OSError):
        return f"cannot read {value}: {error.strerror}"
    if not value:
        return f"the {what} is missing"
    if value.is_path:
        return f"{value} holds no {what} in PEM form"
    if "-----BEGIN" not in value and "\n" not in value:
        return f"there is no file {value}"
    return f"the text is no {what} in PEM form"
