"""serversTransports: files read by control, and what becomes of a transport that cannot work."""

from pathlib import Path

import pytest

from tests.control.given import compiled, static, told
from tests.tls_servers import authority, pair_for
from trafficcop.tls.client import ServerTrust

BASE = "http.serversTransports.t"


def trust_of(options: str) -> tuple[ServerTrust, list[str]]:
    plan, report = compiled(f"http: {{serversTransports: {{t: {{{options}}}}}}}")
    return plan.transports["t@file"].trust, told(report)


def test_files_are_read(tmp_path: Path) -> None:
    pair = pair_for("client.example.com")
    cert_file, key_file = pair.write(tmp_path, "client")
    roots = tmp_path / "ca.pem"
    roots.write_text(authority().pem.decode())
    trust, issues = trust_of(
        f"rootCAs: [{roots}],"
        f"certificates: [{{certFile: {cert_file}, keyFile: {key_file}}}], serverName: a.example.com,"
        "insecureSkipVerify: true, peerCertURI: 'spiffe://a/b', minVersion: VersionTLS12, maxVersion: VersionTLS13,"
        "cipherSuites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]"
    )
    assert issues == []
    assert trust == ServerTrust(
        (authority().pem.decode(),),
        ((pair.pem, pair.key_pem),),
        "a.example.com",
        True,
        "spiffe://a/b",
        ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",),
        "VersionTLS12",
        "VersionTLS13",
    )
    assert pair.key_pem.decode() not in repr(trust)


@pytest.mark.parametrize(
    ("options", "path", "text"),
    [
        ("cipherSuites: [NONE]", ".cipherSuites", "invalid CipherSuite: NONE"),
        ("minVersion: TLS12", ".minVersion", "invalid TLS minimum version: TLS12"),
        ("maxVersion: TLS12", ".maxVersion", "invalid TLS maximum version: TLS12"),
        (
            "minVersion: VersionTLS13, maxVersion: VersionTLS12",
            ".minVersion",
            "TLS minimum version VersionTLS13 is above the maximum version VersionTLS12",
        ),
        ("spiffe: {}", ".spiffe", "SPIFFE is enabled for this transport, but not configured"),
    ],
)
def test_what_cannot_work_falls_back_to_the_default(options: str, path: str, text: str) -> None:
    trust, issues = trust_of(f"{options}, serverName: a.example.com")
    assert trust == ServerTrust()
    (issue,) = issues
    assert f"{BASE}{path}: {text}" in issue


def test_a_certificate_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    roots = tmp_path / "ca.pem"
    roots.write_text(authority().pem.decode())
    trust, issues = trust_of(f"rootCAs: [{tmp_path}/none.pem, {roots}], certificates: [{{certFile: a, keyFile: b}}]")
    assert trust == ServerTrust(roots=(authority().pem.decode(),))
    assert len(issues) == 3
    assert f"{BASE}.rootCAs[0]: " in issues[0]


def test_no_root_is_left(tmp_path: Path) -> None:
    """Nobody is trusted then: an authority that was asked for must not be replaced by all the others."""
    trust, issues = trust_of(f"rootCAs: [{tmp_path}/none.pem]")
    assert trust.roots == ()
    assert len(issues) == 1


def test_versions_may_be_open_to_one_side() -> None:
    assert trust_of("minVersion: VersionTLS13") == (ServerTrust(min_version="VersionTLS13"), [])
    assert trust_of("maxVersion: VersionTLS10") == (ServerTrust(max_version="VersionTLS10"), [])


def test_the_default_transport(tmp_path: Path) -> None:
    given = static(f"serversTransport: {{insecureSkipVerify: true, rootCAs: [{tmp_path}/none.pem]}}")
    plan, report = compiled("http: {}", given)
    assert plan.transports["default@internal"].trust == ServerTrust(roots=(), is_unverified=True)
    (issue,) = told(report)
    assert "serversTransport.rootCAs[0]: " in issue


def test_spiffe_and_other_options() -> None:
    given = static("spiffe: {workloadAPIAddr: 'unix:///run/agent.sock'}")
    plan, report = compiled("http: {serversTransports: {t: {spiffe: {}, serverName: a}}}", given)
    assert plan.transports["t@file"].trust == ServerTrust()
    assert "TLS and SPIFFE configuration cannot be defined at the same time" in told(report)[0]
