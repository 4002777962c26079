"""The one-file form: dynamic sections that stand in the static file, read again while that runs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import fields

from trafficcop.config.decode import decode_dynamic, decode_static
from trafficcop.config.document import Decoded, Document
from trafficcop.config.dynamic import DynamicConfiguration
from trafficcop.config.schema import key_of
from trafficcop.config.sources import load_text
from trafficcop.config.static import StaticConfiguration
from trafficcop.errors import ConfigurationError
from trafficcop.providers.listing import format_of

logger = logging.getLogger("trafficcop.providers.file")

DYNAMIC = frozenset(key_of(declared).lower() for declared in fields(DynamicConfiguration))


class OneFile:
    """A Reader of the static file that takes its dynamic sections and says once which static ones need a restart."""

    def __init__(self) -> None:
        self._running: StaticConfiguration | None = None
        self._told: tuple[str, ...] = ()

    def __call__(self, path: str, text: str) -> tuple[str, Callable[[], Decoded[DynamicConfiguration]]]:
        # Not a template: Traefik never renders the static file.
        return text, lambda: self._decode(path, text)

    def _decode(self, path: str, text: str) -> Decoded[DynamicConfiguration]:
        document = load_text(text, format_of(path), path)
        self._compare(path, document)
        dynamic = {key: value for key, value in document.data.items() if str(key).lower() in DYNAMIC}
        return decode_dynamic(Document(dynamic, document.source, document.locate))

    def _compare(self, path: str, document: Document) -> None:
        try:
            decoded = decode_static(document)
        except ConfigurationError as error:
            logger.error("%s: its static sections could not be used for a restart: %s", path, error)
            return
        if self._running is None:
            self._running = decoded.value
            return
        changed = changed_sections(self._running, decoded.value)
        if changed != self._told:
            self._told = changed
            self._tell(path, changed)
        for issue in decoded.issues:
            if not issue.is_warning:
                logger.error("%s: a restart would fail: %s", path, issue)

    def _tell(self, path: str, changed: tuple[str, ...]) -> None:
        if changed:
            names = ", ".join(changed)
            logger.warning("%s: static sections changed, they act after a restart: %s", path, names)
        else:
            logger.info("%s: the static sections are again as they run", path)


def changed_sections(running: StaticConfiguration, written: StaticConfiguration) -> tuple[str, ...]:
    """The top-level static sections, in Traefik's spelling, that differ."""
    return tuple(
        key_of(declared)
        for declared in fields(StaticConfiguration)
        if getattr(running, declared.name) != getattr(written, declared.name)
    )
