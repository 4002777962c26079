"""HTTP middlewares, option by option, in Traefik's words."""

from __future__ import annotations

from collections.abc import Mapping

from trafficcop.config.lazy import dataclass
from trafficcop.config.own import JWT, ForwardAuthCache, IPDenyList, Limit, Respond
from trafficcop.config.scalars import Duration
from trafficcop.config.schema import mapping, option
from trafficcop.config.shared import IPStrategy as IPStrategy
from trafficcop.config.tls import ClientTLS


@dataclass(frozen=True, slots=True)
class AddPrefix:
    """`http.middlewares.addPrefix`."""

    prefix: str = ""


@dataclass(frozen=True, slots=True)
class BasicAuth:
    """`http.middlewares.basicAuth`."""

    header_field: str = ""
    realm: str = ""
    remove_header: bool = False
    users: tuple[str, ...] = ()
    users_file: str = ""


@dataclass(frozen=True, slots=True)
class Buffering:
    """`http.middlewares.buffering`."""

    max_request_body_bytes: int = 0
    max_response_body_bytes: int = 0
    mem_request_body_bytes: int = 0
    mem_response_body_bytes: int = 0
    retry_expression: str = ""


@dataclass(frozen=True, slots=True)
class Chain:
    """`http.middlewares.chain`."""

    middlewares: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CircuitBreaker:
    """`http.middlewares.circuitBreaker`."""

    check_period: Duration = Duration.of("100ms")
    expression: str = ""
    fallback_duration: Duration = Duration.of("10s")
    recovery_duration: Duration = Duration.of("10s")
    response_code: int = 503


@dataclass(frozen=True, slots=True)
class Compress:
    """`http.middlewares.compress`."""

    default_encoding: str = ""
    encodings: tuple[str, ...] = ("gzip", "br", "zstd")
    excluded_content_types: tuple[str, ...] = ()
    included_content_types: tuple[str, ...] = ()
    min_response_body_bytes: int = 0


@dataclass(frozen=True, slots=True)
class ContentType:
    """`http.middlewares.contentType`."""

    auto_detect: bool | None = option(None, deprecated="remove it, the middleware alone switches detection on")


@dataclass(frozen=True, slots=True)
class DigestAuth:
    """`http.middlewares.digestAuth`."""

    header_field: str = ""
    realm: str = ""
    remove_header: bool = False
    users: tuple[str, ...] = ()
    users_file: str = ""


@dataclass(frozen=True, slots=True)
class EncodedCharacters:
    """`http.middlewares.encodedCharacters`."""

    allow_encoded_back_slash: bool = False
    allow_encoded_hash: bool = False
    allow_encoded_null_character: bool = False
    allow_encoded_percent: bool = False
    allow_encoded_question_mark: bool = False
    allow_encoded_semicolon: bool = False
    allow_encoded_slash: bool = False


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """`http.middlewares.errors`."""

    error_request_headers: tuple[str, ...] | None = None
    query: str = ""
    service: str = ""
    status: tuple[str, ...] = ()
    status_rewrites: Mapping[str, int] = mapping()


@dataclass(frozen=True, slots=True)
class ForwardAuthTLS:
    """`http.middlewares.forwardAuth.tls`."""

    ca: str = ""
    ca_optional: bool | None = option(None, deprecated="no effect, remove it")
    cert: str = ""
    insecure_skip_verify: bool = False
    key: str = ""


@dataclass(frozen=True, slots=True)
class ForwardAuth:
    """`http.middlewares.forwardAuth`."""

    add_auth_cookies_to_response: tuple[str, ...] = ()
    address: str = ""
    auth_request_headers: tuple[str, ...] = ()
    auth_response_headers: tuple[str, ...] = ()
    auth_response_headers_regex: str = ""
    auth_signin_url: str = option("", key="authSigninURL")
    cache: ForwardAuthCache | None = None  # ours
    forward_body: bool = False
    header_field: str = ""
    max_body_size: int = -1
    max_response_body_size: int | None = None
    preserve_location_header: bool = False
    preserve_request_method: bool = False
    tls: ForwardAuthTLS | None = None
    trust_forward_header: bool | None = option(None, deprecated="use entryPoints.<name>.forwardedHeaders")


