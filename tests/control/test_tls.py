"""TLS in a compilation: options by router and entry point, conflicts, certificates, what is left out."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from tests.certificates import make
from tests.control.given import compiled, dynamic, router, static, told
from trafficcop.config.scalars import FileOrContent
from trafficcop.control import certificates
from trafficcop.control.compile import compile  # noqa: A004 - the verb of the project
from trafficcop.control.pairs import Pair, PairBook
from trafficcop.plan.model import Plan
from trafficcop.plan.report import Report
from trafficcop.tls.contexts import load_pair

SERVICES = "  services: {s: {loadBalancer: {servers: [{url: 'http://127.0.0.1:1'}]}}}\n"
OPTIONS = "tls: {options: {one: {minVersion: VersionTLS13}, two: {sniStrict: true}}}\n"
TWO = "entryPoints: {a: {address: ':443'}, b: {address: ':444'}}"


def routers(*lines: str, options: str = OPTIONS, entry_points: str = "") -> tuple[Plan, Report]:
    text = "http:\n  routers:\n" + "".join(f"    {line}\n" for line in lines) + SERVICES + options
    return compiled(text, static(entry_points) if entry_points else None)


def hosts(plan: Plan) -> dict[str, str]:
    """The options of each domain, as a worker would have them."""
    found = {domain: one.tls_options for one in plan.routers if one.is_tls for domain in one.domains or ("*",)}
    for others in plan.tls.hosts.values():
        found |= others
    return found


def test_options_are_qualified_and_default_is_nobodys() -> None:
    plan, report = routers(
        "a: {rule: 'Host(`a.example.com`)', service: s, tls: {options: one}}",
        "b: {rule: 'Host(`b.example.com`)', service: s, tls: {options: two@file}}",
        "c: {rule: 'Host(`c.example.com`) || Host(`D.example.com`)', service: s, tls: {options: default}}",
        "e: {rule: 'PathPrefix(`/`)', service: s, tls: {}}",
        "f: {rule: 'Host(`f.example.com`)', service: s}",
    )
    assert told(report) == []
    assert hosts(plan) == {
        "a.example.com": "one@file",
        "b.example.com": "two@file",
        "c.example.com": "default",
        "d.example.com": "default",
        "*": "default",
    }
    assert not router(plan, "f@file").is_tls
    assert set(plan.tls.options) == {"default", "one@file", "two@file"}


def test_one_host_with_two_sets_of_options_gets_the_default_ones() -> None:
    plan, report = routers(
        "a: {rule: 'Host(`x.example.com`) && PathPrefix(`/a`)', service: s, tls: {options: one}}",
        "b: {rule: 'Host(`x.example.com`)', service: s, tls: {options: two}}",
        "c: {rule: 'Host(`y.example.com`)', service: s, tls: {options: two}}",
    )
    assert hosts(plan) == {"x.example.com": "default", "y.example.com": "two@file"}
    for name in ("web-conflicted-a@file", "web-conflicted-b@file"):
        info = report.routers[name]
        assert info.status == "warning"
        assert "conflicting with other routers" in info.errors[0]
        assert info.using == ("web",)
    assert "a@file" not in report.routers
    assert report.routers["c@file"].status == "enabled"


def test_a_conflict_is_one_of_an_entry_point() -> None:
    plan, report = routers(
        "a: {rule: 'Host(`x.example.com`)', service: s, tls: {options: one}, entryPoints: [a, b]}",
        "b: {rule: 'Host(`x.example.com`)', service: s, tls: {options: two}, entryPoints: [b]}",
        entry_points=TWO,
    )
    assert {(one.name, one.entry_point, one.tls_options) for one in plan.routers} == {
        ("a@file", "a", "one@file"),
        ("b-conflicted-a@file", "b", "default"),
        ("b-conflicted-b@file", "b", "default"),
    }
    assert report.routers["a@file"].using == ("a",)


def test_the_children_of_a_router_in_conflict_stay_its_children() -> None:
    plan, _ = routers(
        "a: {rule: 'Host(`x.example.com`)', tls: {options: one}}",
        "child: {rule: 'PathPrefix(`/`)', service: s, parentRefs: [a]}",
        "b: {rule: 'Host(`x.example.com`)', service: s, tls: {options: two}}",
    )
    assert [one.name for one in router(plan, "web-conflicted-a@file").children] == ["child@file"]


def test_options_need_a_domain() -> None:
    plan, report = routers("a: {rule: 'PathPrefix(`/`)', service: s, tls: {options: one}}")
    info = report.routers["web-conflicted-a@file"]
    assert info.errors == ("no domain found in rule PathPrefix(`/`), the TLS option one@file cannot be applied",)
    assert info.status == "warning"
    assert hosts(plan) == {"*": "default"}


def test_unknown_options_close_their_hosts() -> None:
    plan, report = routers(
        "a: {rule: 'Host(`x.example.com`)', service: s, tls: {options: three}}",
        "b: {rule: 'Host(`y.example.com`)', service: missing, tls: {options: one}}",
    )
    assert hosts(plan) == {"x.example.com": "", "y.example.com": "one@file"}
    assert report.routers["a@file"].errors == ("building router handler: unknown TLS options: three@file",)
    assert plan.routers == ()


def test_a_router_for_every_name_that_does_not_serve_takes_them_all_the_same() -> None:
    plan, _ = routers("a: {rule: 'PathPrefix(`/`)', service: missing, tls: {}}")
    assert (hosts(plan), plan.routers) == ({"*": "default"}, ())
    plan, _ = routers("a: {rule: 'PathPrefix(`/`', service: s, tls: {}}")
    assert hosts(plan) == {}


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ("cipherSuites: [TLS_FOO]", "invalid CipherSuite: TLS_FOO"),
        ("curvePreferences: [brainpool]", "invalid CurveID in curvePreferences: brainpool"),
        ("clientAuth: {clientAuthType: Perhaps}", 'unknown client auth type "Perhaps"'),
        (
            "clientAuth: {clientAuthType: VerifyClientCertIfGiven}",
            "invalid clientAuthType: VerifyClientCertIfGiven, CAFiles is required",
        ),
        ("clientAuth: {caFiles: [/nowhere.pem]}", "there is no file /nowhere.pem"),
    ],
)
def test_options_that_cannot_be_met(options: str, error: str) -> None:
    plan, report = routers(
        "a: {rule: 'Host(`x.example.com`)', service: s, tls: {options: bad}}",
        options=f"tls: {{options: {{bad: {{{options}}}}}}}\n",
    )
    assert report.routers["a@file"].errors == (f"building router handler: building TLS config: {error}",)
    assert [text for text in told(report) if error in text and text.startswith("dynamic.yml:")]
    assert "bad@file" not in plan.tls.options
    assert hosts(plan) == {"x.example.com": ""}


def test_a_version_that_nobody_knows_is_warned_of_and_ignored() -> None:
    plan, report = routers(
        "a: {rule: 'Host(`x.example.com`)', service: s, tls: {options: odd}}",
        options="tls: {options: {odd: {minVersion: '1.2', maxVersion: VersionTLS13}}}\n",
    )
    assert report.routers["a@file"].status == "enabled"
    assert hosts(plan) == {"x.example.com": "odd@file"}
    (warning,) = [issue for issue in report.issues if issue.is_warning]
    assert "tls.options.odd.minVersion: invalid TLS version '1.2' is ignored" in str(warning)


def test_what_our_openssl_does_not_have_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "is_curve_offered", lambda curve: curve == "prime256v1")
    monkeypatch.setattr(certificates, "offered", lambda: frozenset(("AES128-SHA",)))
    curves = "[secp256r1, X25519MLKEM768]"
    suites = "[TLS_RSA_WITH_AES_128_CBC_SHA, TLS_RSA_WITH_RC4_128_SHA, TLS_AES_128_GCM_SHA256]"
    plan, report = routers(
        "a: {rule: 'Host(`x.example.com`)', service: s, tls: {options: odd}}",
        options=f"tls: {{options: {{odd: {{curvePreferences: {curves}, cipherSuites: {suites}}}}}}}\n",
    )
    assert report.routers["a@file"].status == "enabled"
    assert "odd@file" in plan.tls.options
    assert [str(issue).partition("tls.options.odd.")[2] for issue in report.issues] == [
        "cipherSuites: TLS_RSA_WITH_RC4_128_SHA is ignored: this OpenSSL does not have it",
        "curvePreferences: X25519MLKEM768 is ignored: this OpenSSL does not have it",
    ]


def test_the_default_of_several_providers_is_nobodys() -> None:
    text = "tls: {options: {default: {sniStrict: true}}, stores: {default: {}}}\n"
    routed = "http:\n  routers: {a: {rule: 'Host(`x.example.com`)', service: s, tls: {}}}\n" + SERVICES + text
    first, _, _ = dynamic(routed)
    second, _, _ = dynamic(text)
    plan, report = compile(static(), {"file": first, "other": second})
    assert plan.tls.options == {}
    assert plan.routers == ()
    assert any("default TLS options defined by several providers: file, other" in text for text in told(report))
    assert any("default TLS store defined by several providers: file, other" in text for text in told(report))


def test_tls_of_an_entry_point_is_for_routers_without_their_own() -> None:
    plan, _ = routers(
        "a: {rule: 'Host(`a.example.com`)', service: s}",
        "b: {rule: 'Host(`b.example.com`)', service: s, tls: {options: two}}",
        entry_points="entryPoints: {web: {address: ':443', http: {tls: {options: one@file}}}}",
    )
    assert hosts(plan) == {"a.example.com": "one@file", "b.example.com": "two@file"}


def test_stored_certificates(tmp_path: Path) -> None:
    a, b, c = make("a.example.com", common="A.example.com"), make("b.example.com", "10.0.0.1"), make("c.example.com")
    pairs = [made.write(tmp_path, name) for name, made in (("a", a), ("b", b), ("c", c))]
    stores = ("", ", stores: [default, more]", ", stores: [more]")
    lines = [f"{{certFile: '{cert}', keyFile: '{key}'{more}}}" for (cert, key), more in zip(pairs, stores, strict=True)]
    plan, report = compiled("tls: {certificates: [" + ", ".join(lines) + "]}")
    assert told(report) == []
    assert [one.names for one in plan.certificates] == [
        ("a.example.com", "a.example.com"),
        ("10.0.0.1", "b.example.com"),
    ]
    assert plan.certificates[0].chain == a.pem
    assert b"PRIVATE" not in repr(plan).encode()


def test_content_in_place_of_files() -> None:
    made = make("a.example.com")
    blocks = ["\n".join("      " + line for line in pem.decode().splitlines()) for pem in (made.pem, made.key_pem)]
    given = f"tls:\n  certificates:\n  - certFile: |\n{blocks[0]}\n    keyFile: |\n{blocks[1]}\n"
    plan, report = compiled(given)
    assert told(report) == []
    assert [one.names for one in plan.certificates] == [("a.example.com",)]


def test_a_broken_default_certificate_is_none(tmp_path: Path) -> None:
    cert, _ = make("a").write(tmp_path, "a")
    plan, report = compiled(
        f"tls: {{stores: {{default: {{defaultCertificate: {{certFile: '{cert}', keyFile: ''}}}}}}}}"
    )
    assert plan.tls.is_default_broken
    assert any(
        "tls.stores.default.defaultCertificate.keyFile: the private key is missing" in one for one in told(report)
    )


def test_pairs_are_parsed_once_and_forgotten(tmp_path: Path) -> None:
    cert, key = make("a.example.com").write(tmp_path, "a")
    text = f"tls: {{certificates: [{{certFile: '{cert}', keyFile: '{key}'}}]}}"
    configuration, _, _ = dynamic(text)
    book = PairBook()
    first, _ = compile(static(), {"file": configuration}, pairs=book)
    second, _ = compile(static(), {"file": configuration}, pairs=book)
    assert first.certificates[0] is second.certificates[0]
    assert book.files == {cert, key}
    third, _ = compile(static(), {}, pairs=book)
    assert third.certificates == ()
    assert book.files == set()


def test_a_pair_that_breaks_stays_as_it_was(tmp_path: Path) -> None:
    old, new = make("a.example.com"), make("a.example.com", "b.example.com")
    cert, key = old.write(tmp_path, "a")
    configuration, _, _ = dynamic(f"tls: {{certificates: [{{certFile: '{cert}', keyFile: '{key}'}}]}}")
    book = PairBook()

    def outcome() -> tuple[list[tuple[str, ...]], list[str]]:
        plan, report = compile(static(), {"file": configuration}, pairs=book)
        return [one.names for one in plan.certificates], told(report)

    assert outcome() == ([("a.example.com",)], [])
    Path(cert).write_bytes(new.pem)  # renewed, and the key not yet written
    for _ in range(2):
        names, (error,) = outcome()
        assert names == [("a.example.com",)]
        assert error.endswith(
            "keyFile: the private key does not belong to the certificate; what was there before stays in use"
        )
    Path(key).unlink()
    names, (error,) = outcome()
    assert names == [("a.example.com",)]
    assert "there is no file" in error
    Path(key).write_bytes(new.key_pem)
    assert outcome() == ([("a.example.com", "b.example.com")], [])
    compile(static(), {}, pairs=book)
    Path(key).unlink()
    assert outcome()[0] == []


ODD = make("odd.example.com")
HEAD = b"-----BEGIN CERTIFICATE-----\n"
ODD_PAIRS = {
    "white space": (b"\n".join(b"  " + line for line in ODD.pem.split(b"\n")), ODD.key_pem),
    "an older label": (ODD.pem.replace(b" CERTIFICATE", b" X509 CERTIFICATE"), ODD.key_pem),
    "a field": (ODD.pem.replace(HEAD, HEAD + b"Name: value\n\n"), ODD.key_pem),
    "attributes": (b"Bag Attributes\n" + ODD.pem, b"Bag Attributes\n" + ODD.key_pem),
    "one file": (ODD.key_pem + ODD.pem, ODD.pem + ODD.key_pem),
    "line ends": (ODD.pem.replace(b"\n", b"\r\n"), ODD.key_pem.replace(b"\n", b"\r\n").rstrip()),
}


def pair_of(tmp_path: Path, chain: bytes, key: bytes) -> Pair:
    for name, content in (("crt", chain), ("key", key)):
        (tmp_path / name).write_bytes(content)
    return PairBook().load(FileOrContent(str(tmp_path / "crt")), FileOrContent(str(tmp_path / "key")))


@pytest.mark.parametrize("name", ODD_PAIRS)
def test_what_is_read_can_be_served(tmp_path: Path, name: str) -> None:
    found = pair_of(tmp_path, *ODD_PAIRS[name]).certificate
    assert found is not None
    load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), found.chain, found.key)


@pytest.mark.parametrize(
    ("chain", "key", "error"),
    [
        (b"", ODD.key_pem, ("certFile", "crt holds no certificate in PEM form")),
        (ODD.pem, b"", ("keyFile", "key holds no private key in PEM form")),
    ],
)
def test_an_empty_file_is_none(tmp_path: Path, chain: bytes, key: bytes, error: tuple[str, str]) -> None:
    pair = pair_of(tmp_path, chain, key)
    assert pair.certificate is None
    ((option, text),) = pair.errors
    assert (option, text.rpartition("/")[2]) == error
