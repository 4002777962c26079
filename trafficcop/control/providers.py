"""The providers of an instance: one table from the option that configures a provider to what builds it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Protocol

from trafficcop.control.launch import Launch
from trafficcop.providers.file import FileProvider
from trafficcop.providers.message import Message
from trafficcop.providers.rest import RESTProvider

logger = logging.getLogger(__name__)


class Provider(Protocol):
    """A source of dynamic configuration."""

    name: str

    def provide(self) -> AsyncIterator[Message]:
        """The whole configuration, and again whenever it has changed."""
        ...


def _file(launch: Launch) -> Provider | None:
    options = launch.static.providers.file
    one_file = launch.config_file or "" if launch.document is not None else ""
    if options is None and not one_file:
        return None
    if options is not None and not (options.filename or options.directory):
        raise ValueError("neither filename nor directory is set")
    return FileProvider(options, environ=launch.environ, one_file=one_file)


def _rest(launch: Launch) -> Provider | None:
    return None if launch.static.providers.rest is None else RESTProvider()


def _http(launch: Launch) -> Provider | None:
    options = launch.static.providers.http
    if options is None:
        return None
    # The client is loaded by those who need one.
    from trafficcop.providers.http import HTTPProvider

    return HTTPProvider(options)


# In the order of their start: the file provider first, so that its routes are there before all others (Traefik
# `pkg/provider/aggregator/aggregator.go`). What is configured but has no line here is told by `config/pending.py`.
FACTORIES: Mapping[str, Callable[[Launch], Provider | None]] = {
    "file": _file,
    "rest": _rest,
    "http": _http,
}


def build_providers(launch: Launch) -> list[Provider]:
    """Every provider that is configured; one that cannot be built is an error in the log, and left out."""
    providers = []
    for name, build in FACTORIES.items():
        try:
            provider = build(launch)
        except (ValueError, OSError) as error:
            logger.error("Cannot start the provider %s: %s", name, error)
            continue
        if provider is not None:
            providers.append(provider)
    return providers
