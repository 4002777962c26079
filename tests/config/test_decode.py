"""Decoding: options from nested data, and what is said about wrong ones."""

from __future__ import annotations

import pytest

from trafficcop.config.decode import decode_dynamic, decode_static
from trafficcop.config.scalars import Duration
from trafficcop.config.sources import load_text


def _dynamic(text: str):
    return decode_dynamic(load_text(text, "yaml", "dynamic.yml"))


def _static(text: str):
    return decode_static(load_text(text, "yaml", "traefik.yml"))


def _said(decoded) -> list[str]:
    return [str(issue) for issue in decoded.issues]


def test_plain_dynamic_configuration():
    decoded = _dynamic(
        """
http:
  routers:
    web:
      rule: Host(`example.com`)
      service: web
      entryPoints: [web, websecure]
      priority: 12
      tls: {}
  services:
    web:
      loadBalancer:
        servers:
          - url: http://127.0.0.1:9000
          - {url: "http://127.0.0.1:9001", weight: 3}
        healthCheck: {path: /health, interval: 10}
"""
    )
    assert decoded.issues == ()
    router = decoded.value.http.routers["web"]
    assert (router.rule, router.service, router.entry_points) == ("Host(`example.com`)", "web", ("web", "websecure"))
    assert router.priority == 12
    assert router.tls is not None
    balancer = decoded.value.http.services["web"].load_balancer
    assert [(server.url, server.weight) for server in balancer.servers] == [
        ("http://127.0.0.1:9000", 1),
        ("http://127.0.0.1:9001", 3),
    ]
    assert balancer.health_check.interval == Duration.of("10s")
    assert balancer.pass_host_header is True


def test_plain_static_configuration():
    decoded = _static("entryPoints: {Web: {address: ':80'}}\napi: {insecure: true}\nlog: {level: DEBUG}\n")
    assert decoded.issues == ()
    assert decoded.value.entry_points["Web"].address == ":80"
    assert decoded.value.api.insecure
    assert decoded.value.log.level == "DEBUG"
    assert decoded.value.providers.providers_throttle_duration == Duration.of("2s")


@pytest.mark.parametrize(
    ("text", "entry_points"),
    [
        ("entrypoints: https", ("https",)),
        ("EntryPoints: 'a, b'", ("a", "b")),
        ("entryPoints: [a, b]", ("a", "b")),
        ("entryPoints: ~", ()),
        ("entryPoints: []", ()),
    ],
)
def test_lists_of_texts(text: str, entry_points: tuple[str, ...]):
    decoded = _dynamic(f"http: {{routers: {{r: {{rule: Path(`/`), service: s, {text}}}}}}}")
    assert decoded.issues == ()
    assert decoded.value.http.routers["r"].entry_points == entry_points


def test_a_broken_object_is_left_out_alone():
    decoded = _dynamic(
        """
http:
  routers:
    good: {rule: Path(`/`), service: s}
    bad:
      rule: Path(`/`)
      servce: s
  services:
    s: {loadbalancer: {servers: [{url: "http://127.0.0.1", weight: many}]}}
"""
    )
    assert set(decoded.value.http.routers) == {"good"}
    assert decoded.value.http.services == {}
    assert _said(decoded) == [
        "dynamic.yml:7:7: http.routers.bad.servce: unknown option 'servce' (did you mean \"service\"?)",
        "dynamic.yml:9:60: http.services.s.loadBalancer.servers[0].weight: expected a whole number, not 'many'",
    ]
    assert [issue.owner for issue in decoded.issues] == [("http", "routers", "bad"), ("http", "services", "s")]
