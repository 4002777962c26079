"""Field sections to HPACK (RFC 7541).

What is worth an entry of the dynamic table is learned: a line that is seen for the first time in this process is sent
as it is, one that comes again gets an entry. So what differs from answer to answer never displaces what does not.
Once an answer's lines are all in the table its code is the same each time, and is remembered as a whole.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from trafficcop.http.h2.huffman import encode_huffman
from trafficcop.http.h2.tables import DEFAULT_TABLE_SIZE, ENTRY_OVERHEAD, FIRST_DYNAMIC, STATIC, encode_integer
from trafficcop.http.headers import FRAMING, HOP, HOST, Field, learn

# Others choose what is remembered: at most about 3 MiB of lines for the process …
_LINES_LIMIT: Final = 2048
_LINE_SIZE: Final = 512
# … and 64 KiB of sections for a connection.
_MEMO_LIMIT: Final = 32
_MEMO_SIZE: Final = 1024

# RFC 7541 §7.1.3: no entry, here or at any other hop, for what somebody might try to guess.
_SENSITIVE: Final = frozenset((b"authorization", b"proxy-authorization", b"cookie", b"set-cookie"))
# What differs nearly each time.
_UNIQUE: Final = frozenset((b"age", b"content-range", b"date", b"etag", b"if-none-match", b"location", b":path"))

_STATIC_NAMES: Final = {name: index for index, (name, _) in reversed(list(enumerate(STATIC))) if index}
_STATIC_FIELDS: Final = {field: index for index, field in enumerate(STATIC) if index}
_INDEXED: Final = [encode_integer(index, 7, 0x80) for index in range(256)]

# What an answer of each status begins with, as it comes up.
_STATUSES: Final = {
    int(value): _INDEXED[index] for (name, value), index in _STATIC_FIELDS.items() if name == b":status"
}

INDEXING: Final = 0x40
WITHOUT_INDEXING: Final = 0x00
NEVER_INDEXED: Final = 0x10


def encode_string(data: bytes, is_short: bool) -> bytes:
    """A string literal; `is_short`: as short as it can be, else as fast (RFC 7541 §5.2)."""
    if is_short:
        coded = encode_huffman(data)
        if len(coded) < len(data):
            return encode_integer(len(coded), 7, 0x80) + coded
    size = len(data)
    return (bytes((size,)) if size < 127 else encode_integer(size, 7, 0)) + data


def encode_literal(name: bytes, value: bytes, kind: int, is_short: bool = False) -> bytes:
    """A field with its value spelled out, `kind` being INDEXING, WITHOUT_INDEXING or NEVER_INDEXED."""
    index = _STATIC_NAMES.get(name, 0)
    coded = encode_integer(index, 6 if kind == INDEXING else 4, kind)
    if not index:
        coded += encode_string(name, is_short)
    return coded + encode_string(value, is_short)


class _Line:
    """What is known of a line `Name: value` that has been seen before."""

    __slots__ = ("_insertion", "can_index", "literal", "name", "size", "value")

    def __init__(self, name: bytes, value: bytes) -> None:
        self.name = name
        self.value = value
        self.size = len(name) + len(value) + ENTRY_OVERHEAD
        index = _STATIC_FIELDS.get((name, value))
        self.can_index = index is None and name not in _SENSITIVE and name not in _UNIQUE
        self._insertion = b""
        if index is not None:
            self.literal = _INDEXED[index]
        else:
            kind = NEVER_INDEXED if name in _SENSITIVE else WITHOUT_INDEXING
            self.literal = encode_literal(name, value, kind)

    def insertion(self) -> bytes:
        if not self._insertion:
            self._insertion = encode_literal(self.name, self.value, INDEXING, True)
        return self._insertion


_lines: dict[bytes, _Line] = {}


def _read_line(line: bytes) -> _Line | None:
    """A line with its name in lower case; None if it has no meaning beyond this hop."""
    name, _, value = line.partition(b":")
    if learn(name) & (HOP | FRAMING | HOST):
        return None
    known = _Line(name.lower(), value.strip(b" \t"))
    if len(line) <= _LINE_SIZE:
        if len(_lines) >= _LINES_LIMIT:
            _lines.clear()
        _lines[line] = known
    return known


class HpackEncoder:
    """One connection's dynamic table. What it returns must be sent, in the order in which it was asked for.

    `table_limit`: how large the table may become, whatever the other side allows.
    """

    _inserted: int = 0  # entries so far
    _entries_size: int = 0
    # A change of the table's size that must stand before the next field section (RFC 7541 §4.2), or b"".
    _change: bytes = b""

    def __init__(self, table_limit: int) -> None:
        self._table_limit = table_limit
        self._size_limit = min(table_limit, DEFAULT_TABLE_SIZE)
        if table_limit < DEFAULT_TABLE_SIZE:
            self._change = encode_integer(table_limit, 5, 0x20)
        self._entries: deque[tuple[bytes, int]] = deque()
        self._indexes: dict[bytes, int] = {}
        self._memo: dict[bytes, bytes] = {}

    def change_limit(self, peer_limit: int) -> None:
        """The other side has sent its SETTINGS_HEADER_TABLE_SIZE."""
        limit = min(peer_limit, self._table_limit)
        if limit == self._size_limit:
            return
        self._size_limit = limit
        self._change += encode_integer(limit, 5, 0x20)
        self._evict(limit)

    def begin(self) -> bytes:
        """What must stand before the first field of a section: nearly always nothing."""
        if not self._change:
            return b""
        change, self._change = self._change, b""
        return change

    def encode_lines(self, block: bytes) -> bytes:
        """Lines `Name: value`, each with its break (`Headers.encode`); those of connection and framing are left out."""
        coded = self._memo.get(block)
        return coded if coded is not None else self._encode_lines(block)

    def _encode_lines(self, block: bytes) -> bytes:
        inserted = self._inserted
        is_known = True
        parts = []
        for line in block.split(b"\r\n"):
            known = _lines.get(line)
            if known is not None:
                parts.append(self._encode_known(line, known) if known.can_index else known.literal)
            elif line:
                is_known = False
                fresh = _read_line(line)
                if fresh is not None:
                    parts.append(fresh.literal)
        coded = b"".join(parts)
        if is_known and inserted == self._inserted and len(block) <= _MEMO_SIZE:
            if len(self._memo) >= _MEMO_LIMIT:
                self._memo.clear()
            self._memo[block] = coded
        return coded

    def encode_fields(self, fields: list[Field]) -> bytes:
        """Fields by themselves: a trailer section (RFC 9113 §8.1)."""
        return self.encode_lines(b"".join([b"%b: %b\r\n" % field for field in fields]))

    def request_head(self, method: bytes, scheme: bytes, authority: bytes, path: bytes, lines: bytes) -> bytes:
        """The head of a request; `lines` as `encode_lines` takes them."""
        begin = self.begin()
        return b"".join(
            (
                begin,
                self.encode_stable(b":method", method),
                self.encode_stable(b":scheme", scheme),
                self.encode_stable(b":authority", authority),
                b"\x84" if path == b"/" else encode_literal(b":path", path, WITHOUT_INDEXING),
                self.encode_lines(lines),
            )
        )

    def response_head(self, status: int, lines: bytes) -> bytes:
        """The head of an answer; `lines` as `encode_lines` takes them."""
        coded = _STATUSES.get(status)
        block = self._memo.get(lines)
        if coded is not None and block is not None and not self._change:
            return coded + block
        if coded is None:
            coded = encode_literal(b":status", b"%d" % status, WITHOUT_INDEXING)
            if 100 <= status < 1000:
                _STATUSES[status] = coded
        return self.begin() + coded + self.encode_lines(lines)

    def encode_stable(self, name: bytes, value: bytes) -> bytes:
        """A field that is mostly the same, such as `:authority`: it gets an entry at once."""
        index = _STATIC_FIELDS.get((name, value))
        if index is not None:
            return _INDEXED[index]
        line = name + b":" + value
        known = _lines.get(line)
        if known is None:
            known = _Line(name, value)
            if len(line) <= _LINE_SIZE and len(_lines) < _LINES_LIMIT:
                _lines[line] = known
        return self._encode_known(line, known)

    def _encode_known(self, line: bytes, known: _Line) -> bytes:
        place = self._indexes.get(line)
        if place is not None:
            index = FIRST_DYNAMIC + self._inserted - place
            return _INDEXED[index] if index < 256 else encode_integer(index, 7, 0x80)
        if known.size > self._size_limit // 2:
            return known.literal
        self._insert(line, known.size)
        return known.insertion()

    def _insert(self, line: bytes, size: int) -> None:
        if self._entries_size + size > self._size_limit:
            self._evict(self._size_limit - size)
        self._inserted += 1
        self._indexes[line] = self._inserted
        self._entries.append((line, size))
        self._entries_size += size
        self._memo.clear()  # every index has moved

    def _evict(self, limit: int) -> None:
        while self._entries_size > limit:
            line, size = self._entries.popleft()
            del self._indexes[line]
            self._entries_size -= size
            self._memo.clear()
