"""What a worker counts of requests, as Prometheus' own parser reads it from control's text."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.control.given import static
from tests.live import ask, backend, install, live, plain, running
from tests.loopback import reset
from tests.support import make_request
from trafficcop.config.observability import Prometheus
from trafficcop.config.static import StaticConfiguration
from trafficcop.telemetry.metrics import bounds_of, counting_of, levels_of
from trafficcop.telemetry.prometheus import Exposition
from trafficcop.telemetry.snapshot import Certificate, Facts, Snapshot
from trafficcop.telemetry.totals import Totals
from trafficcop.worker.runtime import Runtime

STATIC = (
    "entryPoints: {{web: {{address: '127.0.0.1:0'}}}}\nmetrics: {{prometheus: {{{}}}{}}}\nping: {{entryPoint: web}}"
)
ALL = "addRoutersLabels: true"
FACTS = Facts(
    reloads=3,
    last_reload=1000.5,
    certificates=(Certificate("example.com", "12", "a.example.com,example.com", 2000.0),),
    servers={("app@file", "http://192.0.2.1"): False},
    unchecked=(("app@file", "http://192.0.2.2"),),
    entry_points=("web",),
    pids=(),
)


def configured(options: str = ALL, more: str = "") -> str:
    return STATIC.format(options, more)


def routes(port: int, router: str = "") -> str:
    return (
        f"http: {{routers: {{r: {{rule: PathPrefix(`/`), service: app{router}}}}},"
        f" services: {{app: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{port}'}}]}}}}}}}}"
    )


class Scrape:
    """Control's side: it asks one worker, and writes what Prometheus reads."""

    def __init__(self, given: StaticConfiguration) -> None:
        counting, prometheus = counting_of(given.metrics), given.metrics and given.metrics.prometheus
        assert counting is not None
        assert isinstance(prometheus, Prometheus)
        self.totals = Totals()
        self.totals.begin(0, 1)
        self._exposition = Exposition(
            counting, levels_of(prometheus), bounds_of(prometheus), has_seed_names=prometheus.seed_names
        )

    def read(self, runtime: Runtime) -> None:
        assert runtime.meters is not None
        for changes in runtime.meters.changes():
            self.totals.take(0, changes, runtime.connections(), is_last=True)

    def families(self, runtime: Runtime | None = None) -> dict[str, Metric]:
        if runtime is not None:
            self.read(runtime)
        text = self._exposition.text(Snapshot(self.totals, FACTS))
        return {family.name: family for family in text_string_to_metric_families(text)}


def samples(metric: Metric | None, suffix: str = "") -> dict[tuple[tuple[str, str], ...], float]:
    """The values of a family by their labels."""
    if metric is None:
        return {}
    name = metric.name + suffix
    return {tuple(sorted(sample.labels.items())): sample.value for sample in metric.samples if sample.name == name}


@contextlib.asynccontextmanager
async def counted(options: str = ALL, more: str = "", router: str = "") -> AsyncIterator[tuple[int, Runtime, Scrape]]:
    text = configured(options, more)
    async with backend(lambda n, head, body: plain(200, b"hello")) as port:
        async with running(routes(port, router), text) as (entry, runtime):
            yield entry, runtime, Scrape(static(text))


