"""Traefik's words for versions, cipher suites and curves, and OpenSSL's for the same things."""

from __future__ import annotations

import ssl

VERSIONS = {
    "VersionTLS10": ssl.TLSVersion.TLSv1,
    "VersionTLS11": ssl.TLSVersion.TLSv1_1,
    "VersionTLS12": ssl.TLSVersion.TLSv1_2,
    "VersionTLS13": ssl.TLSVersion.TLSv1_3,
}

# As logs and metrics say it.
VERSION_LABELS = {"TLSv1": "1.0", "TLSv1.1": "1.1", "TLSv1.2": "1.2", "TLSv1.3": "1.3"}

# In the order in which Go prefers them (`crypto/tls/cipher_suites.go`), whatever order a user writes.
_PREFERRED = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
}
# Go has them, but offers them only to those who ask.
_OTHERS = {
    "TLS_RSA_WITH_AES_128_GCM_SHA256": "AES128-GCM-SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384": "AES256-GCM-SHA384",
    "TLS_RSA_WITH_AES_128_CBC_SHA": "AES128-SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA": "AES256-SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA": "ECDHE-RSA-DES-CBC3-SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA": "DES-CBC3-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256": "ECDHE-ECDSA-AES128-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256": "ECDHE-RSA-AES128-SHA256",
    "TLS_RSA_WITH_AES_128_CBC_SHA256": "AES128-SHA256",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA": "ECDHE-ECDSA-RC4-SHA",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA": "ECDHE-RSA-RC4-SHA",
    "TLS_RSA_WITH_RC4_128_SHA": "RC4-SHA",
}
# Accepted, and without effect: suites of TLS 1.3 are not chosen, and the last one is no suite.
_WITHOUT_EFFECT = (
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_FALLBACK_SCSV",
)
_SHORT = {
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305": "ECDHE-RSA-CHACHA20-POLY1305",
}
_CIPHERS = {**_PREFERRED, **_OTHERS}
_LABELS = {**{theirs: ours for ours, theirs in _CIPHERS.items()}, **{name: name for name in _WITHOUT_EFFECT[:3]}}

# OpenSSL's name and the number on the wire, in the order in which Go prefers them.
_CURVES = {
    "X25519MLKEM768": ("X25519MLKEM768", 0x11EC),
    "SecP256r1MLKEM768": ("SecP256r1MLKEM768", 0x11EB),
    "SecP384r1MLKEM1024": ("SecP384r1MLKEM1024", 0x11ED),
    "X25519": ("X25519", 29),
    "CurveP256": ("prime256v1", 23),
    "CurveP384": ("secp384r1", 24),
    "CurveP521": ("secp521r1", 25),
}
_CURVE_SPELLINGS = {"secp256r1": "CurveP256", "secp384r1": "CurveP384", "secp521r1": "CurveP521"}
for _name in ("X25519", "X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024"):
    _CURVE_SPELLINGS[_name.lower()] = _name


class UnknownName(ValueError):
    """A cipher suite or a curve that Traefik does not know."""


def ciphers_of(names: tuple[str, ...]) -> tuple[str, ...]:
    """OpenSSL's names of cipher suites in order of preference; without a choice, those that Go offers.

    UnknownName for the first that nobody knows.
    """
    if not names:
        return tuple(_PREFERRED.values())
    wanted = set()
    for name in names:
        theirs = _CIPHERS.get(name) or _SHORT.get(name)
        if theirs is None and name not in _WITHOUT_EFFECT:
            raise UnknownName(f"invalid CipherSuite: {name}")
        wanted.add(theirs)
    return tuple(theirs for theirs in _CIPHERS.values() if theirs in wanted)


def is_cipher(name: str) -> bool:
    return name in _CIPHERS or name in _SHORT or name in _WITHOUT_EFFECT


def cipher_label(theirs: str) -> str:
    """The name of a cipher suite in logs and metrics."""
    return _LABELS.get(theirs, "unknown")


def curves_of(names: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    """(OpenSSL's name, number) of curves, in Go's order of preference: the order of a user says nothing there.

    UnknownName for the first that nobody knows.
    """
    wanted = set()
    for name in names:
        known = _CURVE_SPELLINGS.get(name, name)
        if known not in _CURVES:
            raise UnknownName(f"invalid CurveID in curvePreferences: {name}")
        wanted.add(known)
    return tuple(curve for name, curve in _CURVES.items() if name in wanted)
