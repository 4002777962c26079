"""What a client says before anything is encrypted: the ClientHello (RFC 8446 §4.1.2), read without answering it."""

from __future__ import annotations

from typing import Final

HANDSHAKE: Final = 0x16
SSLV2: Final = 0x80  # the first byte of an SSL 2 hello: TLS too, for OpenSSL to refuse
LIMIT: Final = 64 * 1024  # of the message: Go's and OpenSSL's are in the same order

_RECORD_LIMIT: Final = 16384 + 2048  # RFC 5246 §6.2.3
_SERVER_NAME: Final = 0
_STATUS_REQUEST: Final = 5
_SUPPORTED_GROUPS: Final = 10
_ALPN: Final = 16
_KEY_SHARE: Final = 51
_OURS: Final = frozenset((_SERVER_NAME, _STATUS_REQUEST, _SUPPORTED_GROUPS, _ALPN, _KEY_SHARE))


class MalformedHello(Exception):
    """What came is not a ClientHello."""


class ClientHello:
    """The facts that decide who serves a connection, and how. `server_name` is in lower case, without spaces."""

    __slots__ = ("_groups", "_shares", "alpn", "server_name", "wants_staple")

    def __init__(self) -> None:
        self.server_name = ""
        self.alpn: tuple[str, ...] = ()
        self.wants_staple = False
        self._groups = b""
        self._shares = b""

    def note(self, kind: int, value: bytes) -> None:
        """Take an extension that matters here; those that hardly anybody asks for stay as they are."""
        if kind == _SERVER_NAME:
            self.server_name = _server_name(value)
        elif kind == _ALPN:
            self.alpn = _protocols(value)
        elif kind == _SUPPORTED_GROUPS:
            self._groups = value
        elif kind == _KEY_SHARE:
            self._shares = value
        elif kind == _STATUS_REQUEST:
            self.wants_staple = value[:1] == b"\x01"

    @property
    def groups(self) -> tuple[int, ...]:
        """The curves that the client has, by their numbers."""
        value = self._groups
        return tuple(_u16(value, position) for position in range(2, len(value) - 1, 2))

    @property
    def key_shares(self) -> tuple[int, ...]:
        """The curves that the client has made keys for already."""
        value, groups, position = self._shares, [], 2
        while position + 4 <= len(value):
            groups.append(_u16(value, position))
            position += 4 + _u16(value, position + 2)
        return tuple(groups)


class ClientHelloReader:
    """Puts a ClientHello together from any number of segments and records. `received` is all that was fed."""

    __slots__ = ("_message", "_needed", "_position", "received")

    def __init__(self) -> None:
        self.received = bytearray()
        self._position = 0  # of the next record
        self._message = bytearray()
        self._needed = -1  # the size of the message, once it is known

    def feed(self, data: bytes) -> ClientHello | None:
        """The ClientHello when it is complete; MalformedHello as soon as it cannot be one."""
        received = self.received
        received += data
        while not 0 <= self._needed <= len(self._message):
            position = self._position
            head = bytes(received[position : position + 5])
            if head[:1] not in (b"", b"\x16") or head[1:2] not in (b"", b"\x03"):
                raise MalformedHello
            if len(head) < 5:
                return None
            length = (head[3] << 8) | head[4]
            if not 0 < length <= _RECORD_LIMIT:
                raise MalformedHello
            end = position + 5 + length
            if self._needed < 0:
                self._look_ahead(received[position + 5 : min(end, position + 9)])
            if len(received) < end:
                return None
            self._message += received[position + 5 : end]
            self._position = end
        try:
            return _decode(bytes(self._message[4 : self._needed]))
        except IndexError:
            raise MalformedHello from None

    def _look_ahead(self, rest: bytearray) -> None:
        """Judge the head of the message as soon as it is there."""
        head = bytes(self._message + rest)
        if head[:1] not in (b"", b"\x01"):
            raise MalformedHello
        if len(head) >= 4:
            self._needed = 4 + int.from_bytes(head[1:4], "big")
            if self._needed > LIMIT:
                raise MalformedHello


def read_client_hello(data: bytes) -> ClientHello | None:
    """The ClientHello that `data` begins with; None while bytes are missing, MalformedHello if it is none."""
    size = len(data)
    if size > 9 and data[0] == HANDSHAKE and data[1] == 3 and data[5] == 1:
        length = (data[3] << 8) | data[4]
        if length + 5 <= size and int.from_bytes(data[6:9], "big") == length - 4 <= _RECORD_LIMIT:
            try:  # all of it in one record, as nearly always
                return _decode(data[9 : 5 + length])
            except IndexError:
                raise MalformedHello from None
    return ClientHelloReader().feed(data)


def _decode(message: bytes) -> ClientHello:
    hello = ClientHello()
    position = 34  # version and random
    position += 1 + message[position]  # session id
    position += 2 + _u16(message, position)  # cipher suites
    position += 1 + message[position]  # compression methods
    if position == len(message):
        return hello  # no extensions at all: TLS 1.0 had none
    end = position + 2 + _u16(message, position)
    if end != len(message):
        raise MalformedHello
    position += 2
    while position < end:
        kind = (message[position] << 8) | message[position + 1]
        start = position + 4
        position = start + ((message[position + 2] << 8) | message[position + 3])
        if position > end:
            raise MalformedHello
        if kind in _OURS:
            hello.note(kind, message[start:position])
    return hello


def _server_name(value: bytes) -> str:
    """The host name of the list (RFC 6066 §3); it is no address and ends with no dot."""
    end = 2 + _u16(value, 0)
    if end != len(value):
        raise MalformedHello
    position = 2
    while position < end:
        kind, length = value[position], _u16(value, position + 1)
        position += 3
        if position + length > end:
            raise MalformedHello
        if kind == 0:
            name = value[position : position + length].decode("utf-8", "replace").strip().lower()
            if not name or name.endswith("."):
                raise MalformedHello
            return name
        position += length
    return ""


def _protocols(value: bytes) -> tuple[str, ...]:
    end = 2 + _u16(value, 0)
    if end != len(value):
        raise MalformedHello
    names: list[str] = []
    position = 2
    while position < end:
        length = value[position]
        position += 1
        if not length or position + length > end:
            raise MalformedHello
        names.append(value[position : position + length].decode("latin-1"))
        position += length
    return tuple(names)


def _u16(data: bytes, position: int) -> int:
    return (data[position] << 8) | data[position + 1]
