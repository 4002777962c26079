"""Answers to requests that may be sent again, on a connection that has to be opened for them."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Final

from trafficcop.errors import Kind, ProxyError
from trafficcop.http.answer import Answer
from trafficcop.http.drive import Drive

# Methods whose effect is the same when they come twice (RFC 9110 §9.2.2).
IDEMPOTENT: Final = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"))


class Repeated(Answer):
    """An answer that outlives its first sender. Which errors are worth another attempt is decided in `fail`."""

    _dialling: Drive | None = None  # `_drive` is who waits

    def _send_again(self, sending: Coroutine[Any, Any, None]) -> None:
        """Whoever failed is nobody's concern any more. `sending` ends when the request is on its way."""
        self.sender = None
        self._dialling = Drive(self._on_dialled)
        self._dialling.start(sending)

    def _on_dialled(self, error: BaseException | None) -> None:
        self._dialling = None
        if error is not None:
            super().fail(error)

    def give_up(self) -> None:
        drive, self._dialling = self._dialling, None
        super().give_up()
        if drive is not None:
            drive.throw(ProxyError(Kind.CLIENT_GONE))
