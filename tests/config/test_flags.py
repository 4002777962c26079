"""Flags and variables: every form they come in."""

from __future__ import annotations

import pytest

from trafficcop.config.acme import ACME
from trafficcop.config.flags import describe_flags, split_arguments
from trafficcop.config.scalars import Duration
from trafficcop.config.static import API, StaticConfiguration
from trafficcop.config.static_sources import load_static
from trafficcop.config.tls import Domain


@pytest.fixture(autouse=True)
def _no_file_in_the_usual_places(monkeypatch):
    monkeypatch.setattr("trafficcop.config.static_sources.PLACES", ())


def _static(*argv: str) -> StaticConfiguration:
    loaded = load_static(argv, {})
    assert loaded.issues == ()
    return loaded.static


def _said(*argv: str, **environ: str) -> list[str]:
    return [str(issue) for issue in load_static(argv, environ).issues]


@pytest.mark.parametrize(
    "argv",
    [
        ("--entryPoints.web.address=:81",),
        ("-entryPoints.web.address=:81",),
        ("--entrypoints.web.ADDRESS=:81",),
        ("--entryPoints.web.address", ":81"),
        ("--entryPoints.web.address=:80", "--entryPoints.WEB.address=:81"),
        ("--entryPoints.web", "--entryPoints.web.address=:81"),
        ("--entryPoints.web.address=:81", "--"),
    ],
)
def test_forms_of_a_plain_flag(argv: tuple[str, ...]):
    assert {name: item.address for name, item in _static(*argv).entry_points.items()} == {"web": ":81"}


@pytest.mark.parametrize(
    ("argv", "api"),
    [
        (("--api",), API()),
        (("--api=true",), API()),
        (("--api=",), API()),
        (("--api=false",), None),
        (("--api", "--api.insecure"), API(insecure=True)),
        (("--api.insecure", "--api"), API(insecure=True)),
        (("--api.insecure=1",), API(insecure=True)),
        (("--api.insecure=T", "--api.insecure=F"), API()),
        (("--api=false", "--api.insecure=true"), None),
        ((), None),
    ],
)
def test_sections_and_switches(argv: tuple[str, ...], api: API | None):
    assert _static(*argv).api == api


def test_lists_are_appended_everywhere():
    static = _static(
        "--entryPoints.web.address=:80",
        "--entryPoints.web.forwardedHeaders.trustedIPs=10.0.0.1, 10.0.0.2",
        "--entryPoints.web.forwardedHeaders.trustedIPs=10.0.0.3",
        "--providers.precedence=File",
        "--providers.precedence=docker",
    )
    assert static.entry_points["web"].forwarded_headers.trusted_ips == ("10.0.0.1", "10.0.0.2", "10.0.0.3")
    assert static.providers.precedence == ("file", "docker")


def test_lists_of_sections_are_sorted_by_the_text_of_their_index():
    tls = "--entryPoints.web.http.tls.domains"
    argv = (f"{tls}[2].main=two", f"{tls}[10].main=ten", f"{tls}[2].sans=a,b", f"{tls}[0].main=zero")
    section = _static("--entryPoints.web.address=:443", *argv).entry_points["web"].http.tls
    assert section.domains == (Domain("zero"), Domain("ten"), Domain("two", ("a", "b")))


def test_keys_of_maps():
    static = _static(
        "--tracing.resourceAttributes.service.name=a",
        "--tracing.resourceattributes.Env=b",
        "--accessLog.fields.names.ClientUsername=drop",
        "--certificatesResolvers.My-One.acme.tlsChallenge",
        "--certificatesresolvers.my-one.acme.email=a@example.com",
    )
    assert static.tracing.resource_attributes == {"service.name": "a", "Env": "b"}
    assert static.access_log.fields.names == {"ClientUsername": "drop"}
    (name,) = static.certificates_resolvers
    assert name == "My-One"
    assert isinstance(static.certificates_resolvers[name].acme, ACME)
    assert static.certificates_resolvers[name].acme.email == "a@example.com"


