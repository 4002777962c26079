"""Logs, metrics and tracing: the static options."""

from __future__ import annotations

from collections.abc import Mapping

from trafficcop.config.lazy import dataclass
from trafficcop.config.scalars import Duration, FileOrContent
from trafficcop.config.schema import mapping, option, present
from trafficcop.config.tls import ClientTLS


@dataclass(frozen=True, slots=True)
class AccessLogFieldHeaders:
    """`accessLog.fields.headers`."""

    default_mode: str = "drop"
    names: Mapping[str, str] = mapping()


@dataclass(frozen=True, slots=True)
class AccessLogQueryParameters:
    """`accessLog.fields.queryParameters`."""

    default_mode: str = "keep"


@dataclass(frozen=True, slots=True)
class AccessLogFields:
    """`accessLog.fields`."""

    default_mode: str = "keep"
    headers: AccessLogFieldHeaders = present(AccessLogFieldHeaders)
    names: Mapping[str, str] = mapping()
    query_parameters: AccessLogQueryParameters = present(AccessLogQueryParameters)


@dataclass(frozen=True, slots=True)
class AccessLogFilters:
    """`accessLog.filters`."""

    min_duration: Duration = Duration.of("0s")
    retry_attempts: bool = False
    status_codes: tuple[str, ...] = ()
    # Ours: a line must pass each of these, `!` leaves out what fits, `*` is any text.
    client_ips: tuple[str, ...] = option((), key="clientIPs")
    entry_points: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    routers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OTLPGRPC:
    """`accessLog.otlp.grpc`."""

    endpoint: str = "localhost:4317"
    headers: Mapping[str, str] = mapping()
    insecure: bool = False
    tls: ClientTLS | None = None


@dataclass(frozen=True, slots=True)
class OTLPHTTP:
    """`accessLog.otlp.http`."""

    endpoint: str = "https://localhost:4318"
    headers: Mapping[str, str] = mapping()
    tls: ClientTLS | None = None


@dataclass(frozen=True, slots=True)
class LogOTLP:
    """`accessLog.otlp`."""

    grpc: OTLPGRPC | None = option(None, may_be_empty=True)
    http: OTLPHTTP = present(OTLPHTTP, may_be_empty=True)
    resource_attributes: Mapping[str, str] = mapping()
    service_name: str = "traefik"


@dataclass(frozen=True, slots=True)
class AccessLog:
    """`accessLog`."""

    add_internals: bool = False
    buffering_size: int = 0
    dual_output: bool = False
    fields: AccessLogFields = present(AccessLogFields)
    file_path: str = ""
    filters: AccessLogFilters = present(AccessLogFilters)
    format: str = "common"
    otlp: LogOTLP | None = option(None, may_be_empty=True)


@dataclass(frozen=True, slots=True)
class Log:
    """`log`."""

    compress: bool = False
    file_path: str = ""
    format: str = "common"
    level: str = "ERROR"
    max_age: int = 0
    max_backups: int = 0
    max_size: int = 0
    no_color: bool = False
    otlp: LogOTLP | None = option(None, may_be_empty=True)


@dataclass(frozen=True, slots=True)
class Datadog:
    """`metrics.datadog`."""

    add_entry_points_labels: bool = True
    address: str = "localhost:8125"
    add_routers_labels: bool = False
    add_services_labels: bool = True
    prefix: str = "traefik"
    push_interval: Duration = Duration.of("10s")


@dataclass(frozen=True, slots=True)
class InfluxDB2:
    """`metrics.influxDB2`."""

    add_entry_points_labels: bool = True
    additional_labels: Mapping[str, str] = mapping()
    address: str = "http://localhost:8086"
    add_routers_labels: bool = False
    add_services_labels: bool = True
    bucket: str = ""
    org: str = ""
    push_interval: Duration = Duration.of("10s")
    token: FileOrContent = option(FileOrContent(""), secret=True)


@dataclass(frozen=True, slots=True)
class MetricsOTLP:
    """`metrics.otlp`."""

    add_entry_points_labels: bool = True
    add_routers_labels: bool = False
    add_services_labels: bool = True
    explicit_boundaries: tuple[float, ...] = (
        0.005,
        0.01,
        0.025,
        0.05,
        0.075,
        0.1,
        0.25,
        0.5,
        0.75,
        1.0,
        2.5,
        5.0,
        7.5,
        10.0,
    )
    grpc: OTLPGRPC | None = option(None, may_be_empty=True)
    http: OTLPHTTP = present(OTLPHTTP, may_be_empty=True)
    push_interval: Duration = Duration.of("10s")
    resource_attributes: Mapping[str, str] = mapping()
    service_name: str = "traefik"


@dataclass(frozen=True, slots=True)
class Prometheus:
    """`metrics.prometheus`."""

    add_entry_points_labels: bool = True
    add_routers_labels: bool = False
    add_services_labels: bool = True
    buckets: tuple[float, ...] = (0.1, 0.3, 1.2, 5.0)
    entry_point: str = "traefik"
    header_labels: Mapping[str, str] = mapping()
    manual_routing: bool = False
    seed_names: bool = False  # ours: the same under the names of smaller proxies besides


@dataclass(frozen=True, slots=True)
class StatsD:
    """`metrics.statsD`."""

    add_entry_points_labels: bool = True
    address: str = "localhost:8125"
    add_routers_labels: bool = False
    add_services_labels: bool = True
    prefix: str = "traefik"
    push_interval: Duration = Duration.of("10s")


@dataclass(frozen=True, slots=True)
class Metrics:
    """`metrics`."""

    add_internals: bool = False
    datadog: Datadog | None = option(None, may_be_empty=True)
    influxdb2: InfluxDB2 | None = option(None, key="influxDB2", may_be_empty=True)
    otlp: MetricsOTLP | None = option(None, may_be_empty=True)
    prometheus: Prometheus | None = option(None, may_be_empty=True)
    statsd: StatsD | None = option(None, key="statsD", may_be_empty=True)


@dataclass(frozen=True, slots=True)
class TracingOTLP:
    """`tracing.otlp`."""

    grpc: OTLPGRPC | None = option(None, may_be_empty=True)
    http: OTLPHTTP = present(OTLPHTTP, may_be_empty=True)


@dataclass(frozen=True, slots=True)
class Tracing:
    """`tracing`."""

    add_internals: bool = False
    captured_request_headers: tuple[str, ...] = ()
    captured_response_headers: tuple[str, ...] = ()
    global_attributes: Mapping[str, str] = mapping(deprecated="use resourceAttributes")
    otlp: TracingOTLP = present(TracingOTLP, may_be_empty=True)
    resource_attributes: Mapping[str, str] = mapping()
    safe_query_params: tuple[str, ...] = ()
    sample_rate: float = 1.0
    service_name: str = "traefik"
