"""OCSP staples: asked of the responders that certificates name, handed to the workers (Traefik `pkg/tls/ocsp.go`)."""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from trafficcop.plan.messages import Staple
from trafficcop.telemetry.log import get_logger
from trafficcop.tls.contexts import Certificate

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.x509 import ocsp

_log = get_logger(__name__)

_TIMEOUT = 10.0
_PERIOD = 3600.0
_KEPT = 24 * 3600.0  # a certificate that is gone may come back
_LIMIT = 1024 * 1024  # bytes of an answer


class NoStaple(Exception):
    """A responder's answer that cannot be used."""


class _Entry:
    """A certificate that names responders."""

    def __init__(self, leaf: x509.Certificate, issuer: x509.Certificate, responders: tuple[str, ...]) -> None:
        self.leaf = leaf
        self.issuer = issuer
        self.responders = responders
        self.refresh_at = 0.0
        self.unused_since = 0.0


class Stapling:
    """`follow` is told the certificates of each plan; `push` is called with every new staple."""

    def __init__(self, overrides: Mapping[str, str], push: Callable[[Staple], None]) -> None:
        self._overrides = overrides
        self._push = push
        self._entries: dict[str, _Entry | None] = {}  # None: it names no responder
        self._news = asyncio.Event()

    def follow(self, certificates: Iterable[Certificate]) -> None:
        """These are served from now on."""
        used = {one.id: one for one in certificates}
        now = time.time()
        for name, entry in list(self._entries.items()):
            if name in used:
                if entry is not None:
                    entry.unused_since = 0.0
            elif entry is None:
                del self._entries[name]
            else:
                entry.unused_since = entry.unused_since or now
        for name, certificate in used.items():
            if name not in self._entries:
                self._entries[name] = self._entry(certificate)
        self._news.set()

    async def run(self) -> None:
        """Fetch what is due, at each change and each hour, until cancelled."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), _PERIOD)
            self._news.clear()
            for name, entry in list(self._entries.items()):
                if entry is not None:
                    await self._refresh(name, entry)

    async def _refresh(self, name: str, entry: _Entry) -> None:
        now = time.time()
        if entry.unused_since and now > entry.unused_since + _KEPT:
            del self._entries[name]
            self._push(Staple(name, b""))
            return
        if now < entry.refresh_at:
            return
        try:
            answer, entry.refresh_at = await asyncio.to_thread(fetch, entry.leaf, entry.issuer, entry.responders)
        except NoStaple as error:
            _log.error("Unable to retrieve OCSP staple for %s: %s", entry.leaf.subject.rfc4514_string(), error)
            return
        self._push(Staple(name, answer))

    def _entry(self, certificate: Certificate) -> _Entry | None:
        from cryptography import x509

        chain = x509.load_pem_x509_certificates(certificate.chain)
        responders = tuple(self._overrides.get(url, url) for url in _responders(chain[0]))
        return _Entry(chain[0], chain[1 if len(chain) > 1 else 0], responders) if responders else None


def _responders(leaf: x509.Certificate) -> Iterable[str]:
    from cryptography import x509
    from cryptography.x509.oid import AuthorityInformationAccessOID

    try:
        access = leaf.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (x509.ExtensionNotFound, ValueError):
        return
    for one in access:
        if one.access_method == AuthorityInformationAccessOID.OCSP:
            yield one.access_location.value


def fetch(leaf: x509.Certificate, issuer: x509.Certificate, responders: Iterable[str]) -> tuple[bytes, float]:
    """The staple of the first responder that has one, and when to ask again; NoStaple if none has. Blocks."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509 import ocsp

    request = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer, hashes.SHA1()).build()  # noqa: S303 - a name
    data = request.public_bytes(Encoding.DER)
    reasons: list[str] = []
    for responder in responders:
        try:
            answer = _post(responder, data)
            return answer, refresh_time(answer, leaf, issuer)
        except (OSError, ValueError, NoStaple) as error:
            reasons.append(f"{responder}: {error}")
    raise NoStaple("; ".join(reasons))


def _post(url: str, data: bytes) -> bytes:
    import urllib.request

    if not url.startswith(("http://", "https://")):
        raise ValueError("neither http nor https")
    request = urllib.request.Request(  # noqa: S310 - checked above
        url, data, {"Content-Type": "application/ocsp-request"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310
        body: bytes = answer.read(_LIMIT)
    return body


def refresh_time(answer: bytes, leaf: x509.Certificate, issuer: x509.Certificate) -> float:
    """When a good answer has lived half of its life; NoStaple when it is not for us or not from whom it should be."""
    from cryptography.x509 import ocsp

    response = ocsp.load_der_ocsp_response(answer)
    if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise NoStaple(f"the responder says {response.response_status.name}")
    if response.serial_number != leaf.serial_number:
        raise NoStaple("the answer is for another certificate")
    _verify(response, issuer)
    begin, end = response.this_update_utc, response.next_update_utc
    if end is None:
        return 0.0
    return (begin + (end - begin) / 2).timestamp()


def _verify(response: ocsp.OCSPResponse, issuer: x509.Certificate) -> None:
    """Signed by the issuer, or by somebody whom the issuer has authorised (RFC 6960 §4.2.2.2)."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.x509.oid import ExtendedKeyUsageOID

    signer = issuer
    for candidate in response.certificates:
        if candidate != issuer:
            try:
                candidate.verify_directly_issued_by(issuer)
                usage = candidate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
            except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
                raise NoStaple("the responder's certificate is not its issuer's") from None
            if ExtendedKeyUsageOID.OCSP_SIGNING not in usage or _is_expired(candidate):
                raise NoStaple("the responder's certificate is not for this purpose")
            signer = candidate
        break
    try:
        _check_signature(signer, response)
    except (InvalidSignature, TypeError):
        raise NoStaple("the answer is not signed by the issuer") from None


def _is_expired(certificate: x509.Certificate) -> bool:
    return certificate.not_valid_after_utc < datetime.datetime.now(datetime.UTC)


def _check_signature(signer: x509.Certificate, response: ocsp.OCSPResponse) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

    key, data, algorithm = signer.public_key(), response.tbs_response_bytes, response.signature_hash_algorithm
    if isinstance(key, rsa.RSAPublicKey) and algorithm is not None:
        key.verify(response.signature, data, padding.PKCS1v15(), algorithm)
    elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm is not None:
        key.verify(response.signature, data, ec.ECDSA(algorithm))
    elif isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(response.signature, data)
    else:
        raise NoStaple("the answer is signed in a way that is not known here")
