"""The TLS part of a dynamic configuration: certificates that can be read, options that can be met (`pkg/tls`)."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator

from trafficcop.config.scalars import FileOrContent
from trafficcop.config.tls import TLSOptions
from trafficcop.control.ledger import dotted
from trafficcop.control.merge import DEFAULT, Merged
from trafficcop.control.pairs import Pair, PairBook, read_given, reason
from trafficcop.control.places import Places
from trafficcop.errors import Issue
from trafficcop.tls.contexts import Certificate, ServerOptions, is_curve_offered, offered
from trafficcop.tls.names import UnknownName, ciphers_of, curves_of

_VERSIONS = ("", "VersionTLS10", "VersionTLS11", "VersionTLS12", "VersionTLS13")
_CLIENT_AUTH = (
    "",
    "NoClientCert",
    "RequestClientCert",
    "RequireAnyClientCert",
    "VerifyClientCertIfGiven",
    "RequireAndVerifyClientCert",
)
_NOT_HERE = "is ignored: this OpenSSL does not have it"
_NEEDS_CAS = ("VerifyClientCertIfGiven", "RequireAndVerifyClientCert")


class CertificateChecks:
    """Reads every certificate once; what cannot be used is told and left out by whoever needs it.

    `stored` is what the default store serves (others are accepted and never asked, as in Traefik), `good` the options
    that can be met, `errors` those of all options by qualified name, "" of the good ones.
    """

    def __init__(self, merged: Merged, places: Places, pairs: PairBook) -> None:
        self.issues: list[Issue] = []
        self.stored: list[Certificate] = []
        self.default: Certificate | None = None
        self.is_default_broken = False
        self.good: dict[str, ServerOptions] = {}
        self.errors: dict[str, str] = {}
        self.read: list[tuple[str, tuple[str | int, ...], Pair]] = []  # the provider, where, and what was there
        self._merged = merged
        self._places = places
        self.pairs = pairs

    def options(self) -> None:
        for name, options in self._merged.tls_options.items():
            error, key = self._options_error(options)
            self.errors[name] = error
            if error:
                self.tell(self._provider("options", name), ("tls", "options", _bare(name), *key), error)
            else:
                for option, text in _warnings(options):
                    path = ("tls", "options", _bare(name), option)
                    self.tell(self._provider("options", name), path, text, is_warning=True)
                self.good[name] = self._server_options(options)

    def certificates(self) -> None:
        for provider, index, certificate in self._merged.certificates:
            path = ("tls", "certificates", index)
            found = self.pair(provider, path, certificate.cert_file, certificate.key_file)
            if found is not None and (not certificate.stores or DEFAULT in certificate.stores):
                self.stored.append(found)
        for name, store in self._merged.tls_stores.items():
            given = store.default_certificate
            if given is not None:
                provider = self._provider("stores", name)
                where = ("tls", "stores", _bare(name))
                found = self.pair(provider, (*where, "defaultCertificate"), given.cert_file, given.key_file)
                if name == DEFAULT:
                    self.default, self.is_default_broken = found, found is None
                if store.default_generated_cert is not None:
                    text = "defaultGeneratedCert is ignored: there is a defaultCertificate"
                    self.tell(provider, (*where, "defaultGeneratedCert"), text, is_warning=True)

    def chains(self) -> tuple[bytes, ...]:
        """Of the certificates that users gave to serve with, each once."""
        given = self.stored if self.default is None else [*self.stored, self.default]
        return tuple(dict.fromkeys(certificate.chain for certificate in given))

    def default_or(self, generate: Callable[[], Certificate] | None) -> Certificate | None:
        """The certificate for names without one."""
        return self.default if generate is None or self.default is not None or self.is_default_broken else generate()

    def _options_error(self, options: TLSOptions) -> tuple[str, tuple[str, ...]]:
        try:
            ciphers_of(options.cipher_suites)
        except UnknownName as unknown:
            return str(unknown), ("cipherSuites",)
        try:
            curves_of(options.curve_preferences)
        except UnknownName as unknown:
            return str(unknown), ("curvePreferences",)
        auth = options.client_auth
        if auth is None:
            return "", ()
        kind = auth.client_auth_type
        if kind not in _CLIENT_AUTH:
            return f'unknown client auth type "{kind}"', ("clientAuth", "clientAuthType")
        if kind in _NEEDS_CAS and not auth.ca_files:
            return f"invalid clientAuthType: {kind}, CAFiles is required", ("clientAuth", "clientAuthType")
        self.pairs.note(*auth.ca_files)
        for file in auth.ca_files:
            error = ca_error(file)
            if error:
                return error, ("clientAuth", "caFiles")
        return "", ()

    def _server_options(self, options: TLSOptions) -> ServerOptions:
        auth = options.client_auth
        kind, cas = "NoClientCert", b""
        if auth is not None:
            kind = auth.client_auth_type or ("RequireAndVerifyClientCert" if auth.ca_files else "NoClientCert")
            cas = b"\n".join(read_given(file) for file in auth.ca_files)
        return ServerOptions(
            min_version=options.min_version,
            max_version=options.max_version,
            cipher_suites=options.cipher_suites,
            curves=options.curve_preferences,
            alpn=options.alpn_protocols,
            client_auth=kind,
            client_cas=cas,
            has_tickets=not options.disable_session_tickets,
            is_strict=options.sni_strict,
        )

    def pair(
        self, provider: str, path: tuple[str | int, ...], cert: FileOrContent, key: FileOrContent
    ) -> Certificate | None:
        """What is at `path`, None when it cannot be used: that is told."""
        pair = self.pairs.load(cert, key)
        self.read.append((provider, path, pair))
        for option, error in pair.errors:
            self.tell(provider, (*path, option), error)
        if pair.expires is not None and pair.expires < datetime.datetime.now(datetime.UTC):
            text = f"the certificate has expired on {pair.expires:%Y-%m-%d}; it is served nevertheless"
            self.tell(provider, (*path, "certFile"), text, is_warning=True)
        return pair.certificate

    def _provider(self, kind: str, name: str) -> str:
        return _provider_of(name) or self._merged.default_by.get(kind, "")

    def tell(self, provider: str, path: tuple[str | int, ...], text: str, *, is_warning: bool = False) -> None:
        """Note what is wrong with an option of a provider, "" for the static configuration."""
        self.issues.append(Issue(text, dotted(path), self._places.key(provider, path), is_warning))


def _warnings(options: TLSOptions) -> Iterator[tuple[str, str]]:
    """What has no effect, by option: versions that nobody knows, and what is left out of OpenSSL."""
    for key, version in (("minVersion", options.min_version), ("maxVersion", options.max_version)):
        if version not in _VERSIONS:
            yield key, f"invalid TLS version {version!r} is ignored: expected one of {', '.join(_VERSIONS[1:])}"
    for name in options.cipher_suites:
        if not offered().issuperset(ciphers_of((name,))):
            yield "cipherSuites", f"{name} {_NOT_HERE}"
    for name in options.curve_preferences:
        if not all(is_curve_offered(curve) for curve, _ in curves_of((name,))):
            yield "curvePreferences", f"{name} {_NOT_HERE}"


def ca_error(file: FileOrContent) -> str:
    """Why a bundle of certificate authorities cannot be used, "" when it can."""
    from cryptography import x509

    try:
        x509.load_pem_x509_certificates(read_given(file))
    except (OSError, ValueError) as error:
        return reason(file, "certificate", error)
    return ""


def _bare(name: str) -> str:
    return name.rpartition("@")[0] or name


def _provider_of(name: str) -> str:
    return name.rpartition("@")[2] if "@" in name else ""