@dataclass(frozen=True, slots=True)
class GRPCWeb:
    """`http.middlewares.grpcWeb`."""

    allow_origins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Headers:
    """`http.middlewares.headers`."""

    access_control_allow_credentials: bool = False
    access_control_allow_headers: tuple[str, ...] = ()
    access_control_allow_methods: tuple[str, ...] = ()
    access_control_allow_origin_list: tuple[str, ...] = ()
    access_control_allow_origin_list_regex: tuple[str, ...] = ()
    access_control_expose_headers: tuple[str, ...] = ()
    access_control_max_age: int | None = None
    add_vary_header: bool = False
    allowed_hosts: tuple[str, ...] = ()
    browser_xss_filter: bool = False
    content_security_policy: str = ""
    content_security_policy_report_only: str = ""
    content_type_nosniff: bool = False
    custom_browser_xss_value: str = option("", key="customBrowserXSSValue")
    custom_frame_options_value: str = ""
    custom_request_headers: Mapping[str, str] = mapping()
    custom_response_headers: Mapping[str, str] = mapping()
    feature_policy: str = option("", deprecated="use permissionsPolicy;")
    force_sts_header: bool = option(False, key="forceSTSHeader")
    frame_deny: bool = False
    hosts_proxy_headers: tuple[str, ...] = ()
    is_development: bool = False
    permissions_policy: str = ""
    public_key: str = ""
    referrer_policy: str = ""
    ssl_force_host: bool | None = option(None, deprecated="no effect, use redirectRegex")
    ssl_host: str = option("", deprecated="no effect, use redirectRegex")
    ssl_proxy_headers: Mapping[str, str] = mapping()
    ssl_redirect: bool | None = option(None, deprecated="no effect, use redirectScheme")
    ssl_temporary_redirect: bool | None = option(None, deprecated="no effect, use redirectScheme")
    sts_include_subdomains: bool = False
    sts_preload: bool = False
    sts_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class SourceCriterion:
    """`http.middlewares.inFlightReq.sourceCriterion`."""

    ip_strategy: IPStrategy | None = None
    request_header_name: str = ""
    request_host: bool = False


@dataclass(frozen=True, slots=True)
class InFlightReq:
    """`http.middlewares.inFlightReq`."""

    amount: int = 0
    source_criterion: SourceCriterion | None = None
    source_criteria: tuple[SourceCriterion, ...] = ()  # ours


@dataclass(frozen=True, slots=True)
class IPAllowList:
    """`http.middlewares.ipAllowList`."""

    ip_strategy: IPStrategy | None = option(None, may_be_empty=True)
    reject_status_code: int = 0
    source_range: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IPWhiteList:
    """`http.middlewares.ipWhiteList`."""

    ip_strategy: IPStrategy | None = option(None, may_be_empty=True)
    source_range: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TLSClientCertIssuer:
    """`http.middlewares.passTLSClientCert.info.issuer`."""

    common_name: bool = False
    country: bool = False
    domain_component: bool = False
    locality: bool = False
    organization: bool = False
    province: bool = False
    serial_number: bool = False


@dataclass(frozen=True, slots=True)
class TLSClientCertSubject:
    """`http.middlewares.passTLSClientCert.info.subject`."""

    common_name: bool = False
    country: bool = False
    domain_component: bool = False
    locality: bool = False
    organization: bool = False
    organizational_unit: bool = False
    province: bool = False
    serial_number: bool = False


@dataclass(frozen=True, slots=True)
class TLSClientCertInfo:
    """`http.middlewares.passTLSClientCert.info`."""

    issuer: TLSClientCertIssuer | None = None
    not_after: bool = False
    not_before: bool = False
    sans: bool = False
    serial_number: bool = False
    subject: TLSClientCertSubject | None = None


