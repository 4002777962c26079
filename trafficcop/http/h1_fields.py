"""The fields of a head, sorted: what decides about framing and connection, and the block that is forwarded as it came.

The same client sends the same fields again and again, and so does the same server: what a head says below its first
line is remembered by its bytes, for all connections of the process, and a head that is known costs one look-up.
"""

from __future__ import annotations

from typing import Final

from trafficcop.http.headers import (
    CONNECTION,
    CONTENT_LENGTH,
    EXPECT,
    FRAMING,
    HOP,
    HOST,
    TRANSFER_ENCODING,
    UNSEEN,
    UPGRADE,
    Field,
    bits_of,
    kind_of,
    learn,
)

# Others choose what is remembered, so it is little: at most 1 MiB of heads, and the same again of what they say.
_KNOWN_LIMIT: Final = 512
_KNOWN_SIZE: Final = 2048


class FieldBlock:
    """What the fields of one head say. Shared between messages: nothing in it may be changed.

    `block`: the lines of the fields that are forwarded as they came, with their breaks; `hop`: the connection-level
    fields; `length`: Content-Length or -1; several values of one field are joined by a comma.
    """

    marks: int = 0
    length: int = -1
    host: bytes | None = None
    has_two_hosts: bool = False
    connection: bytes = b""
    expect: bytes = b""
    upgrade: bytes = b""
    coding: bytes = b""
    hop: list[Field] | None = None

    def __init__(self, lines: list[bytes]) -> None:
        """From lines that a parser has accepted, the last one empty."""
        odd = [line for line in lines if bits_of(line.partition(b":")[0], UNSEEN)]
        for line in odd:
            name, _, value = line.partition(b":")
            bits = learn(name)
            if bits:
                self.marks |= bits
                if bits & (FRAMING | HOST | HOP):
                    lines.remove(line)
                if bits & (FRAMING | HOST | HOP | EXPECT):
                    self._note(name, value.strip(b" \t"), bits)
        self.block = b"\r\n".join(lines)
        self.marks |= kind_of(self.block)

    def _note(self, name: bytes, value: bytes, bits: int) -> None:
        if bits & CONTENT_LENGTH:
            self.length = int(value)
        elif bits & HOST:
            self.has_two_hosts = self.host is not None
            self.host = value
        elif bits & EXPECT:
            self.expect = value
        else:
            if bits & CONNECTION:
                self.connection = self.connection + b", " + value if self.connection else value
                if value.lower() in (b"keep-alive", b"close"):
                    return
            elif bits & UPGRADE:
                self.upgrade = self.upgrade + b", " + value if self.upgrade else value
            elif bits & TRANSFER_ENCODING:
                self.coding = self.coding + b", " + value if self.coding else value
            if self.hop is None:
                self.hop = []
            self.hop.append((name, value))


_known: dict[bytes, FieldBlock] = {}

NO_FIELDS: Final = FieldBlock([b""])


def read_fields(raw: bytes) -> FieldBlock:
    """What stands below the first line of a head, up to and with the empty line."""
    known = _known.get(raw)
    if known is None:
        lines = raw.split(b"\r\n")
        del lines[-1]  # the empty one that is left makes each line end as it should when they are joined again
        known = FieldBlock(lines)
        if len(raw) <= _KNOWN_SIZE:
            if len(_known) >= _KNOWN_LIMIT:
                _known.clear()
            _known[raw] = known
    return known
