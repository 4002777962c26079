"""Servers with TLS for tests, and the authority that vouches for them."""

from __future__ import annotations

import ssl
from functools import cache
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509

from tests.certificates import Made, make


@cache
def authority(name: str = "Test Authority") -> Made:
    """One for all tests: keys are slow to make."""
    return make(common=name, is_ca=True)


@cache
def pair_for(*names: str) -> Made:
    """A certificate of `authority` for these names."""
    return make(*names, issuer=authority())


def pair_for_uris(*uris: str, host: str = "") -> Made:
    """One for URIs, as SPIFFE has them, and perhaps for a host."""
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri) for uri in uris]
    if host:
        names.append(x509.IPAddress(ip_address(host)))
    return make(issuer=authority(), extensions=[x509.SubjectAlternativeName(names)])


def server_context(directory: Path, pair: Made) -> ssl.SSLContext:
    """For a server of the standard library."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # for keys that are too short for OpenSSL's own taste
    context.load_cert_chain(*pair.write(directory, "server"))
    return context
