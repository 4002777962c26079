"""What a middleware may ask for while it is built, and the signature of its builder."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from trafficcop.http.messages import Handler, Request, Response
from trafficcop.store.interface import Store
from trafficcop.store.local import LOCAL
from trafficcop.tls.client import DEFAULT_TRUST, ServerTrust


def check_fetchable(url: str) -> None:
    """ValueError unless we can send requests there."""
    parts = urlsplit(url)
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
        raise ValueError(f'"{url}" is no URL of a server')
    parts.port  # noqa: B018 -- raises when it is none


def no_fetch(url: str, timeout: float, trust: ServerTrust = DEFAULT_TRUST) -> Handler:
    """For dry builds: what is built here is never called."""
    check_fetchable(url)

    def refuse(request: Request) -> Awaitable[Response]:
        raise AssertionError(url)

    return refuse


@dataclass(frozen=True, slots=True)
class MiddlewareContext:
    """The surroundings of one middleware of one chain. `name` is qualified (`name@provider`)."""

    name: str
    service: Callable[[str], Handler]  # a service by its qualified name; ValueError when there is none
    middleware: Callable[[str, Handler], Handler]  # a middleware by its qualified name, in front of a handler
    store: Store = LOCAL
    # Requests to a server that no service names: its URL, the seconds it may take to answer, what its certificate must
    # be. ValueError for a bad URL.
    fetch: Callable[[str, float, ServerTrust], Handler] = no_fetch
    scope: str = ""  # what this middleware is called in the store: the same in every worker, another for each use of it
    environ: Mapping[str, str] = field(default_factory=dict)


# A builder raises ValueError with the text that Traefik's API shows for a configuration that cannot work.
Builder = Callable[[Any, MiddlewareContext, Handler], Handler]
