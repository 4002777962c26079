"""A body that is compressed while it is read, piece by piece."""

from __future__ import annotations

import asyncio
from typing import Final

from trafficcop.http.body import Body, Bytes
from trafficcop.middleware.compress_codings import Coding

# What is compressed in one go; other connections have their turn before the next piece.
PIECE: Final = 64 * 1024


def compressed(first: bytes, body: Body, is_whole: bool, coding: Coding) -> Body:
    """The compressed form of a body of which `first` was read already, or which is all of it."""
    if not is_whole or len(first) > PIECE:
        return Compressed(first, body, is_whole, coding)
    compressor = coding()
    found = Bytes(compressor.compress(first) + compressor.finish())
    found.trailers = body.trailers
    return found


class Compressed(Body):
    """What arrives together goes on together: it is flushed whenever the next bytes have to be waited for."""

    __slots__ = ("_body", "_compressor", "_has_stepped", "_is_finished", "_is_whole", "_pending")

    def __init__(self, first: bytes, body: Body, is_whole: bool, coding: Coding) -> None:
        super().__init__(None)
        self._body = body
        self._compressor = coding()
        self._pending = first
        self._is_whole = is_whole  # nothing comes after what is pending
        self._is_finished = False
        self._has_stepped = False

    def take_available(self) -> bytes:
        return self._step() if self._pending else b""

    async def read(self) -> bytes:
        while not self._is_finished:
            if not self._pending:
                self._has_stepped = False
                self._pending = await self._body.read()
                if not self._pending:
                    return self._finish()
            elif self._has_stepped:
                await asyncio.sleep(0)
            data = self._step()
            if data:
                return data
        return b""

    def _step(self) -> bytes:
        """One piece of what is pending."""
        self._has_stepped = True
        pending = self._pending
        data = self._compressor.compress(pending[:PIECE])
        self._pending = pending[PIECE:]
        if self._pending:
            return data
        if not self._is_whole:
            body = self._body
            self._pending = body.take_available()
            if self._pending:
                return data
            rest = body.take()
            if rest is None:
                return data + self._compressor.flush()
            self._pending = rest
            self._is_whole = True
            if rest:
                return data
        return data + self._finish()

    def _finish(self) -> bytes:
        self._is_finished = True
        self.trailers = self._body.trailers
        return self._compressor.finish()

    def close(self) -> None:
        self._is_finished = True
        self._pending = b""
        self._body.close()
