"""`compress`: bodies of answers in the content coding that the client likes best."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Sequence
from functools import partial
from typing import Any, Final

from trafficcop.config.middlewares import Compress as Configuration
from trafficcop.errors import ProxyError
from trafficcop.http.answer import changed
from trafficcop.http.body import Body, Bytes
from trafficcop.http.failure import failure_response
from trafficcop.http.messages import Handler, Ready, Request, Response
from trafficcop.http.prefixed import Prefixed
from trafficcop.middleware.compress_codings import CODINGS
from trafficcop.middleware.compressed import compressed
from trafficcop.middleware.context import MiddlewareContext
from trafficcop.middleware.media_types import media_type
from trafficcop.middleware.sniff import SNIFFED, detect

_SMALLEST: Final = 1024
_REMEMBERED = 1024  # values of Accept-Encoding and of Content-Type; clients and servers choose them
_IDENTITY: Final = "identity"
_VARY: Final = (b"Vary", b"Accept-Encoding")
_GRPC: Final = "application/grpc"


class Negotiation:
    """Accept-Encoding → the name of a coding (RFC 9110 §12.5.3, `pkg/middlewares/compress/acceptencoding.go`).

    None: the answer passes as it is. An empty name: it passes too, but says that it depends on Accept-Encoding.
    """

    __slots__ = ("_absent", "_ranks", "_wildcard")

    def __init__(self, encodings: Sequence[str], default: str) -> None:
        self._ranks = {"*": -1, **{name: rank for rank, name in enumerate(encodings)}, _IDENTITY: len(encodings)}
        self._wildcard = default or encodings[0]
        self._absent = _confirmed(default, "") if default else None

    def choose(self, lines: Sequence[bytes]) -> str | None:
        if not lines:
            return self._absent
        if len(lines) == 1 and not lines[0]:
            return None
        texts = [line.decode("latin-1") for line in lines]
        accepted = [item for text in texts for item in self._items(text)]
        if not accepted:
            return None
        name = min(accepted)[2]
        if name == _IDENTITY:
            return None
        return _confirmed(self._wildcard if name == "*" else name, texts[0])

    def _items(self, text: str) -> list[tuple[float, int, str]]:
        """What is accepted, to be sorted: by weight downwards, then by our own order."""
        found = []
        for item in text.replace(" ", "").split(","):
            name, _, parameters = item.partition(";")
            rank = self._ranks.get(name)
            if rank is None:
                continue
            weight = _number(parameters[2:]) if parameters.startswith("q=") else 1.0
            if weight:
                found.append((-weight, rank, name))
        return found


def _confirmed(name: str, first_line: str) -> str:
    """gzip is used only when the first line names it; what a client may take besides is not enough."""
    if name != "gzip":
        return name
    for item in first_line.split(","):
        coding, *parameters = [part.strip() for part in item.lower().split(";")]
        if coding == "gzip":
            weights = [_number(part[2:]) for part in parameters if part.startswith("q=")]
            return name if not weights or weights[-1] > 0 else ""
    return ""


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


class Types:
    """Which media types are compressed; `unreadable` is the answer for what is no media type."""

    __slots__ = ("_excluded", "_included", "_known", "_unreadable")

    def __init__(self, included: frozenset[str], excluded: frozenset[str], *, unreadable: bool) -> None:
        self._unreadable = unreadable
        self._included = included
        self._excluded = excluded
        self._known: dict[bytes, bool] = {}

    def has(self, value: bytes) -> bool:
        known = self._known.get(value)
        if known is None:
            known = self._judge(value)
            if len(self._known) < _REMEMBERED:
                self._known[value] = known
        return known

    def _judge(self, value: bytes) -> bool:
        try:
            name = media_type(value.decode("latin-1"))
        except ValueError:
            return self._unreadable
        return name in self._included if self._included else name not in self._excluded


class Compress:
    __slots__ = ("_chosen", "_codings", "_negotiation", "_request_types", "_smallest", "_types", "next")

    def __init__(
        self, config: Configuration, included: frozenset[str], excluded: frozenset[str], next: Handler
    ) -> None:
        self._negotiation = Negotiation(config.encodings, config.default_encoding)
        self._chosen: dict[bytes, str | None] = {}
        self._codings = {name: CODINGS[name]() for name in config.encodings}
        self._request_types = Types(frozenset(), excluded, unreadable=True)
        self._types = Types(included, excluded, unreadable=False)
        self._smallest = config.min_response_body_bytes if config.min_response_body_bytes > 0 else _SMALLEST
        self.next = next

    def __call__(self, request: Request) -> Awaitable[Response]:
        if request.method == b"HEAD":
            return self.next(request)
        content_type = request.headers.get(b"Content-Type")
        if content_type is not None and not self._request_types.has(content_type):
            return self.next(request)
        name = self._choose(request)
        return self.next(request) if name is None else self._serve(request, name)

    def _choose(self, request: Request) -> str | None:
        lines = request.headers.get_all(b"Accept-Encoding")
        if len(lines) != 1:
            return self._negotiation.choose(lines)
        value = lines[0]
        if value in self._chosen:
            return self._chosen[value]
        name = self._negotiation.choose(lines)
        if len(self._chosen) < _REMEMBERED:
            self._chosen[value] = name
        return name

    def _serve(self, request: Request, name: str) -> Awaitable[Response]:
        try:
            coming = self.next(request)
        except ProxyError as error:
            coming = Ready(failure_response(error))
        return changed(_Choice(self, name), request, coming)

    def change(self, response: Response, name: str) -> Coroutine[Any, Any, Response] | None:
        if response.tunnel is not None:
            return None
        headers = response.headers
        headers.prepend(*_VARY)
        if not name:
            return None
        length = response.body.length
        if length is not None and length < self._smallest and name != "gzip":
            return None
        if headers.get(b"Content-Encoding") or b"Content-Range" in headers:
            return None
        if name == "gzip" and b"No-Gzip-Compression" in headers:
            headers.remove(b"No-Gzip-Compression")
            return None
        if length is not None and length < self._smallest:
            return None
        content_type = headers.get(b"Content-Type")
        if content_type and not self._types.has(content_type):
            return None
        return self._compress(response, name, not content_type)

    async def _compress(self, response: Response, name: str, is_type_unknown: bool) -> Response:
        """The beginning of the body decides: nothing is made of nothing."""
        body = response.body
        whole = body.take()
        first = await body.read() if whole is None else whole
        if not first or (is_type_unknown and name == "gzip" and not self._types.has(detect(first[:SNIFFED]))):
            response.body = _restored(first, body, whole is not None)
            return response
        headers = response.headers
        headers.set(b"Content-Encoding", name.encode())
        if name == "gzip":
            headers.remove(b"Accept-Ranges")
        response.body = compressed(first, body, whole is not None, self._codings[name])
        return response


class _Choice:
    """The coding that one request has got."""

    __slots__ = ("_compress", "_name")

    def __init__(self, compress: Compress, name: str) -> None:
        self._compress = compress
        self._name = name

    def change(self, request: Request, response: Response) -> Coroutine[Any, Any, Response] | None:
        return self._compress.change(response, self._name)


def _restored(first: bytes, body: Body, is_whole: bool) -> Body:
    if not is_whole:
        return Prefixed(first, body)
    restored = Bytes(first, body.length)
    restored.trailers = body.trailers
    return restored


def build(config: Configuration, context: MiddlewareContext, next: Handler) -> Handler:
    if config.excluded_content_types and config.included_content_types:
        raise ValueError("excludedContentTypes and includedContentTypes options are mutually exclusive")
    excluded = frozenset((_GRPC, *map(partial(_type, "excluded"), config.excluded_content_types)))
    included = frozenset(map(partial(_type, "included"), config.included_content_types))
    if not config.encodings:
        raise ValueError("at least one encoding must be specified")
    for name in config.encodings:
        if name not in CODINGS:
            raise ValueError(f"unsupported encoding: {name}")
    if config.default_encoding and config.default_encoding not in config.encodings:
        raise ValueError(f"unsupported default encoding: {config.default_encoding}")
    return Compress(config, included, excluded, next)


def _type(noun: str, text: str) -> str:
    try:
        return media_type(text)
    except ValueError as error:
        raise ValueError(f"parsing {noun} media type: {error}") from None
