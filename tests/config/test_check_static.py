"""Static checks and what is filled in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trafficcop.config.acme import ACME, CertificatesResolver
from trafficcop.config.check_static import LOG_LEVELS, check_static
from trafficcop.config.decode import decode_static
from trafficcop.config.effective import effective_static
from trafficcop.config.scalars import Duration
from trafficcop.config.sources import load_text
from trafficcop.config.static import StaticConfiguration
from trafficcop.telemetry.log import LEVELS

WEB = "entryPoints: {web: {address: ':80'}}\n"
RESOLVER = "certificatesResolvers: {le: {acme: {email: a@example.com, tlsChallenge: {}%s}%s}}\n"


def _check(text: str) -> list[tuple[str, str, str, bool]]:
    document = load_text(text, "yaml", "a")
    decoded = decode_static(document)
    assert [issue for issue in decoded.issues if not issue.is_warning] == []
    found = check_static(decoded.value, document.locate)
    return [(str(issue.position), issue.path, issue.message, issue.is_warning) for issue in found]


@pytest.mark.parametrize(
    "text",
    [
        "",
        WEB,
        "entryPoints: {a: {address: ':443'}, b: {address: ':443/udp'}, c: {address: '127.0.0.1:443'}}",
        "entryPoints: {a: {address: ':0'}, b: {address: ':0'}}",
        WEB + "ping: {}\nmetrics: {prometheus: {}}\n",
        WEB + "ping: {entryPoint: nothing, manualRouting: true}\n",
        RESOLVER % ("", ""),
        "entryPoints: {w: {address: ':80', udp: {timeout: 0}}}",
        "entryPoints: {w: {address: ':80/udp', proxyProtocol: {insecure: false}}}",
        "entryPoints: {w: {address: ':80', proxyProtocol: {trustedIPs: 10.0.0.0/8}}}",
        "api: {basePath: /traefik/a-b}",
        "experimental: {otlplogs: true, knative: true}\nlog: {otlp: {}}\nproviders: {knative: {}}\n",
        "core: {defaultRuleSyntax: v2}",
        "providers: {precedence: 'File, docker'}",
        "log: {level: Info}\naccessLog: {format: genericCLF}",
    ],
)
def test_nothing_to_say(text: str):
    assert _check(text) == []


@pytest.mark.parametrize(
    ("text", "position", "path", "message"),
    [
        ("entryPoints: {w: {asDefault: true}}", "1:15", "entryPoints.w.address", "needs an address"),
        ("entryPoints: {w: {address: '80'}}", "1:19", "entryPoints.w.address", "no port"),
        ("entryPoints: {w: {address: ':80/x'}}", "1:19", "entryPoints.w.address", "invalid protocol 'x'"),
        (
            "entryPoints: {a: {address: ':80'}, b: {address: ':80/TCP'}}",
            "1:40",
            "entryPoints.b.address",
            "entry point twice: ':80' belongs to 'a' already",
        ),
        (
            "entryPoints: {w: {address: ':80', forwardedHeaders: {trustedIPs: [10.0.0.0/8, x]}}}",
            "1:79",
            "entryPoints.w.forwardedHeaders.trustedIPs[1]",
            "'x' is not an IP",
        ),
        (
            "entryPoints: {w: {address: ':80', proxyProtocol: {trustedIPs: 10.0.0.0/99}}}",
            "1:51",
            "entryPoints.w.proxyProtocol.trustedIPs[0]",
            "'10.0.0.0/99' is not an IP",
        ),
        (
            "entryPoints: {w: {address: ':80', http: {underscoreHeadersStrategy: drop}}}",
            "1:42",
            "entryPoints.w.http.underscoreHeadersStrategy",
            "use keep, delete or reject",
        ),
        (
            "entryPoints: {w: {address: ':80', http2: {maxConcurrentStreams: -1}}}",
            "1:43",
            "entryPoints.w.http2.maxConcurrentStreams",
            "-1 is negative",
        ),
        (
            "entryPoints: {w: {address: ':80', http3: {advertisedPort: -1}}}",
            "1:43",
            "entryPoints.w.http3.advertisedPort",
            "-1 is negative",
        ),
        (
            "entryPoints: {w: {address: ':53/udp', udp: {timeout: 0}}}",
            "1:45",
            "entryPoints.w.udp.timeout",
            "0s must be greater than zero",
        ),
        (
            "entryPoints: {w: {address: ':80', proxyProtocol: {insecure: false}}}",
            "1:35",
            "entryPoints.w.proxyProtocol",
            "Give trustedIPs",
        ),
        ("core: {defaultRuleSyntax: v1}", "1:8", "core.defaultRuleSyntax", "'v1'"),
        ("api: {basePath: 'a b'}", "1:7", "api.basePath", "not an absolute URL path"),
        ("workers: -2", "1:1", "workers", "cannot be negative"),
        ("ocsp: {responderOverrides: {x: ''}}", "1:29", "ocsp.responderOverrides.x", "cannot be empty"),
        (RESOLVER % ("", ", tailscale: {}"), "1:25", "certificatesResolvers.le", "mutually exclusive"),
        (RESOLVER % (", storage: ''", ""), "1:77", "certificatesResolvers.le.acme.storage", "no place"),
        ("providers: {precedence: [file, dcoker]}", "1:32", "providers.precedence[1]", '(did you mean "docker"?)'),
        ("providers: {knative: {}}", "1:13", "providers.knative", "experimental.knative"),
        (
            "providers: {kubernetesIngressNGINX: {watchNamespace: a, watchNamespaceSelector: b}}",
            "1:38",
            "providers.kubernetesIngressNGINX.watchNamespace",
            "mutually exclusive",
        ),
        ("log: {otlp: {}}", "1:7", "log.otlp", "experimental.otlplogs"),
        ("accessLog: {otlp: {}}", "1:13", "accessLog.otlp", "experimental.otlplogs"),
        (
            "tracing: {otlp: {grpc: {insecure: true, tls: {ca: x}}}}",
            "1:18",
            "tracing.otlp.grpc",
            "mutually exclusive",
        ),
    ],
)
def test_errors(text: str, position: str, path: str, message: str):
    ((found_position, found_path, found_message, is_warning),) = _check(text)
    assert (found_position, found_path, is_warning) == (f"a:{position}", path, False)
    assert message in found_message


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        (
            RESOLVER % (", caServer: 'https://acme-v01.api.letsencrypt.org/directory'", ""),
            "certificatesResolvers.le.acme.caServer",
            "https://acme-v02.api.letsencrypt.org/directory is used",
        ),
        (
            RESOLVER % (", dnsChallenge: {provider: azure}", ""),
            "certificatesResolvers.le.acme.dnsChallenge.provider",
            "azure: deprecated: use azuredns",
        ),
        (
            WEB + "ping: {entryPoint: wep}",
            "ping.entryPoint",
            "unknown entry point 'wep' (did you mean \"web\"?)",
        ),
        (WEB + "metrics: {prometheus: {entryPoint: x}}", "metrics.prometheus.entryPoint", "unknown entry point 'x'"),
        ("certificatesResolvers: {le: {acme: {email: x}}}", "certificatesResolvers.le.acme", "no challenge"),
        ("certificatesResolvers: {le: {}}", "certificatesResolvers.le", "needs acme or tailscale"),
        (
            "certificatesResolvers: {le: {acme: {httpChallenge: {}}}}",
            "certificatesResolvers.le.acme.httpChallenge.entryPoint",
            "needs an entry point",
        ),
        (
            "certificatesResolvers: {le: {acme: {httpChallenge: {entryPoint: wep}}}}",
            "certificatesResolvers.le.acme.httpChallenge.entryPoint",
            "unknown entry point 'wep'",
        ),
        ("providers: {file: {watch: true}}", "providers.file", "needs filename or directory"),
        ("log: {level: wran}", "log.level", "unknown level 'wran' (did you mean \"warn\"?); ERROR is used"),
        ("accessLog: {format: xml}", "accessLog.format", "unknown format 'xml'; common is used"),
    ],
)
def test_warnings(text: str, path: str, message: str):
    ((_, found_path, found_message, is_warning),) = _check(text)
    assert (found_path, is_warning) == (path, True)
    assert message in found_message


def test_levels_are_those_that_the_log_knows():
    assert list(LOG_LEVELS) == list(LEVELS)


def _effective(text: str) -> StaticConfiguration:
    static = effective_static(decode_static(load_text(text, "yaml", "a")).value)
    assert effective_static(static) == static
    return static


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("", {"http": ":80"}),
        (WEB, {"web": ":80"}),
        ("api: {insecure: true}", {"http": ":80", "traefik": ":8080"}),
        (WEB + "ping: {}", {"web": ":80", "traefik": ":8080"}),
        (WEB + "ping: {entryPoint: web}", {"web": ":80"}),
        (WEB + "ping: {manualRouting: true}", {"web": ":80"}),
        (WEB + "metrics: {prometheus: {}}", {"web": ":80", "traefik": ":8080"}),
        (WEB + "providers: {rest: {insecure: true}}", {"web": ":80", "traefik": ":8080"}),
        ("entryPoints: {traefik: {address: ':99'}}\napi: {insecure: true}", {"traefik": ":99"}),
    ],
)
def test_entry_points_that_nobody_wrote(text: str, addresses: dict[str, str]):
    assert {name: item.address for name, item in _effective(text).entry_points.items()} == addresses


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("", "https://acme-v02.api.letsencrypt.org/directory"),
        ("https://acme-v01.api.letsencrypt.org/directory", "https://acme-v02.api.letsencrypt.org/directory"),
        (
            "https://acme-staging.api.letsencrypt.org/directory",
            "https://acme-staging-v02.api.letsencrypt.org/directory",
        ),
        ("https://ca.example.com/dir", "https://ca.example.com/dir"),
    ],
)
def test_acme_servers(given: str, used: str):
    resolver = CertificatesResolver(acme=replace(ACME(), ca_server=given))
    static = effective_static(StaticConfiguration(certificates_resolvers={"le": resolver}))
    assert static.certificates_resolvers["le"].acme.ca_server == used


def test_old_options_act_through_the_new_ones():
    static = _effective(
        "certificatesResolvers: {le: {acme: {dnsChallenge: {disablePropagationCheck: true, delayBeforeCheck: 5}}}}\n"
        "tracing: {globalAttributes: {a: b}}\n"
        "providers: {docker: {httpClientTimeout: -1s}, swarm: {httpClientTimeout: -1s, refreshSeconds: 0}}\n"
    )
    propagation = static.certificates_resolvers["le"].acme.dns_challenge.propagation
    assert (propagation.disable_checks, propagation.delay_before_checks) == (True, Duration.of("5s"))
    assert static.tracing.resource_attributes == {"a": "b"}
    assert static.providers.docker.http_client_timeout == static.providers.swarm.http_client_timeout == 0
    assert static.providers.swarm.refresh_seconds == Duration.of("15s")
