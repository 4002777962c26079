"""The TLS part of a dynamic configuration: certificates that can be read, options that can be met (`pkg/tls`)."""

from __future__ import annotations

from collections.abc import Iterable

from trafficcop.config.scalars import FileOrContent
from trafficcop.config.tls import TLSOptions
from trafficcop.control.ledger import dotted
from trafficcop.control.merge import Merged
from trafficcop.control.places import Places
from trafficcop.errors import Issue

_VERSIONS = ("", "VersionTLS10", "VersionTLS11", "VersionTLS12", "VersionTLS13")
_CLIENT_AUTH = (
    "",
    "NoClientCert",
    "RequestClientCert",
    "RequireAnyClientCert",
    "VerifyClientCertIfGiven",
    "RequireAndVerifyClientCert",
)
_NEEDS_CAS = ("VerifyClientCertIfGiven", "RequireAndVerifyClientCert")


class CertificateChecks:
    """Reads every certificate once; what cannot be used is told and left out by whoever needs it."""

    def __init__(self, merged: Merged, places: Places) -> None:
        self.issues: list[Issue] = []
        self._merged = merged
        self._places = places

    def options(self) -> dict[str, str]:
        """The error of all TLS options by qualified name, "" of those that are good."""
        errors: dict[str, str] = {}
        for name, options in self._merged.tls_options.items():
            error, key = self._options_error(options)
            errors[name] = error
            if error:
                self._tell(self._provider("options", name), ("tls", "options", _bare(name), *key), error)
        return errors

    def certificates(self) -> None:
        for provider, index, certificate in self._merged.certificates:
            self._check_pair(provider, ("tls", "certificates", index), certificate.cert_file, certificate.key_file)
        for name, store in self._merged.tls_stores.items():
            given = store.default_certificate
            if given is not None:
                path = ("tls", "stores", _bare(name), "defaultCertificate")
                self._check_pair(self._provider("stores", name), path, given.cert_file, given.key_file)
        for name, transport in self._merged.transports.items():
            provider = _provider_of(name)
            base = ("http", "serversTransports", _bare(name))
            if provider == "internal":  # it stands in the static configuration
                self._check_cas("", ("serversTransport", "rootCAs"), transport.root_cas)
                continue
            self._check_cas(provider, (*base, "rootCAs"), transport.root_cas)
            for index, pair in enumerate(transport.certificates):
                self._check_pair(provider, (*base, "certificates", index), pair.cert_file, pair.key_file)

    def _options_error(self, options: TLSOptions) -> tuple[str, tuple[str, ...]]:
        for key, version in (("minVersion", options.min_version), ("maxVersion", options.max_version)):
            if version not in _VERSIONS:
                return f"invalid TLS version {version!r}: expected one of {', '.join(_VERSIONS[1:])}", (key,)
        auth = options.client_auth
        if auth is None:
            return "", ()
        kind = auth.client_auth_type
        if kind not in _CLIENT_AUTH:
            return f'unknown client auth type "{kind}"', ("clientAuth", "clientAuthType")
        if kind in _NEEDS_CAS and not auth.ca_files:
            return f"invalid clientAuthType: {kind}, CAFiles is required", ("clientAuth", "clientAuthType")
        for file in auth.ca_files:
            error = ca_error(file)
            if error:
                return error, ("clientAuth", "caFiles")
        return "", ()

    def _check_cas(self, provider: str, path: tuple[str | int, ...], files: Iterable[FileOrContent]) -> None:
        for index, file in enumerate(files):
            error = ca_error(file)
            if error:
                self._tell(provider, (*path, index), error)

    def _check_pair(self, provider: str, path: tuple[str | int, ...], cert: FileOrContent, key: FileOrContent) -> None:
        for option, error in pair_errors(cert, key):
            self._tell(provider, (*path, option), error)

    def _provider(self, kind: str, name: str) -> str:
        return _provider_of(name) or self._merged.default_by.get(kind, "")

    def _tell(self, provider: str, path: tuple[str | int, ...], text: str) -> None:
        self.issues.append(Issue(text, dotted(path), self._places.key(provider, path)))


def pair_errors(cert: FileOrContent, key: FileOrContent) -> list[tuple[str, str]]:
    """What is wrong with a certificate and its key, by option."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    errors: list[tuple[str, str]] = []
    public = None
    try:
        public = x509.load_pem_x509_certificates(_read(cert))[0].public_key()
    except (OSError, ValueError) as error:
        errors.append(("certFile", _reason(cert, "certificate", error)))
    try:
        private = load_pem_private_key(_read(key), password=None)
    except (OSError, ValueError, TypeError) as error:
        errors.append(("keyFile", _reason(key, "private key", error)))
    else:
        if public is not None and private.public_key() != public:
            errors.append(("keyFile", "the private key does not belong to the certificate"))
    return errors


def ca_error(file: FileOrContent) -> str:
    """Why a bundle of certificate authorities cannot be used, "" when it can."""
    from cryptography import x509

    try:
        x509.load_pem_x509_certificates(_read(file))
    except (OSError, ValueError) as error:
        return _reason(file, "certificate", error)
    return ""


def _read(file: FileOrContent) -> bytes:
    if not file:
        raise ValueError("it is not given")
    return file.read()


def _reason(file: FileOrContent, what: str, error: Exception) -> str:
    """One line: the path if the value is one, never the content of a key."""
    if isinstance(error, OSError):
        return f"cannot read {file}: {error.strerror}"
    if not file:
        return f"the {what} is missing"
    if file.is_path:
        return f"{file} holds no {what} in PEM form"
    if "-----BEGIN" not in file and "\n" not in file:
        return f"there is no file {file}"
    return f"the text is no {what} in PEM form"


def _bare(name: str) -> str:
    return name.rpartition("@")[0] or name


def _provider_of(name: str) -> str:
    return name.rpartition("@")[2] if "@" in name else ""