# Name (as the parser has it, without _total), type, labels.
EXPECTED = {
    "traefik_config_reloads": ("counter", set()),
    "traefik_config_last_reload_success": ("gauge", set()),
    "traefik_open_connections": ("gauge", {"entrypoint", "protocol"}),
    "traefik_tls_certs_not_after": ("gauge", {"cn", "serial", "sans"}),
    "traefik_entrypoint_requests": ("counter", {"code", "method", "protocol", "entrypoint"}),
    "traefik_entrypoint_requests_tls": ("counter", {"tls_version", "tls_cipher", "entrypoint"}),
    "traefik_entrypoint_request_duration_seconds": ("histogram", {"code", "method", "protocol", "entrypoint"}),
    "traefik_entrypoint_requests_bytes": ("counter", {"code", "method", "protocol", "entrypoint"}),
    "traefik_entrypoint_responses_bytes": ("counter", {"code", "method", "protocol", "entrypoint"}),
    "traefik_router_requests": ("counter", {"code", "method", "protocol", "router", "service"}),
    "traefik_router_requests_tls": ("counter", {"tls_version", "tls_cipher", "router", "service"}),
    "traefik_router_request_duration_seconds": ("histogram", {"code", "method", "protocol", "router", "service"}),
    "traefik_router_requests_bytes": ("counter", {"code", "method", "protocol", "router", "service"}),
    "traefik_router_responses_bytes": ("counter", {"code", "method", "protocol", "router", "service"}),
    "traefik_service_requests": ("counter", {"code", "method", "protocol", "service"}),
    "traefik_service_requests_tls": ("counter", {"tls_version", "tls_cipher", "service"}),
    "traefik_service_request_duration_seconds": ("histogram", {"code", "method", "protocol", "service"}),
    "traefik_service_retries": ("counter", {"service"}),
    "traefik_service_server_up": ("gauge", {"service", "url"}),
    "traefik_service_requests_bytes": ("counter", {"code", "method", "protocol", "service"}),
    "traefik_service_responses_bytes": ("counter", {"code", "method", "protocol", "service"}),
}


async def test_every_name_type_and_label() -> None:
    async with counted() as (port, runtime, scrape):
        await ask(port, "GET /")
        meters = runtime.meters
        assert meters is not None
        meters.count_retries("app@file", 2)
        meter = meters.router("web", "r@file", "app@file")
        assert meter is not None
        meter.by_tls = {("1.3", "TLS_AES_128_GCM_SHA256"): 4}
        service = meters.service("app@file", "")
        assert service is not None
        service.by_tls = {("1.3", "TLS_AES_128_GCM_SHA256"): 4}
        families = scrape.families(runtime)
    for name, (kind, labels) in EXPECTED.items():
        assert families[name].type == kind, name
        assert {label for sample in families[name].samples for label in sample.labels} - {"le"} == labels, name
        assert families[name].documentation
    others = {name for name in families if name.startswith("traefik")} - set(EXPECTED)
    assert not others
    assert samples(families["traefik_service_retries"], "_total") == {(("service", "app@file"),): 2}
    assert samples(families["traefik_entrypoint_requests_tls"], "_total") == {
        (("entrypoint", "web"), ("tls_cipher", "TLS_AES_128_GCM_SHA256"), ("tls_version", "1.3")): 4
    }
    assert samples(families["traefik_service_server_up"]) == {(("service", "app@file"), ("url", "http://192.0.2.1")): 0}


async def test_values() -> None:
    async with counted("buckets: [0.5, 60]") as (port, runtime, scrape):
        for _ in range(3):
            await ask(port, "POST /", b"12345678")
        families = scrape.families(runtime)
    labels = (("code", "200"), ("entrypoint", "web"), ("method", "POST"), ("protocol", "http"))
    assert samples(families["traefik_entrypoint_requests"], "_total") == {labels: 3}
    assert samples(families["traefik_entrypoint_requests_bytes"], "_total") == {labels: 24}
    assert samples(families["traefik_entrypoint_responses_bytes"], "_total") == {labels: 15}
    durations = families["traefik_entrypoint_request_duration_seconds"]
    assert samples(durations, "_count") == {labels: 3}
    buckets = {sample.labels["le"]: sample.value for sample in durations.samples if sample.name.endswith("_bucket")}
    assert list(buckets) == ["0.5", "60", "+Inf"]
    assert buckets["60"] == buckets["+Inf"] == 3
    assert 0 < samples(durations, "_sum")[labels] < 60
    service = (("code", "200"), ("method", "POST"), ("protocol", "http"), ("service", "app@file"))
    assert samples(families["traefik_service_requests"], "_total") == {service: 3}
    assert samples(families["traefik_service_requests_bytes"], "_total") == {service: 24}
    assert samples(families["traefik_service_responses_bytes"], "_total") == {service: 15}
    assert "traefik_router_requests" not in families


