"""Field sections from HPACK (RFC 7541)."""

from __future__ import annotations

from typing import Final

from trafficcop.http.h2.faults import COMPRESSION_ERROR, ConnectionFault
from trafficcop.http.h2.huffman import decode_huffman
from trafficcop.http.h2.tables import DEFAULT_TABLE_SIZE, ENTRY_OVERHEAD, FIRST_DYNAMIC, STATIC
from trafficcop.http.headers import Field

# Five bytes behind the prefix hold every number that can be meant; more are refused, however many zeros they add.
_INTEGER_BYTES: Final = 5
# The dynamic table is cut down in steps: entries that are gone stay in the list until there are so many of them.
_GONE_LIMIT: Final = 64


class HpackDecoder:
    """One connection's dynamic table. ConnectionFault: the connection cannot be read any further.

    `table_limit`: what we announced as SETTINGS_HEADER_TABLE_SIZE; `section_limit`: the size of a field section (each
    field counts 32 bytes beside its own, RFC 9113 §6.5.2) above which fields are no longer kept.
    """

    is_too_large: bool = False  # the section read last
    is_changed: bool = False  # the section read last changed the table
    _entries_size: int = 0
    _gone: int = 0
    size: int = 0  # of the section read last
    at: int = 0  # where we are in its block

    def __init__(self, table_limit: int, section_limit: int) -> None:
        # What we announce is in force once it has been acknowledged: until then, and so for good, the default is fine.
        self._table_limit = max(table_limit, DEFAULT_TABLE_SIZE)
        self._size_limit = DEFAULT_TABLE_SIZE
        self._section_limit = section_limit
        self._entries: list[Field] = []

    def decode(self, block: bytes) -> list[Field]:
        """The fields in their order. A section that is too large is read to its end, but not kept."""
        fields: list[Field] = []
        self._begin(block)
        self.read_some(block, fields, False)
        return fields

    def decode_first(self, block: bytes) -> list[Field]:
        """The pseudo-fields and, if there are others, the first of those; `read_some` reads on from `at`."""
        fields: list[Field] = []
        self._begin(block)
        self.read_some(block, fields, True)
        return fields

    def _begin(self, block: bytes) -> None:
        self.is_too_large = self.is_changed = False
        self.size = self.at = 0
        if block and block[0] & 0xE0 == 0x20:
            self._read_table_sizes(block)

    def read_some(self, block: bytes, fields: list[Field], is_first: bool) -> None:
        """Read to the end, or, `is_first`, behind the first field that is none of the pseudo-fields."""
        end = len(block)
        limit = self._section_limit
        while self.at < end:
            first = block[self.at]
            if first & 0x80:
                self.at += 1
                index = first & 0x7F
                if index == 0x7F:
                    index = self._read_more(block, index)
                field = STATIC[index] if 0 < index < FIRST_DYNAMIC else self._dynamic(index)
            else:
                field = self._read_literal(block, first)
            self.size += len(field[0]) + len(field[1]) + ENTRY_OVERHEAD
            if self.size <= limit:
                fields.append(field)
            else:
                self.is_too_large = True
            if is_first and field[0][:1] != b":":
                return

    def _read_literal(self, block: bytes, first: int) -> Field:
        """A field of which at least the value is spelled out (RFC 7541 §6.2)."""
        if first & 0x40:
            mask = 0x3F
        elif first & 0x20:
            raise ConnectionFault(COMPRESSION_ERROR, "the size of the table changes inside a field section")
        else:
            mask = 0x0F
        index = first & mask
        self.at += 1
        if index == mask:
            index = self._read_more(block, index)
        if index == 0:
            name = self._read_string(block)
        else:
            name = STATIC[index][0] if index < FIRST_DYNAMIC else self._dynamic(index)[0]
        field = (name, self._read_string(block))
        if mask == 0x3F:
            self._insert(field)
        return field

    def _read_more(self, block: bytes, value: int) -> int:
        """The rest of an integer that did not fit into its prefix (RFC 7541 §5.1)."""
        start = at = self.at
        end = min(len(block), start + _INTEGER_BYTES)
        while at < end:
            byte = block[at]
            value += (byte & 0x7F) << 7 * (at - start)
            at += 1
            if byte < 0x80:
                self.at = at
                return value
        raise ConnectionFault(COMPRESSION_ERROR, "an integer without end")

    def _read_string(self, block: bytes) -> bytes:
        at = self.at
        if at >= len(block):
            raise ConnectionFault(COMPRESSION_ERROR, "a field section is cut off")
        first = block[at]
        length = first & 0x7F
        self.at = at + 1
        if length == 0x7F:
            length = self._read_more(block, length)
        start = self.at
        self.at = end = start + length
        if end > len(block):
            raise ConnectionFault(COMPRESSION_ERROR, "a field section is cut off")
        raw = block[start:end]
        if first < 0x80:
            return raw
        text = decode_huffman(raw)
        if text is None:
            raise ConnectionFault(COMPRESSION_ERROR, "a string that is no Huffman code")
        return text

    # === the dynamic table ===

    def _dynamic(self, index: int) -> Field:
        entries = self._entries
        place = len(entries) - 1 - (index - FIRST_DYNAMIC)
        if index == 0 or place < self._gone:
            raise ConnectionFault(COMPRESSION_ERROR, f"there is no entry {index}")
        return entries[place]

    def _insert(self, field: Field) -> None:
        self.is_changed = True
        size = len(field[0]) + len(field[1]) + ENTRY_OVERHEAD
        if size > self._size_limit:
            self._evict(0)  # RFC 7541 §4.4: too large an entry empties the table
            return
        if self._entries_size + size > self._size_limit:
            self._evict(self._size_limit - size)
        self._entries.append(field)
        self._entries_size += size

    def _evict(self, limit: int) -> None:
        entries = self._entries
        gone = self._gone
        while self._entries_size > limit:
            name, value = entries[gone]
            self._entries_size -= len(name) + len(value) + ENTRY_OVERHEAD
            entries[gone] = STATIC[0]
            gone += 1
        if gone > _GONE_LIMIT or gone == len(entries):
            del entries[:gone]
            gone = 0
        self._gone = gone

    def _read_table_sizes(self, block: bytes) -> None:
        """Changes of the table's size, which stand before the first field (RFC 7541 §4.2)."""
        while self.at < len(block) and block[self.at] & 0xE0 == 0x20:
            size = block[self.at] & 0x1F
            self.at += 1
            if size == 0x1F:
                size = self._read_more(block, size)
            if size > self._table_limit:
                raise ConnectionFault(COMPRESSION_ERROR, "the table grows beyond what was announced")
            self.is_changed = True
            self._size_limit = size
            self._evict(size)
