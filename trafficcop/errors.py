"""What can go wrong: in a configuration (`Issue`) and in a request (`ProxyError`)."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a source; line and column count from 1, 0 means unknown."""

    source: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        parts = [self.source] if self.source else []
        if self.line:
            parts.append(str(self.line))
            if self.column:
                parts.append(str(self.column))
        return ":".join(parts)


NOWHERE = Position()


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing wrong with a configuration, as data: printed as `file:line:column: path: message`.

    `path` is the option in Traefik's words (`http.routers.web.rule`); `is_warning` marks what does not stop anything;
    `owner` is the dynamic object that is left out because of it: `("http", "routers", "web")`.
    """

    message: str
    path: str = ""
    position: Position = NOWHERE
    is_warning: bool = False
    owner: tuple[str, ...] = ()

    def at(self, position: Position) -> Issue:
        return replace(self, position=position)

    def __str__(self) -> str:
        return ": ".join(part for part in (str(self.position), self.path, self.message) if part)


class ConfigurationError(Exception):
    """A configuration that cannot be used; carries every Issue that was found, never only the first."""

    def __init__(self, issues: Iterable[Issue]) -> None:
        self.issues = tuple(issues)
        super().__init__("\n".join(map(str, self.issues)))


class BadQuestion(Exception):
    """What somebody wants to have explained makes no request; the text says why, in one line."""


class Side(enum.Enum):
    """Whose fault a failed request is."""

    DOWNSTREAM = "client"
    UPSTREAM = "server"
    INTERNAL = "router"


class Kind(enum.Enum):
    """Why a request failed. `STATUSES` has what Traefik answers to each (`pkg/proxy/httputil/proxy.go`)."""

    BAD_REQUEST = "bad request"
    HEADERS_TOO_LARGE = "request header fields too large"
    BODY_TOO_LARGE = "request body too large"
    EXPECTATION_FAILED = "expectation failed"
    NOT_IMPLEMENTED = "not implemented"
    VERSION_NOT_SUPPORTED = "http version not supported"
    CLIENT_GONE = "client closed the request"
    CLIENT_SLOW = "client took too long"
    NO_SERVER = "no available server"
    UNREACHABLE = "server cannot be reached"
    SERVER_CLOSED = "server closed the connection before an answer"
    BAD_RESPONSE = "server sent a malformed answer"
    BAD_SCHEME = "unsupported scheme of a server"
    NO_HOST = "the URL of a server has no host"
    TIMEOUT = "server took too long"
    UNTRUSTED = "server cannot be trusted"  # its certificate, or it does not speak TLS at all


class ProxyError(Exception):
    """A request that failed: why, whose fault, and whether another server may be tried.

    `is_retryable` means that no byte of the request can have had an effect on the server.
    """

    def __init__(self, kind: Kind, detail: str = "", *, is_retryable: bool = False) -> None:
        self.kind = kind
        self.detail = detail
        self.is_retryable = is_retryable
        super().__init__(f"{kind.value}: {detail}" if detail else kind.value)

    @property
    def side(self) -> Side:
        return _SIDES.get(self.kind, Side.UPSTREAM)

    @property
    def status(self) -> int:
        return STATUSES[self.kind]


_SIDES = {
    Kind.BAD_REQUEST: Side.DOWNSTREAM,
    Kind.HEADERS_TOO_LARGE: Side.DOWNSTREAM,
    Kind.BODY_TOO_LARGE: Side.DOWNSTREAM,
    Kind.EXPECTATION_FAILED: Side.DOWNSTREAM,
    Kind.NOT_IMPLEMENTED: Side.DOWNSTREAM,
    Kind.VERSION_NOT_SUPPORTED: Side.DOWNSTREAM,
    Kind.CLIENT_GONE: Side.DOWNSTREAM,
    Kind.CLIENT_SLOW: Side.DOWNSTREAM,
    Kind.NO_SERVER: Side.INTERNAL,
}

STATUSES: dict[Kind, int] = {
    Kind.BAD_REQUEST: 400,
    Kind.HEADERS_TOO_LARGE: 431,
    Kind.BODY_TOO_LARGE: 413,
    Kind.EXPECTATION_FAILED: 417,
    Kind.NOT_IMPLEMENTED: 501,
    Kind.VERSION_NOT_SUPPORTED: 505,
    Kind.CLIENT_GONE: 499,
    Kind.CLIENT_SLOW: 504,
    Kind.NO_SERVER: 503,
    Kind.UNREACHABLE: 502,
    Kind.SERVER_CLOSED: 502,
    Kind.BAD_RESPONSE: 500,
    Kind.BAD_SCHEME: 500,
    Kind.NO_HOST: 500,
    Kind.TIMEOUT: 504,
    Kind.UNTRUSTED: 500,
}
