"""PostgreSQL's way to begin TLS (PostgreSQL manual, "Message Flow", SSL Session Encryption): asked for in plain."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final, cast

SSL_REQUEST: Final = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
ACCEPTED: Final = b"S"


class PostgresTransport(asyncio.Transport):
    """A client that has been granted TLS by us, in front of a server that is yet to be asked for it.

    The client's ClientHello is held back until the server has said yes; that answer is not passed on.
    """

    __slots__ = ("_below", "_hello")

    def __init__(self, below: asyncio.Transport, hello: bytes) -> None:
        self._below = below
        self._hello: bytes | None = hello

    def write(self, data: bytes | bytearray | memoryview) -> None:
        hello = self._hello
        if hello is None:
            self._below.write(data)
            return
        if not data:
            return
        self._hello = None
        if data[:1] != ACCEPTED:
            self._below.abort()
            return
        if len(data) > 1:
            self._below.write(data[1:])
        cast("asyncio.Protocol", self._below.get_protocol()).data_received(hello)

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def close(self) -> None:
        self._below.close()

    def abort(self) -> None:
        self._below.abort()

    def is_closing(self) -> bool:
        return self._below.is_closing()

    def can_write_eof(self) -> bool:
        return self._below.can_write_eof()

    def write_eof(self) -> None:
        self._below.write_eof()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._below.set_protocol(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._below.get_protocol()

    def pause_reading(self) -> None:
        self._below.pause_reading()

    def resume_reading(self) -> None:
        self._below.resume_reading()

    def is_reading(self) -> bool:
        return self._below.is_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._below.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        return self._below.get_write_buffer_size()

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._below.get_write_buffer_limits()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        # What the socket gives is not yet what the client says: nobody may go round us.
        return default if name == "socket" else self._below.get_extra_info(name, default)
