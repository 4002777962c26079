"""When the certificates that are served end, for the metrics."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from trafficcop.telemetry.snapshot import Certificate


def expiries(chains: Iterable[bytes]) -> tuple[Certificate, ...]:
    """Of the first certificate of each PEM chain; each once."""
    return tuple(dict.fromkeys(map(_expiry, chains)))


@functools.lru_cache(maxsize=1024)
def _expiry(chain: bytes) -> Certificate:
    # Imported here: without a certificate there is no use for it.
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    certificate = x509.load_pem_x509_certificates(chain)[0]
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    try:
        others = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        domains = sorted(others.get_values_for_type(x509.DNSName))
    except x509.ExtensionNotFound:
        domains = []
    return Certificate(
        common_name=str(names[0].value) if names else "",
        serial=str(certificate.serial_number),
        sans=",".join(domains),
        not_after=certificate.not_valid_after_utc.timestamp(),
    )
