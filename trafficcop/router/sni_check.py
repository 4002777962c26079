"""Domain fronting refused: a request whose router asks for other TLS options than its connection was made with."""

from __future__ import annotations

from collections.abc import Awaitable

from trafficcop.http.messages import Handler, Ready, Request, Response, text_response


class SNICheck:
    """In front of a TLS router (Traefik `pkg/middlewares/snicheck`). The names may differ, if the options do not."""

    __slots__ = ("_next", "_options")

    def __init__(self, options: str, next: Handler) -> None:
        self._options = options
        self._next = next

    def __call__(self, request: Request) -> Awaitable[Response]:
        tls = request.peer.tls
        if tls is not None and tls.options != self._options:
            return Ready(text_response(421, b"Misdirected Request"))
        return self._next(request)
