"""What middlewares do that look at more than the request: at other servers, at counters, at the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from trafficcop.config.middlewares import (
    BasicAuth,
    Buffering,
    CircuitBreaker,
    Compress,
    DigestAuth,
    EncodedCharacters,
    ErrorPage,
    ForwardAuth,
    Headers,
    InFlightReq,
    IPAllowList,
    IPWhiteList,
    RateLimit,
    Retry,
    SourceCriterion,
)
from trafficcop.config.own import JWT, IPDenyList, Limit
from trafficcop.http.messages import Request

# They look at nothing but the request and their configuration.
_PURE = frozenset(
    (
        *("add_prefix", "strip_prefix", "strip_prefix_regex", "replace_path", "replace_path_regex", "headers"),
        *("redirect_scheme", "redirect_regex", "ip_allow_list", "ip_white_list", "ip_deny_list", "respond", "limit"),
        *("encoded_characters", "basic_auth", "digest_auth", "pass_tls_client_cert"),
    )
)


def is_pure(key: str, config: Any) -> bool:
    """Whether it can be run to see what it does: it answers by the request alone, and touches nothing else."""
    return key in _PURE or (isinstance(config, JWT) and not config.jwks_url)


# What can refuse a request for a reason that is not seen here.
_DOUBTFUL = frozenset(("buffering", "circuit_breaker", "forward_auth", "in_flight_req", "jwt", "rate_limit"))


def may_refuse(key: str, config: Any) -> bool:
    """Whether one that depends on more than the request may keep it from going on."""
    return key in _DOUBTFUL and not (isinstance(config, RateLimit) and config.average == 0)


def reason(config: Any, request: Request, status: int) -> str:
    """Why a middleware answered by itself, as far as its answer does not say so."""
    if isinstance(config, IPAllowList | IPWhiteList):
        return f"only {', '.join(config.source_range)} may pass"
    if isinstance(config, IPDenyList):
        return f"{', '.join(config.source_range)} may not pass"
    if isinstance(config, BasicAuth | DigestAuth):
        given = b"Authorization" in request.headers
        return "the credentials are wrong" if given else "there is no Authorization field"
    if isinstance(config, Limit):
        return f"the body is longer than {config.max_request_body_bytes} bytes"
    if isinstance(config, EncodedCharacters):
        return "the path has an encoded character that is not allowed"
    if isinstance(config, Headers):
        return "it is a CORS preflight" if status < 400 else "the host is not one of allowedHosts"
    return ""


def terms(key: str, config: Any) -> str:
    """What any other one makes its verdict depend on, in one line."""
    describe = _TERMS.get(key)
    return "what it does depends on more than the request" if describe is None else describe(config)


def _buffering(config: Buffering) -> str:
    limit = config.max_request_body_bytes
    return "holds the body back until it is complete" + (f"; more than {limit} bytes: 413" if limit > 0 else "")


def _circuit_breaker(config: CircuitBreaker) -> str:
    return f"lets it pass unless the circuit is open ({config.expression}): {config.response_code}"


def _compress(config: Compress) -> str:
    return f"compresses the answer if the client accepts one of {', '.join(config.encodings)}, and its type is worth it"


def _content_type(config: object) -> str:
    return "guesses the Content-Type of an answer that has none"


def _errors(config: ErrorPage) -> str:
    return f"fetches another page from service {config.service} if the answer is {', '.join(config.status)}"


def _forward_auth(config: ForwardAuth) -> str:
    return f"asks {config.address} first, whose answer decides"


def _grpc_web(config: object) -> str:
    return "translates gRPC-Web calls; everything else passes"


def _in_flight_req(config: InFlightReq) -> str:
    source = _source(config.source_criterion, config.source_criteria)
    return f"lets it pass while fewer than {config.amount} requests per {source} are under way: 429"


def _jwt(config: JWT) -> str:
    places = (f"header {config.header}", f"cookie {config.cookie}", f"query parameter {config.query}")
    given = [place for place in places if not place.endswith(" ")]
    return f"wants a token that a key of {config.jwks_url} signed ({', '.join(given)}): 401 otherwise"


def _rate_limit(config: RateLimit) -> str:
    if config.average == 0:
        return "lets everything pass: average is 0"
    source = _source(config.source_criterion, config.source_criteria)
    rate = f"{config.average} requests per {config.period} and {source}, bursts of {config.burst}"
    return f"lets it pass within {rate}: 429 beyond"


def _retry(config: Retry) -> str:
    statuses = f" or the answer is {', '.join(config.status)}" if config.status else ""
    return f"up to {config.attempts} attempts while no server can be reached{statuses}"


def _source(criterion: SourceCriterion | None, criteria: tuple[SourceCriterion, ...]) -> str:
    """What requests are counted by."""
    given = criteria or ((criterion,) if criterion is not None else ())
    return " and ".join(_counted_by(one) for one in given) or "client address"


def _counted_by(criterion: SourceCriterion) -> str:
    if criterion.request_header_name:
        return f"value of {criterion.request_header_name}"
    return "host" if criterion.request_host else "client address"


_TERMS: Mapping[str, Callable[[Any], str]] = {
    "buffering": _buffering,
    "circuit_breaker": _circuit_breaker,
    "compress": _compress,
    "content_type": _content_type,
    "errors": _errors,
    "forward_auth": _forward_auth,
    "grpc_web": _grpc_web,
    "in_flight_req": _in_flight_req,
    "jwt": _jwt,
    "rate_limit": _rate_limit,
    "retry": _retry,
}