@pytest.mark.parametrize(
    ("request_text", "method", "protocol"),
    [
        ("GET /", "GET", "http"),
        ("PROPFIND /", "EXTENSION_METHOD", "http"),
        ("GET /\nAccept: text/html, text/event-stream", "GET", "sse"),
        ("GET /\nAccept: text/event-streams", "GET", "http"),
        ("POST /\nContent-Type: application/grpc-web+proto", "POST", "grpc-web"),
        ("POST /\nContent-Type: application/grpc", "POST", "grpc"),
        ("GET /\nConnection: Upgrade\nUpgrade: websocket", "GET", "websocket"),
    ],
)
async def test_methods_and_protocols(request_text: str, method: str, protocol: str) -> None:
    async with counted() as (port, runtime, scrape):
        await ask(port, request_text)
        families = scrape.families(runtime)
    for level in ("entrypoint", "router", "service"):
        (labels,) = samples(families[f"traefik_{level}_requests"], "_total")
        assert ("method", method) in labels
        assert ("protocol", protocol) in labels
        # Without a status of gRPC the code is Unknown.
        assert ("code", "2" if "grpc" in protocol else "200") in labels


@pytest.mark.parametrize(
    ("options", "levels"),
    [
        ("", {"entrypoint", "service"}),
        ("addEntryPointsLabels: false", {"service"}),
        ("addServicesLabels: false", {"entrypoint"}),
        ("addServicesLabels: false, addEntryPointsLabels: false, addRoutersLabels: true", {"router"}),
        ("addRoutersLabels: true", {"entrypoint", "router", "service"}),
    ],
)
async def test_levels(options: str, levels: set[str]) -> None:
    async with counted(options) as (port, runtime, scrape):
        await ask(port, "GET /")
        families = scrape.families(runtime)
    assert {level for level in ("entrypoint", "router", "service") if f"traefik_{level}_requests" in families} == levels


async def test_header_labels() -> None:
    async with counted("headerLabels: {agent: User-Agent, who: X-Who}") as (port, runtime, scrape):
        await ask(port, 'GET /\nUser-Agent: tester\nX-Who: a"b')
        await ask(port, "GET /\nUser-Agent: tester")
        families = scrape.families(runtime)
    found = [sample.labels for sample in families["traefik_entrypoint_requests"].samples]
    assert [(labels["agent"], labels["who"]) for labels in found] == [("tester", 'a"b'), ("tester", "")]
    assert all("agent" not in sample.labels for sample in families["traefik_entrypoint_requests_bytes"].samples)


@pytest.mark.parametrize(
    ("more", "router", "path", "is_counted"),
    [
        ("", "", "/ping", False),
        (", addInternals: true", "", "/ping", True),
        ("", ", observability: {metrics: false}", "/", False),
        ("", ", observability: {metrics: true}", "/", True),
    ],
)
async def test_who_is_counted(more: str, router: str, path: str, is_counted: bool) -> None:
    async with counted(ALL, more, router) as (port, runtime, scrape):
        await ask(port, f"GET {path}")
        families = scrape.families(runtime)
    assert ("traefik_entrypoint_requests" in families) is is_counted
    assert ("traefik_router_requests" in families) is is_counted


async def test_an_entry_point_that_is_not_observed() -> None:
    text = configured().replace("address: '127.0.0.1:0'", "address: '127.0.0.1:0', observability: {metrics: false}")
    async with live("http: {}", text) as port:
        await ask(port, "GET /")
    async with backend(lambda n, head, body: plain(200)) as server:
        async with running(routes(server, ", entryPoints: [web]"), text) as (port, runtime):
            await ask(port, "GET /")
            assert "traefik_entrypoint_requests" not in Scrape(static(text)).families(runtime)


async def test_requests_without_a_router_count_for_the_entry_point() -> None:
    async with running("http: {}", configured()) as (port, runtime):
        await ask(port, "GET /")
        families = Scrape(static(configured())).families(runtime)
    assert samples(families["traefik_entrypoint_requests"], "_total") == {
        (("code", "404"), ("entrypoint", "web"), ("method", "GET"), ("protocol", "http")): 1
    }


