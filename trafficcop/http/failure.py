"""A failed request as the answer a client gets."""

from __future__ import annotations

from trafficcop.errors import Kind, ProxyError
from trafficcop.http.h1_encode import reason_of
from trafficcop.http.messages import Response, bare_response, malformed_response, text_response


def failure_response(error: ProxyError) -> Response:
    """The answer Traefik gives for each kind of failure (`pkg/proxy/httputil/proxy.go`, `pkg/server/service`).

    It remembers the failure, so that a retry further out still knows that no server was reached.
    """
    response = _answer(error)
    response.failure = error
    return response


def _answer(error: ProxyError) -> Response:
    status = error.status
    if error.kind is Kind.NO_SERVER:
        return text_response(status, b"no available server")
    if error.kind is Kind.BAD_REQUEST:
        return malformed_response()
    if error.kind is Kind.NOT_IMPLEMENTED:
        return bare_response(status)
    return bare_response(status, reason_of(status))