@dataclass(frozen=True, slots=True)
class PassTLSClientCert:
    """`http.middlewares.passTLSClientCert`."""

    info: TLSClientCertInfo | None = None
    pem: bool = False


@dataclass(frozen=True, slots=True)
class RateLimitRedis:
    """`http.middlewares.rateLimit.redis`."""

    db: int = 0
    dial_timeout: Duration = Duration.of("5s")
    endpoints: tuple[str, ...] = ("localhost:6379",)
    max_active_conns: int = 0
    min_idle_conns: int = 0
    password: str = option("", secret=True)
    pool_size: int = 0
    read_timeout: Duration = Duration.of("3s")
    tls: ClientTLS | None = None
    username: str = ""
    write_timeout: Duration = Duration.of("3s")


@dataclass(frozen=True, slots=True)
class RateLimit:
    """`http.middlewares.rateLimit`."""

    average: int = 0
    burst: int = 1
    period: Duration = Duration.of("1s")
    redis: RateLimitRedis | None = None
    source_criterion: SourceCriterion | None = None
    source_criteria: tuple[SourceCriterion, ...] = ()  # ours


@dataclass(frozen=True, slots=True)
class RedirectRegex:
    """`http.middlewares.redirectRegex`."""

    permanent: bool = False
    regex: str = ""
    replacement: str = ""


@dataclass(frozen=True, slots=True)
class RedirectScheme:
    """`http.middlewares.redirectScheme`."""

    permanent: bool = False
    port: str = ""
    scheme: str = ""


@dataclass(frozen=True, slots=True)
class ReplacePath:
    """`http.middlewares.replacePath`."""

    path: str = ""


@dataclass(frozen=True, slots=True)
class ReplacePathRegex:
    """`http.middlewares.replacePathRegex`."""

    regex: str = ""
    replacement: str = ""


@dataclass(frozen=True, slots=True)
class Retry:
    """`http.middlewares.retry`."""

    attempts: int = 0
    budget: str = ""  # ours
    disable_retry_on_network_error: bool = False
    initial_interval: Duration = Duration.of("0s")
    max_request_body_bytes: int = 2097152
    retry_non_idempotent_method: bool = False
    status: tuple[str, ...] = ()
    timeout: Duration = Duration.of("0s")


@dataclass(frozen=True, slots=True)
class StripPrefix:
    """`http.middlewares.stripPrefix`."""

    force_slash: bool | None = option(None, deprecated="remove it, the next major version has it no more")
    prefixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StripPrefixRegex:
    """`http.middlewares.stripPrefixRegex`."""

    regex: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Middleware:
    """`http.middlewares`."""

    add_prefix: AddPrefix | None = None
    basic_auth: BasicAuth | None = None
    buffering: Buffering | None = None
    chain: Chain | None = None
    circuit_breaker: CircuitBreaker | None = None
    compress: Compress | None = option(None, may_be_empty=True)
    content_type: ContentType | None = option(None, may_be_empty=True)
    digest_auth: DigestAuth | None = None
    encoded_characters: EncodedCharacters | None = None
    errors: ErrorPage | None = None
    forward_auth: ForwardAuth | None = None
    grpc_web: GRPCWeb | None = None
    headers: Headers | None = None
    in_flight_req: InFlightReq | None = None
    ip_allow_list: IPAllowList | None = None
    ip_deny_list: IPDenyList | None = None  # ours
    ip_white_list: IPWhiteList | None = option(None, deprecated="use ipAllowList")
    jwt: JWT | None = None  # ours
    limit: Limit | None = None  # ours
    pass_tls_client_cert: PassTLSClientCert | None = option(None, key="passTLSClientCert")
    plugin: Mapping[str, object] = mapping()
    rate_limit: RateLimit | None = None
    redirect_regex: RedirectRegex | None = None
    redirect_scheme: RedirectScheme | None = None
    replace_path: ReplacePath | None = None
    replace_path_regex: ReplacePathRegex | None = None
    respond: Respond | None = None  # ours
    retry: Retry | None = None
    strip_prefix: StripPrefix | None = None
    strip_prefix_regex: StripPrefixRegex | None = None