async def test_a_router_behind_another_counts_once_for_the_entry_point() -> None:
    text = (
        "http: {routers: {p: {rule: PathPrefix(`/`)}, c: {rule: Path(`/c`), parentRefs: [p], service: app}},"
        " services: {app: {loadBalancer: {servers: [{url: 'http://127.0.0.1:PORT'}]}}}}"
    )
    async with backend(lambda n, head, body: plain(200)) as port:
        async with running(text.replace("PORT", str(port)), configured()) as (entry, runtime):
            await ask(entry, "GET /c")
            await ask(entry, "GET /other")
            families = Scrape(static(configured())).families(runtime)
    totals = {
        (sample.labels["router"], sample.labels["service"], sample.labels["code"]): sample.value
        for sample in families["traefik_router_requests"].samples
    }
    assert totals == {
        ("p@file", "p@file-muxer", "200"): 1,
        ("p@file", "p@file-muxer", "404"): 1,
        ("c@file", "app@file", "200"): 1,
    }
    assert sum(samples(families["traefik_entrypoint_requests"], "_total").values()) == 2
    assert sum(samples(families["traefik_service_requests"], "_total").values()) == 1


async def test_a_streamed_answer_counts_when_its_last_byte_has_passed() -> None:
    def answer(n: int, head: str, body: bytes) -> bytes:
        return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n" if n == 1 else b""

    async with backend(answer) as port, running(routes(port), configured()) as (entry, runtime):
        reader, writer = await asyncio.open_connection("127.0.0.1", entry)
        writer.write(b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
        await reader.readuntil(b"hello")
        scrape = Scrape(static(configured()))
        families = scrape.families(runtime)
        assert "traefik_service_requests" not in families
        assert samples(families["traefik_open_connections"]) == {(("entrypoint", "web"), ("protocol", "TCP")): 1}
        reset(writer)
        for _ in range(100):
            await asyncio.sleep(0.01)
            families = scrape.families(runtime)
            if "traefik_service_requests" in families and "traefik_entrypoint_requests" in families:
                break
        assert list(samples(families["traefik_service_responses_bytes"], "_total").values()) == [5]


BODY = b"x" * 300_000
ANSWERS = {
    "whole": plain(200, b"hello"),
    "chunked, at once": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "long": plain(200, BODY),
    "long, chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY),
    "nothing": b"HTTP/1.1 204 No Content\r\n\r\n",
}


@pytest.mark.parametrize("middleware", ["", "again: {retry: {attempts: 2}}", "mark: {headers: {frameDeny: true}}"])
@pytest.mark.parametrize("service", ["", "strategy: leastConn, ", "strategy: leasttime, "])
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=list(ANSWERS))
async def test_a_server_is_counted_alike_whoever_stands_before_it(answer: bytes, service: str, middleware: str) -> None:
    async with backend(lambda n, head, body: answer) as port:
        named, url = middleware.partition(":")[0], f"http://127.0.0.1:{port}"
        text = (
            f"http: {{routers: {{r: {{rule: PathPrefix(`/`), service: app, middlewares: [{named}]}}}},"
            f" services: {{app: {{loadBalancer: {{{service}servers: [{{url: '{url}'}}, {{url: '{url}/'}}]}}}}}}"
            f"{', middlewares: {' + middleware + '}' if middleware else ''}}}"
        )
        async with running(text, configured()) as (entry, runtime):
            await ask(entry, "GET /")
            families = Scrape(static(configured())).families(runtime)
    sent = 0 if b" 204 " in answer else len(BODY) if len(answer) > len(BODY) else 5
    for level in ("entrypoint", "router", "service"):
        assert list(samples(families[f"traefik_{level}_requests"], "_total").values()) == [1]
        assert list(samples(families[f"traefik_{level}_responses_bytes"], "_total").values()) == [sent]
        seconds = samples(families[f"traefik_{level}_request_duration_seconds"], "_sum")
        assert 0 < sum(seconds.values()) < 5


async def test_a_server_that_fails() -> None:
    async with running(routes(1), configured()) as (entry, runtime):
        await ask(entry, "GET /")
        families = Scrape(static(configured())).families(runtime)
    for level in ("entrypoint", "router", "service"):
        (labels,) = samples(families[f"traefik_{level}_requests"], "_total")
        assert ("code", "502") in labels
        assert list(samples(families[f"traefik_{level}_responses_bytes"], "_total").values()) == [11]


async def test_retries_are_counted() -> None:
    text = (
        "http: {routers: {r: {rule: PathPrefix(`/`), service: app, middlewares: [again]}},"
        " services: {app: {loadBalancer: {servers: [{url: 'http://127.0.0.1:1'}]}}},"
        " middlewares: {again: {retry: {attempts: 3}}}}"
    )
    async with running(text, configured()) as (entry, runtime):
        await ask(entry, "GET /")
        families = Scrape(static(configured())).families(runtime)
    assert samples(families["traefik_service_retries"], "_total") == {(("service", "app@file"),): 2}
    assert list(samples(families["traefik_service_requests"], "_total").values()) == [3]