def test_scalars():
    static = _static(
        "--providers.providersThrottleDuration=10",
        "--serversTransport.forwardingTimeouts.dialTimeout=1m30s",
        "--workers=2",
        "--tracing.sampleRate=0.25",
        "--metrics.prometheus.buckets=0.5,1",
    )
    assert static.providers.providers_throttle_duration == Duration.of("10s")
    assert static.servers_transport.forwarding_timeouts.dial_timeout == Duration.of("90s")
    assert static.workers == 2
    assert static.tracing.sample_rate == 0.25
    assert static.metrics.prometheus.buckets == (0.5, 1.0)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("---x",), ["bad flag syntax: ---x"]),
        (("-=x",), ["bad flag syntax: -=x"]),
        (("web",), ["unexpected argument 'web' (a value is given as --name=value)"]),
        (("--api", "true"), ["unexpected argument 'true' (a value is given as --name=value)"]),
        (("--api", "--", "x"), ["unexpected argument 'x' (a value is given as --name=value)"]),
        (("--log.level",), ["--log.level: the flag needs a value"]),
        (("-c",), ["-c: the flag needs a value"]),
        (("--log.levl=x",), ["--log.levl: log.levl: unknown option 'levl' (did you mean \"level\"?)"]),
        (("--log.levl", "x"), ["--log.levl: log.levl: unknown option 'levl' (did you mean \"level\"?)"]),
        (("--apy",), ["--apy: apy: unknown option 'apy' (did you mean \"api\"?)"]),
        (("--api.debug.x=1",), ["--api.debug.x: api.debug.x: unknown option 'x': there are none below"]),
        (("--api.insecure=maybe",), ["--api.insecure: api.insecure: expected true or false, not 'maybe'"]),
        (("--api=maybe",), ["--api: api: expected a section with options, or true or false, not 'maybe'"]),
        (("--providers.file",), ["--providers.file: providers.file: expected a section with options, not 'true'"]),
        (("--workers=-1",), ["--workers: workers: the number of workers cannot be negative"]),
        (("--pilot.token=x",), ["--pilot.token: pilot: removed together with the service; remove the section"]),
        (
            ("--providers.docker.swarmmode=true",),
            ["--providers.docker.swarmmode: providers.docker.swarmmode: removed: use `providers.swarm`"],
        ),
    ],
)
def test_wrong_flags(argv: tuple[str, ...], said: list[str]):
    assert _said(*argv) == said


@pytest.mark.parametrize(
    "argv",
    [("-c", "f.yml"), ("-c=f.yml",), ("--config=f.yml",), ("--configFile", "f.yml"), ("--CONFIGFILE=f.yml",)],
)
def test_the_file_flag(argv: tuple[str, ...]):
    assert split_arguments(argv).config_file == "f.yml"
    assert split_arguments((*argv, "--api")).flags == (("api", "true", "--api"),)


def test_variables():
    loaded = load_static(
        (),
        {
            "TRAEFIK_ENTRYPOINTS_WEB_ADDRESS": ":80",
            "TRAEFIK_ENTRYPOINTS_WEB_HTTP_TLS_DOMAINS_0_MAIN": "example.com",
            "TRAEFIK_ENTRYPOINTS_WEB_FORWARDEDHEADERS_TRUSTEDIPS": "10.0.0.1,10.0.0.2",
            "TRAEFIK_API": "",
            "TRAEFIK_LOG_LEVEL": "DEBUG",
            "TRAFFICCOP_LOG_LEVEL": "INFO",
            "TRAFFICCOP_ENTRYPOINTS_WEB_FORWARDEDHEADERS_TRUSTEDIPS": "10.0.0.3",
            "TRAFFICCOP_WORKERS": "3",
            "TRAEFIK_VERSION": "v3",
            "TRAEFIK_PORT_80_TCP": "tcp://10.0.0.1",
            "TRAEFIK_CONFIGFILE": "/no/such/file.yml",
            "TRAFFICCOP_HOME": "/",
        },
    )
    assert loaded.issues == ()
    static = loaded.static
    web = static.entry_points["web"]
    assert (web.address, web.http.tls.domains) == (":80", (Domain("example.com"),))
    assert web.forwarded_headers.trusted_ips == ("10.0.0.3",)
    assert (static.log.level, static.workers, static.api) == ("INFO", 3, API())


def test_wrong_variables():
    assert _said(TRAEFIK_LOG_LEVL="x", TRAFFICCOP_WORKERS="many") == [
        "TRAEFIK_LOG_LEVL: log.levl: unknown option 'levl' (did you mean \"level\"?)",
        "TRAFFICCOP_WORKERS: workers: expected a whole number, not 'many'",
    ]


def test_flags_exclude_variables():
    loaded = load_static(("--api",), {"TRAEFIK_LOG_LEVEL": "DEBUG"})
    assert loaded.static.log is None
    assert [str(issue) for issue in loaded.issues] == [
        "TRAEFIK_LOG_LEVEL: environment variables are ignored: flags are given"
    ]
    assert loaded.errors == ()


def test_every_flag_is_described():
    rows = {flag: (default, kind, text) for flag, default, kind, text in describe_flags()}
    assert all(text for _, _, text in rows.values())
    assert rows["--entryPoints.<name>.address"] == ("", "string", "[host]:port[/tcp|/udp]")
    assert rows["--entryPoints.<name>.http.tls.domains[n].sans"][1] == "list of strings"
    assert rows["--providers.providersThrottleDuration"][:2] == ("2s", "duration")
    assert rows["--api"][:2] == ("false", "section")
    assert rows["--api.dashboard"][:2] == ("true", "boolean")
    assert rows["--configfile"][0] == ""
    assert "--workers" in rows
