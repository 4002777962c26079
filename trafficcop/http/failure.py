"""A failed request as the answer a client gets, for handlers that look at or dress every answer."""

from __future__ import annotations

from trafficcop.errors import Kind, ProxyError
from trafficcop.http.messages import Response, bare_response, text_response
from trafficcop.http.status import STATUS_TEXT


def failure_response(error: ProxyError) -> Response:
    """Status and text without a newline (Traefik `pkg/proxy/httputil/proxy.go`); raises it again if the client is
    gone: nobody reads that answer."""
    if error.kind is Kind.CLIENT_GONE:
        raise error
    if error.kind is Kind.NO_SERVER:
        return text_response(503, b"no available server")
    status = error.status
    return bare_response(status, STATUS_TEXT[status])