async def test_what_is_gone_is_told_once_more_and_stays_counted_for_the_entry_point() -> None:
    given = static(configured())
    async with backend(lambda n, head, body: plain(200)) as port:
        async with running(routes(port), configured()) as (entry, runtime):
            await ask(entry, "GET /")
            scrape = Scrape(given)
            scrape.read(runtime)
            install(runtime, "http: {}", given)
            families = scrape.families(runtime)
            assert "traefik_router_requests" in families
            assert scrape.totals.forget(lambda key: key[0] != "entrypoint")
            families = scrape.families(runtime)
            assert "traefik_router_requests" not in families
            assert "traefik_service_requests" not in families
            assert list(samples(families["traefik_entrypoint_requests"], "_total").values()) == [1]
            # Back again: it begins anew, the entry point goes on.
            install(runtime, routes(port), given)
            await ask(entry, "GET /")
            families = scrape.families(runtime)
            assert list(samples(families["traefik_router_requests"], "_total").values()) == [1]
            assert list(samples(families["traefik_entrypoint_requests"], "_total").values()) == [2]


async def test_an_exchange_that_outlives_its_router_counts_for_the_entry_point() -> None:
    given = static(configured())
    async with counted() as (_, runtime, scrape):
        meters = runtime.meters
        assert meters is not None
        meter = meters.router("web", "r@file", "app@file")
        assert meter is not None
        install(runtime, "http: {}", given)
        scrape.read(runtime)
        meter.count(make_request(), b"GET", "http", 200, 5, 0, 0)
        families = scrape.families(runtime)
    assert list(samples(families["traefik_entrypoint_requests"], "_total").values()) == [1]
    assert "traefik_router_requests" not in families


SEED_NAMES = {
    "quic_connections": ("counter", set()),
    "quic_connections_active": ("gauge", set()),
    "quic_handshake_duration_seconds": ("histogram", set()),
    "active_connections": ("gauge", set()),
    "http_requests": ("counter", {"method", "status"}),
    "http_request_duration_seconds": ("histogram", set()),
    "backend_requests": ("counter", {"backend", "method", "service", "status"}),
    "backend_health_status": ("gauge", {"backend", "service"}),
    "backend_healthy": ("gauge", {"backend", "service"}),
}


@pytest.mark.parametrize("more", ["", ", addEntryPointsLabels: false, addServicesLabels: false"])
async def test_the_names_of_smaller_proxies(more: str) -> None:
    async with counted("seedNames: true, buckets: [0.5, 60]" + more) as (port, runtime, scrape):
        for _ in range(2):
            await ask(port, "POST /", b"12345678")
        await ask(port, "GET /")
        families = scrape.families(runtime)
    for name, (kind, labels) in SEED_NAMES.items():
        assert families[name].type == kind, name
        assert {label for sample in families[name].samples for label in sample.labels} - {"le"} == labels, name
    requests = samples(families["http_requests"], "_total")
    assert requests == {(("method", "POST"), ("status", "200")): 2, (("method", "GET"), ("status", "200")): 1}
    assert sorted(samples(families["backend_requests"], "_total").values()) == [1, 2]
    assert samples(families["http_request_duration_seconds"], "_count") == {(): 3}
    assert 0 < samples(families["http_request_duration_seconds"], "_sum")[()] < 60
    assert samples(families["quic_handshake_duration_seconds"], "_count") == {(): 0}
    health = {labels[0][1]: value for labels, value in samples(families["backend_health_status"]).items()}
    assert health == {"http://192.0.2.1": 0, "http://192.0.2.2": 1}
    assert ("traefik_entrypoint_requests" in families) is (not more)
    assert ("traefik_service_requests" in families) is (not more)
    if not more:
        assert sum(samples(families["traefik_service_requests"], "_total").values()) == 3


async def test_without_that_option_the_names_are_traefiks() -> None:
    async with counted() as (port, runtime, scrape):
        await ask(port, "GET /")
        assert not set(SEED_NAMES) & set(scrape.families(runtime))
