"""The `tls` section of whatever we are a client of (`pkg/types/tls.go`): providers, Redis, auth servers."""

from __future__ import annotations

from trafficcop.config.scalars import FileOrContent
from trafficcop.config.tls import ClientTLS
from trafficcop.tls.client import ServerTrust


def trust_of(options: ClientTLS) -> ServerTrust:
    """With the files read; ValueError or OSError when they cannot be used."""
    if bool(options.cert) != bool(options.key):
        missing = "key" if options.cert else "cert"
        raise ValueError(f"tls: a client certificate needs both cert and key, {missing} is missing")
    roots = None
    if options.ca:
        roots = (_read("ca", options.ca).decode("ascii", "ignore"),)
    pairs: tuple[tuple[bytes, bytes], ...] = ()
    if options.cert:
        pairs = ((_read("cert", options.cert), _read("key", options.key)),)
    return ServerTrust(roots, pairs, is_unverified=options.insecure_skip_verify)


def _read(name: str, given: str) -> bytes:
    content = FileOrContent(given)
    if not content.is_path and "-----BEGIN" not in given:
        raise ValueError(f"tls.{name}: neither a file nor PEM text: {given[:80]!r}")
    return content.read()
