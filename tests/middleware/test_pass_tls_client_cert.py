"""`passTLSClientCert`, over connections with and without a client certificate."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from pathlib import Path
from urllib.parse import unquote_plus

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from tests.certificates import Made, make
from tests.live import Seen, backend, live, plain
from tests.secure import PATIENCE, client_context, exchange

GET = b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Tls-Client-Cert: forged\r\nConnection: close\r\n\r\n"
SUBJECT = x509.Name(
    [
        x509.NameAttribute(NameOID.DOMAIN_COMPONENT, "org"),
        x509.NameAttribute(NameOID.DOMAIN_COMPONENT, "example"),
        x509.NameAttribute(NameOID.COUNTRY_NAME, "FR"),
        x509.NameAttribute(NameOID.STATE_OR_PROVINCE_NAME, "Occitanie"),
        x509.NameAttribute(NameOID.LOCALITY_NAME, "Toulouse"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example & Co"),
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "one"),
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "two"),
        x509.NameAttribute(NameOID.SERIAL_NUMBER, "17"),
        x509.NameAttribute(NameOID.COMMON_NAME, "client"),
    ]
)
AUTHORITY = make(common="authority", is_ca=True)
CLIENT = make("client.example.com", "10.1.2.3", subject=SUBJECT, issuer=AUTHORITY)
ALL = "commonName: true, country: true, domainComponent: true, locality: true, organization: true, province: true"


async def head_of(tmp_path: Path, options: str, client: Made | None, kind: str = "RequestClientCert") -> str:
    """What a server gets to see."""
    ca, _ = AUTHORITY.write(tmp_path, "ca")
    seen = Seen()
    async with backend(lambda n, head, body: plain(200), seen) as server:
        text = f"""
http:
  routers: {{r: {{rule: 'PathPrefix(`/`)', service: s, tls: {{}}, middlewares: [m]}}}}
  middlewares: {{m: {{passTLSClientCert: {{{options}}}}}}}
  services: {{s: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{server}'}}]}}}}}}
tls: {{options: {{default: {{clientAuth: {{clientAuthType: {kind}, caFiles: ['{ca}']}}}}}}}}
"""
        async with live(text) as port:
            context = client_context(pair=client.write(tmp_path, "client") if client else None)
            answer = await asyncio.to_thread(exchange, port, "a", GET, context)
            assert answer.startswith(b"HTTP/1.1 200 ")
    return seen.heads[0]


def field(head: str, name: str) -> str | None:
    for line in head.split("\r\n"):
        key, _, value = line.partition(": ")
        if key == name:
            return value
    return None


@pytest.mark.parametrize("kind", ["RequestClientCert", "RequireAndVerifyClientCert"])
async def test_the_certificate(tmp_path: Path, kind: str) -> None:
    head = await head_of(tmp_path, "pem: true", CLIENT, kind)
    assert field(head, "X-Forwarded-Tls-Client-Cert") == base64.b64encode(CLIENT.der).decode()
    assert field(head, "X-Forwarded-Tls-Client-Cert-Info") is None


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("kind", ["RequestClientCert", "VerifyClientCertIfGiven"])
async def test_a_client_that_comes_back_is_still_known(tmp_path: Path, kind: str, version: ssl.TLSVersion) -> None:
    """With its session, if it has one: the ticket for it would not hold the client's chain."""
    ca, _ = AUTHORITY.write(tmp_path, "ca")
    text = f"""
http:
  routers: {{r: {{rule: 'PathPrefix(`/`)', service: s, tls: {{}}, middlewares: [m]}}}}
  middlewares: {{m: {{passTLSClientCert: {{pem: true}}}}}}
  services: {{s: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:%d'}}]}}}}}}
tls: {{options: {{default: {{clientAuth: {{clientAuthType: {kind}, caFiles: ['{ca}']}}}}}}}}
"""
    seen = Seen()
    context = client_context(low=version, high=version, pair=CLIENT.write(tmp_path, "client"))

    def connect(port: int, session: ssl.SSLSession | None) -> ssl.SSLSession | None:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sock:
            with context.wrap_socket(sock, server_hostname="a", session=session) as tls:
                tls.sendall(GET)
                while tls.recv(4096):
                    pass
                return tls.session

    async with backend(lambda n, head, body: plain(200), seen) as server, live(text % server) as port:
        session = await asyncio.to_thread(connect, port, None)
        await asyncio.to_thread(connect, port, session)
    wanted = base64.b64encode(CLIENT.der).decode()
    assert [field(head, "X-Forwarded-Tls-Client-Cert") for head in seen.heads] == [wanted] * 2


async def test_without_a_certificate_nothing_is_said_for_it(tmp_path: Path) -> None:
    head = await head_of(tmp_path, "pem: true, info: {notAfter: true}", None)
    assert "forged" not in head
    assert "Tls-Client-Cert" not in head


INFOS = [
    ("notBefore: true", f'NB="{int(CLIENT.certificate.not_valid_before_utc.timestamp())}"'),
    ("notAfter: true", f'NA="{int(CLIENT.certificate.not_valid_after_utc.timestamp())}"'),
    ("serialNumber: true", f'SerialNumber="{CLIENT.certificate.serial_number}"'),
    ("sans: true", 'SAN="client.example.com,10.1.2.3"'),
    ("subject: {commonName: true}", 'Subject="CN=client"'),
    ("subject: {serialNumber: true}", 'Subject="SN=17"'),
    ("subject: {organizationalUnit: true}", 'Subject="OU=one,OU=two"'),
    (f"subject: {{{ALL}}}", 'Subject="DC=org,DC=example,C=FR,ST=Occitanie,L=Toulouse,O=Example & Co,CN=client"'),
    ("issuer: {commonName: true, country: true}", 'Issuer="CN=authority"'),
    ("issuer: {country: true}", ""),
    ("subject: {country: true}, issuer: {commonName: true}, sans: false", 'Subject="C=FR";Issuer="CN=authority"'),
]


@pytest.mark.parametrize(("options", "wanted"), INFOS)
async def test_facts(tmp_path: Path, options: str, wanted: str) -> None:
    head = await head_of(tmp_path, f"info: {{{options}}}", CLIENT)
    value = field(head, "X-Forwarded-Tls-Client-Cert-Info")
    assert value is not None
    assert unquote_plus(value) == wanted
    assert " " not in value
