"""`errors`: answers with certain statuses are replaced by a page of another service."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Coroutine
from typing import Any, Final
from urllib.parse import quote, quote_from_bytes

from trafficcop.config.middlewares import ErrorPage as Configuration
from trafficcop.errors import ProxyError, Side
from trafficcop.http.answer import changed
from trafficcop.http.body import Bytes
from trafficcop.http.failure import failure_response
from trafficcop.http.headers import Headers
from trafficcop.http.messages import Handler, Peer, Ready, Request, Response, text_response
from trafficcop.http.paths import routing_path
from trafficcop.http.replay import discard
from trafficcop.http.status import STATUS_TEXT, status_set
from trafficcop.middleware.context import MiddlewareContext

_BAD_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})|[\x00-\x1f\x7f]").search
# What stays as it is in a path that is written down in a configuration (RFC 3986 §3.3) and may be escaped already.
_PATH_BYTES: Final = "/%!$&'()*+,;=:@"

# Nobody: the page is asked for by the router itself, so that no X-Forwarded-For is added.
_ROUTER: Final = Peer("")
_ROUTER.forwarded_for = b""


class ErrorPages:
    __slots__ = ("_names", "_page", "_query", "_rewrites", "_statuses", "next")

    def __init__(
        self,
        statuses: frozenset[int],
        rewrites: dict[int, int],
        page: Handler,
        query: str,
        names: frozenset[bytes] | None,
        next: Handler,
    ) -> None:
        self._statuses = statuses
        self._rewrites = rewrites
        self._page = page
        self._query = query
        self._names = names  # of the request's fields that the page service gets; None: all
        self.next = next

    def __call__(self, request: Request) -> Awaitable[Response]:
        try:
            coming = self.next(request)
        except ProxyError as error:
            coming = Ready(failure_response(error))
        return changed(self, request, coming)

    def change(self, request: Request, response: Response) -> Coroutine[Any, Any, Response] | None:
        if response.status not in self._statuses or response.tunnel is not None:
            return None
        failure = response.failure
        if failure is not None and failure.side is Side.DOWNSTREAM:
            return None
        discard(response)
        return self._answer(request, response.status)

    async def _answer(self, request: Request, original: int) -> Response:
        status = self._rewrites.get(original, original)
        target = _target(self._query, status, original, request)
        if target is None:
            return text_response(status, STATUS_TEXT.get(status, b""))
        page = self._request(request, target)
        try:
            response = await self._page(page)
        except ProxyError as error:
            if error.side is Side.DOWNSTREAM:
                raise
            response = failure_response(error)
        request.server, request.origin = page.server, page.origin
        response.status = status
        if request.method == b"HEAD" or status < 200 or status in (204, 304):
            _empty(response)
        return response

    def _request(self, request: Request, target: bytes) -> Request:
        raw_path, mark, query = target.partition(b"?")
        names = self._names
        fields = request.headers.fields
        fields = fields.copy() if names is None else [field for field in fields if field[0].lower() in names]
        page = Request(b"GET", raw_path, query if mark else None, Headers(fields), peer=_ROUTER)
        page.path = routing_path(raw_path) or raw_path
        page.authority = request.authority
        page.host = request.host
        page.marks = request.marks
        page.exchange = request.exchange
        page.route = request.route
        page.notes = request.notes
        return page


def _target(query: str, status: int, original: int, request: Request) -> bytes | None:
    """The request-target of a page, None when it would be malformed."""
    text = query.replace("{status}", str(status)).replace("{originalStatus}", str(original))
    if "{url}" in text:
        target = request.target if request.query else request.raw_path
        url = b"%b://%b%b" % (b"https" if request.peer.is_tls else b"http", request.authority, target)
        text = text.replace("{url}", quote_from_bytes(url, safe="").replace("%20", "+"))
    target = text.partition("#")[0].encode()
    path, mark, rest = target.partition(b"?")
    if _BAD_ESCAPE(path) is not None or _BAD_ESCAPE(rest.replace(b"%", b"")) is not None:
        return None
    return quote(path, safe=_PATH_BYTES).encode() + mark + rest.replace(b" ", b"%20")


def _empty(response: Response) -> None:
    """An answer without its body, which it would have had with GET."""
    length = response.body.length
    discard(response)
    response.body = Bytes(b"", length)
    response.body.length = length


def build(config: Configuration, context: MiddlewareContext, next: Handler) -> Handler:
    statuses = status_set(config.status)
    page = context.service(config.service)
    rewrites: dict[int, int] = {}
    for codes, status in config.status_rewrites.items():
        if not 100 <= status <= 999:  # RFC 9110 §15; net/http panics
            raise ValueError(f"invalid status {status} of statusRewrites.{codes}")
        for code in status_set((codes,)):
            rewrites.setdefault(code, status)
    query = "/" + config.query.removeprefix("/") if config.query else ""
    # An empty list is as good as none (a section that is empty is one that is not there).
    names = frozenset(name.lower().encode() for name in config.error_request_headers or ()) or None
    return ErrorPages(statuses, rewrites, page, query, names, next) if statuses else next
