"""Certificates in the API: their members, their state, filters and order."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from tests.admin.asgi import Client
from tests.admin.sample import State
from trafficcop.admin.app import create_app
from trafficcop.config.static import API, StaticConfiguration
from trafficcop.plan.report import Report

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def chain(name: str, key: Key, days: float = 90, organization: str = "") -> bytes:
    now = datetime.now(UTC).replace(microsecond=0)
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if organization:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    subject = x509.Name(attributes)
    names = x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 7, START, now + timedelta(days=days))
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA384()
    return builder.add_extension(names, False).sign(key, algorithm).public_bytes(serialization.Encoding.PEM)


ELLIPTIC = ec.generate_private_key(ec.SECP256R1())
CHAINS = (
    chain("a.example.com", ELLIPTIC, organization="Example"),
    chain("b.example.com", ELLIPTIC, days=10),
    chain("c.example.com", ELLIPTIC, days=-1),
)


@pytest.fixture
def client() -> Client:
    state = State(report=Report(certificates=CHAINS))
    return Client(create_app(state, StaticConfiguration(api=API(insecure=True))))


def names(answer: Any) -> list[str]:
    return [shown["commonName"] for shown in answer]


async def test_members(client: Client) -> None:
    (shown,) = (await client.get("/api/certificates?search=a.example.com")).json()
    first = x509.load_pem_x509_certificate(CHAINS[0])
    fingerprint = first.fingerprint(hashes.SHA256()).hex()
    assert shown.pop("publicKeyFingerprint") != fingerprint
    assert shown == {
        "name": fingerprint,
        "sans": ["127.0.0.1", "a.example.com"],
        "notAfter": first.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "notBefore": "2026-01-02T03:04:05Z",
        "serialNumber": "7",
        "commonName": "a.example.com",
        "issuerOrg": "Example",
        "issuerCN": "a.example.com",
        "organization": "Example",
        "version": "v3",
        "keyType": "ECDSA",
        "keySize": 256,
        "signatureAlgorithm": "ECDSA-SHA384",
        "certFingerprint": fingerprint,
        "status": "enabled",
    }
    one = (await client.get(f"/api/certificates/{fingerprint}")).json()
    assert one["name"] == fingerprint


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["a", "b", "c"]),
        ("direction=desc", ["c", "b", "a"]),
        ("sortBy=unknown&search=example", ["a", "b", "c"]),
        ("sortBy=cn", ["a", "b", "c"]),
        ("sortBy=cn&direction=desc", ["c", "b", "a"]),
        ("sortBy=validUntil", ["c", "b", "a"]),
        ("sortBy=status", ["a", "c", "b"]),
        ("status=expired", ["c"]),
        ("status=WARNING", ["b"]),
        ("search=example&sortBy=cn&per_page=1&page=2", ["b"]),
        ("search=127.0.0.1&sortBy=cn", ["a", "b", "c"]),
        ("search=EXAMPLE&status=enabled", ["a"]),
        ("search=nothing", []),
    ],
)
async def test_lists(client: Client, query: str, expected: list[str]) -> None:
    found = names((await client.get(f"/api/certificates?{query}")).json())
    assert found == [f"{letter}.example.com" for letter in expected]


async def test_overview(client: Client) -> None:
    assert (await client.get("/api/overview")).json()["certificates"] == {"total": 3, "warnings": 1, "errors": 1}


@pytest.mark.parametrize(
    ("key", "kind", "size", "signature"),
    [
        (rsa.generate_private_key(65537, 2048), "RSA", 2048, "SHA384-RSA"),
        (ed25519.Ed25519PrivateKey.generate(), "Unknown", None, "Ed25519"),
    ],
)
async def test_keys(key: Key, kind: str, size: int | None, signature: str) -> None:
    state = State(report=Report(certificates=(chain("k.example.com", key),)))
    client = Client(create_app(state, StaticConfiguration(api=API(insecure=True))))
    (shown,) = (await client.get("/api/certificates")).json()
    assert (shown["keyType"], shown.get("keySize"), shown["signatureAlgorithm"]) == (kind, size, signature)
