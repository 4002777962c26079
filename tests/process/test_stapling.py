"""OCSP stapling: a little responder, an instance, and a client that asks for the staple."""

from __future__ import annotations

import datetime
import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID
from OpenSSL import SSL

from tests.certificates import NOW, Made, make
from tests.process.instance import Instance, free_port, until
from trafficcop.control.stapling import NoStaple, refresh_time

AUTHORITY = make(common="authority", is_ca=True)
STRANGER = make(common="authority", is_ca=True)
NAMED = "http://ocsp.example.com/"


def leaf() -> Made:
    access = x509.AuthorityInformationAccess(
        [x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(NAMED))]
    )
    return make("a.example.com", issuer=AUTHORITY, extensions=[access])


def answer_for(made: Made, signer: Made = AUTHORITY, *, days: int | None = 2) -> bytes:
    """A good answer about a certificate."""
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=made.certificate,
        issuer=AUTHORITY.certificate,
        algorithm=hashes.SHA1(),
        cert_status=ocsp.OCSPCertStatus.GOOD,
        this_update=NOW,
        next_update=NOW + datetime.timedelta(days=days) if days is not None else None,
        revocation_time=None,
        revocation_reason=None,
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, signer.certificate)
    return builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def test_an_answer_is_believed_from_the_issuer_alone() -> None:
    made = leaf()
    known, issuer = made.certificate, AUTHORITY.certificate
    half = (NOW + datetime.timedelta(days=1)).replace(microsecond=0)
    assert abs(refresh_time(answer_for(made), known, issuer) - half.timestamp()) < 2
    assert refresh_time(answer_for(made, days=None), known, issuer) == 0.0
    with pytest.raises(NoStaple, match="another certificate"):
        refresh_time(answer_for(leaf()), known, issuer)
    with pytest.raises(NoStaple, match="not signed"):
        refresh_time(answer_for(made, STRANGER), known, issuer)
    refusal = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)
    with pytest.raises(NoStaple, match="TRY_LATER"):
        refresh_time(refusal.public_bytes(Encoding.DER), known, issuer)
    with pytest.raises(ValueError, match="asn1"):
        refresh_time(b"garbage", known, issuer)


class _Responder(http.server.BaseHTTPRequestHandler):
    answers: bytes
    asked: list[tuple[str, int]]

    def do_POST(self) -> None:
        request = ocsp.load_der_ocsp_request(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append((self.headers["Content-Type"], request.serial_number))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.answers)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def responder() -> Iterator[tuple[type[_Responder], str]]:
    class Handler(_Responder):
        asked: list[tuple[str, int]] = []

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Handler, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def staple_of(port: int, *, asks: bool = True) -> bytes:
    """What a server staples to its certificate."""
    found: list[bytes] = []

    def take(connection: SSL.Connection, data: bytes, _: object) -> bool:
        found.append(data)
        return True

    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_ocsp_client_callback(take)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        sock.setblocking(True)
        connection = SSL.Connection(context, sock)
        connection.set_tlsext_host_name(b"a.example.com")
        if asks:
            connection.request_ocsp()
        connection.set_connect_state()
        connection.do_handshake()
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a.example.com\r\nConnection: close\r\n\r\n")
        assert connection.recv(12) == b"HTTP/1.1 404"
    return found[0] if found else b""


def test_a_staple_is_fetched_and_served(tmp_path: Path, responder: tuple[type[_Responder], str]) -> None:
    handler, url = responder
    made = leaf()
    handler.answers = answer_for(made)
    cert, key = made.write(tmp_path, "a")
    Path(cert).write_bytes(made.pem + AUTHORITY.pem)
    (tmp_path / "dynamic.yml").write_text(f"tls: {{certificates: [{{certFile: '{cert}', keyFile: '{key}'}}]}}\n")
    port = free_port()
    config = tmp_path / "trafficcop.yml"
    config.write_text(f"""
workers: 1
ocsp: {{responderOverrides: {{"{NAMED}": "{url}"}}}}
entryPoints: {{websecure: {{address: "127.0.0.1:{port}"}}}}
providers: {{file: {{filename: {tmp_path / "dynamic.yml"}, watch: false}}}}
""")
    instance = Instance(config)
    try:
        instance.wait_serving()
        until(lambda: staple_of(port) == handler.answers, "the staple")
        assert staple_of(port, asks=False) == b""
        assert handler.asked == [("application/ocsp-request", made.certificate.serial_number)]
    finally:
        instance.stop()
