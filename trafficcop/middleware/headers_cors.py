"""The CORS part of `headers`: which origins may read an answer, and the preflight that asks for it.

https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from __future__ import annotations

from collections.abc import Awaitable

from trafficcop.config.middlewares import Headers as Configuration
from trafficcop.http.headers import Headers
from trafficcop.http.messages import Handler, Ready, Request, Response
from trafficcop.middleware.fields import field_value
from trafficcop.middleware.patterns import Outcomes, Pattern


def has_cors(config: Configuration) -> bool:
    """Whether any option of CORS is given."""
    return bool(
        config.access_control_allow_credentials
        or config.access_control_allow_headers
        or config.access_control_allow_methods
        or config.access_control_allow_origin_list
        or config.access_control_allow_origin_list_regex
        or config.access_control_expose_headers
        or config.access_control_max_age is not None
        or config.add_vary_header
    )


class Origins:
    """The origins that are allowed. `exposed` is the value of Access-Control-Expose-Headers, if it is sent at all."""

    __slots__ = ("_is_credentialed", "_items", "_known", "_patterns", "exposed")

    def __init__(self, config: Configuration) -> None:
        self._is_credentialed = config.access_control_allow_credentials
        self._items = tuple(origin.encode() for origin in config.access_control_allow_origin_list)
        try:
            self._patterns = tuple(Pattern(text) for text in config.access_control_allow_origin_list_regex)
        except ValueError as error:
            raise ValueError(f"error occurred during origin parsing: {error}") from None
        self._known = Outcomes()  # b"": not allowed
        names = config.access_control_expose_headers
        # A wildcard means nothing to a browser that sends credentials.
        is_useless = "*" in names and self._is_credentialed
        self.exposed = b"" if is_useless else field_value(",".join(names))

    def __bool__(self) -> bool:
        return bool(self._items or self._patterns)

    def match(self, origin: bytes) -> bytes | None:
        """The value of Access-Control-Allow-Origin, None when it is not allowed."""
        for item in self._items:
            if item == origin:
                return item
            if item == b"*":
                return origin if self._is_credentialed else item
        if not self._patterns:
            return None
        known = self._known.of(origin)
        if known is None:
            is_allowed = any(pattern.is_in(origin) for pattern in self._patterns)
            if not origin:  # an expression that matches everything matches nothing as well
                return origin if is_allowed else None
            known = self._known.keep(origin, origin if is_allowed else b"")
        return known or None


class Preflight:
    """Answers a browser's question before the request itself."""

    __slots__ = ("_fixed", "_is_credentialed", "_is_headers_echoed", "_is_methods_echoed", "_origins", "next")

    def __init__(self, config: Configuration, origins: Origins, next: Handler) -> None:
        self.next = next
        self._origins = origins
        self._is_credentialed = config.access_control_allow_credentials
        headers, methods = config.access_control_allow_headers, config.access_control_allow_methods
        self._is_headers_echoed = "*" in headers and self._is_credentialed
        self._is_methods_echoed = "*" in methods and self._is_credentialed
        self._fixed: list[tuple[bytes, bytes]] = []
        if self._is_credentialed:
            self._fixed.append((b"Access-Control-Allow-Credentials", b"true"))
        if headers and not self._is_headers_echoed:
            self._fixed.append((b"Access-Control-Allow-Headers", field_value(",".join(headers))))
        if methods and not self._is_methods_echoed:
            self._fixed.append((b"Access-Control-Allow-Methods", field_value(",".join(methods))))
        if config.access_control_max_age is not None:
            self._fixed.append((b"Access-Control-Max-Age", b"%d" % config.access_control_max_age))
        if origins.exposed:
            self._fixed.append((b"Access-Control-Expose-Headers", origins.exposed))

    def __call__(self, request: Request) -> Awaitable[Response]:
        if request.method == b"OPTIONS":
            method = request.headers.get(b"Access-Control-Request-Method")
            origin = request.headers.get(b"Origin")
            if method and origin:
                return Ready(self._answer(request, method, origin))
        return self.next(request)

    def _answer(self, request: Request, method: bytes, origin: bytes) -> Response:
        fields = self._fixed.copy()
        if self._is_headers_echoed:
            wanted = request.headers.get(b"Access-Control-Request-Headers")
            if wanted:
                fields.append((b"Access-Control-Allow-Headers", wanted))
        if self._is_methods_echoed:
            fields.append((b"Access-Control-Allow-Methods", method))
        allowed = self._origins.match(origin)
        if allowed is not None:
            fields.append((b"Access-Control-Allow-Origin", allowed))
        return Response(200, Headers(fields))
