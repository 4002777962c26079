"""The REST provider: a whole configuration, handed over by `PUT /api/providers/rest` (Traefik `pkg/provider/rest`)."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path

from trafficcop.config.decode import decode_dynamic
from trafficcop.config.document import Decoded
from trafficcop.config.dynamic import DynamicConfiguration
from trafficcop.config.sources import decode_text, load_text
from trafficcop.errors import ConfigurationError, Issue, Position
from trafficcop.providers.message import Message

logger = logging.getLogger(__name__)
_LARGE = 128 * 1024  # more text than this is read in a thread, so that the event loop goes on
_KEPT = "rest.json"


class RESTProvider:
    """Keeps the last good configuration. Anything wrong with a new one refuses it as a whole, and says what.

    `directory`: where it is kept for a control process that takes the place of this one; it goes with the instance.
    """

    name = "rest"

    def __init__(self) -> None:
        self.directory: Path | None = None
        self._message: Message | None = None
        self._news = asyncio.Event()
        self._turn = asyncio.Lock()

    async def put(self, data: bytes) -> DynamicConfiguration:
        """Take a configuration over; ConfigurationError when it is not one."""
        async with self._turn:  # the last one to come is the one in force
            decoded = await asyncio.to_thread(_decode, data) if len(data) > _LARGE else _decode(data)
            self._message = Message(self.name, decoded.value, decoded.issues)
            self._news.set()
            self._keep(data)
            return decoded.value

    async def provide(self) -> AsyncIterator[Message]:
        """Each configuration that is put; nothing before the first."""
        if self._message is None:
            self._restore()
        while True:
            await self._news.wait()
            self._news.clear()
            if self._message is not None:
                yield self._message

    def _keep(self, data: bytes) -> None:
        if self.directory is None:
            return
        fresh = self.directory / f"{_KEPT}.new"
        try:
            fresh.write_bytes(data)
            fresh.rename(self.directory / _KEPT)
        except OSError as error:
            logger.warning("The configuration put by REST cannot be kept for a restart: %s", error)

    def _restore(self) -> None:
        if self.directory is None:
            return
        try:
            decoded = _decode((self.directory / _KEPT).read_bytes())
        except FileNotFoundError:
            return
        except (OSError, ConfigurationError) as error:
            logger.error("The configuration put by REST was not kept: %s", error)
            return
        self._message = Message(self.name, decoded.value, decoded.issues)
        self._news.set()


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _decode(data: bytes) -> Decoded[DynamicConfiguration]:
    """Fields that nobody knows are told and ignored, as Go's JSON decoder ignores them."""
    if not data.strip():
        raise ConfigurationError([Issue("the body is empty", position=Position("REST"))])
    text = decode_text(data, "REST")
    try:
        json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:  # `load_text` would go on and read it as YAML
        raise ConfigurationError([Issue(error.msg, position=Position("REST", error.lineno, error.colno))]) from error
    except (ValueError, RecursionError) as error:
        raise ConfigurationError([Issue(str(error), position=Position("REST"))]) from error
    decoded = decode_dynamic(load_text(text, "json", "REST"), ignores_unknown=True)
    errors = [issue for issue in decoded.issues if not issue.is_warning]
    if errors:
        raise ConfigurationError(errors)
    return decoded
