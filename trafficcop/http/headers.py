"""Header fields: an ordered list of (name, value) pairs of bytes, spelled as they came.

Connection-level (hop-by-hop) fields live in a list of their own from the moment they are read, so that the usual
message is forwarded without looking at each name again (RFC 9110 §7.6.1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

Field = tuple[bytes, bytes]

# What a field is to a proxy. Values are bits, so that one lookup answers every question about a name.
PLAIN: Final = 0
HOP: Final = 1  # RFC 9110 §7.6.1: never forwarded; kept apart in `Headers.hop`
FRAMING: Final = 2  # Content-Length, Transfer-Encoding
HOST: Final = 4
EXPECT: Final = 8
MANAGED: Final = 16  # X-Forwarded-*, X-Real-Ip: the entry point decides whether the client may set them
UNDERSCORE: Final = 32  # the name has a "_": underscoreHeadersStrategy
DATE: Final = 64
CONNECTION: Final = 128
UPGRADE: Final = 256
TRANSFER_ENCODING: Final = 512
CONTENT_LENGTH: Final = 1024
TE: Final = 2048

_KNOWN: Final[dict[bytes, int]] = {
    b"connection": HOP | CONNECTION,
    b"proxy-connection": HOP,
    b"keep-alive": HOP,
    b"proxy-authenticate": HOP,
    b"proxy-authorization": HOP,
    b"te": HOP | TE,
    b"trailer": HOP,
    b"transfer-encoding": HOP | FRAMING | TRANSFER_ENCODING,
    b"upgrade": HOP | UPGRADE,
    b"content-length": FRAMING | CONTENT_LENGTH,
    b"host": HOST,
    b"expect": EXPECT,
    b"date": DATE,
}
_FORWARDED: Final = (b"for", b"host", b"port", b"proto", b"server", b"uri", b"method", b"prefix")
MANAGED_NAMES: Final = frozenset(
    [b"x-forwarded-" + suffix for suffix in (*_FORWARDED, b"tls-client-cert", b"tls-client-cert-info")] + [b"x-real-ip"]
)

UNSEEN: Final = 4096  # a spelling that is not in the table yet
KIND: Final = 8192  # of a head, not of a name: it may ask for a stream of events or speak gRPC

# What the values of Accept and Content-Type hold then, as clients write them.
_KINDS: Final = (b"text/event-stream", b"application/grpc")

_LEARNED_LIMIT: Final = 8192
_learned: dict[bytes, int] = {b"": PLAIN}


def is_option(token: bytes) -> bool:
    """Whether a token of Connection, in lower case, names a field that ends at this hop (RFC 9110 §7.6.1).

    Clients may list any number of tokens: none is remembered.
    """
    return token != b"" and not _KNOWN.get(token, PLAIN) & (HOP | FRAMING | HOST)


def learn(name: bytes) -> int:
    """The bits of a name in any spelling; remembered, so that the next look is one dict access."""
    known = _learned.get(name)
    if known is not None:
        return known
    lower = name.lower()
    bits = _KNOWN.get(lower, PLAIN)
    if b"_" in lower:
        bits |= UNDERSCORE
    if lower.replace(b"_", b"-") in MANAGED_NAMES:
        bits |= MANAGED
    if len(name) < 64:
        # Clients choose the names: a table full of what one of them made up is of no use to the others.
        if len(_learned) >= _LEARNED_LIMIT:
            _learned.clear()
        _learned[name] = bits
    return bits


def kind_of(block: bytes) -> int:
    """KIND if lines of fields may say what is spoken over HTTP: few do, and nobody else need look at their fields."""
    return KIND if _KINDS[0] in block or _KINDS[1] in block else PLAIN


# `bits_of(name, UNSEEN)`: the bits of a spelling that has been seen.
bits_of = _learned.get


def _field(line: bytes) -> Field:
    name, _, value = line.partition(b":")
    return name, value.strip(b" \t")


def read_lines(lines: bytes) -> list[Field]:
    """The fields of lines that end in a break each."""
    return [_field(line) for line in lines.split(b"\r\n")[:-1]]


def _searchable(lines: bytes) -> bytes:
    """Lines in which a name is found as `\\nname:`; one byte longer than they are."""
    return b"\n" + lines.lower()


# Blocks that come again are looked into by name. Others choose what is remembered, so it is little.
_INDEX_LIMIT: Final = 512
_INDEX_SIZE: Final = 2048
_indexes: dict[bytes, dict[bytes, bytes]] = {}
_met: set[int] = set()


def _index(block: bytes) -> dict[bytes, bytes] | None:
    """The first value of each name in a block that was met before, else None: reading it costs more than one search."""
    if len(block) > _INDEX_SIZE:
        return None
    number = hash(block)
    if number not in _met:
        if len(_met) >= _INDEX_LIMIT:
            _met.clear()
        _met.add(number)
        return None
    index: dict[bytes, bytes] = {}
    for name, value in read_lines(block):
        index.setdefault(name.lower(), value)
    if len(_indexes) >= _INDEX_LIMIT:
        _indexes.clear()
    _indexes[block] = index
    return index


def _first_value(lines: bytes, lower: bytes) -> bytes | None:
    start = _searchable(lines).find(b"\n" + lower + b":")
    if start < 0:
        return None
    start += len(lower) + 1
    return lines[start : lines.index(b"\r", start)].strip(b" \t")


_NO_FIELDS: Final[list[Field]] = []


class Headers:
    """The fields of one message. Names compare without case; order and spelling are kept.

    What came from the wire stays a `block` of lines until somebody wants fields; nobody does for most messages. Lines
    are added behind the block, which is often the same object in many messages: it is known again by that.
    `fields` are the end-to-end ones, `hop` the connection-level ones.
    """

    def __init__(self, fields: list[Field] | None = None, hop: list[Field] | None = None) -> None:
        self._fields: list[Field] = [] if fields is None else fields
        self._block: bytes | None = None
        self._added = b""  # lines behind the block; nothing when there is no block
        self.hop = hop

    @classmethod
    def of_block(cls, block: bytes, hop: list[Field] | None) -> Headers:
        """From lines `Name: value` with their breaks, which a parser has judged."""
        headers = cls(_NO_FIELDS, hop)
        headers._block = block
        return headers

    @classmethod
    def of(cls, pairs: Iterable[Field]) -> Headers:
        """Sort pairs from elsewhere into end-to-end and connection-level fields."""
        headers = cls()
        for name, value in pairs:
            headers.add(name, value)
        return headers

    @property
    def fields(self) -> list[Field]:
        """The end-to-end fields, to look at and to change in place."""
        if self._block is not None:
            self._fields = read_lines(self._block + self._added)
            self._block = None
            self._added = b""
        return self._fields

    @fields.setter
    def fields(self, fields: list[Field]) -> None:
        self._block = None
        self._added = b""
        self._fields = fields

    def append_lines(self, lines: bytes) -> None:
        """Add end-to-end fields as they look on the wire, each line with its break."""
        if self._block is not None:
            self._added += lines
        else:
            self._fields += read_lines(lines)

    def append(self, name: bytes, value: bytes) -> None:
        """Add an end-to-end field, whose value has no break in it."""
        if self._block is not None:
            self._added += b"%b: %b\r\n" % (name, value)
        else:
            self._fields.append((name, value))

    def prepend(self, name: bytes, value: bytes) -> None:
        """Put an end-to-end field before all others."""
        if self._block is not None:
            self._block = b"%b: %b\r\n%b" % (name, value, self._block)
        else:
            self._fields.insert(0, (name, value))

    def edit_lines(self, edit: Callable[[bytes], bytes], added: bytes) -> bool:
        """Pass the lines through `edit` and add some; False when there are no lines any more, but fields."""
        if self._block is None:
            return False
        self._block = edit(self._block)
        self._added = edit(self._added) + added if self._added else added
        return True

    def encode(self) -> bytes:
        """All end-to-end fields as they go out, each line with its break."""
        if self._block is not None:
            return self._block + self._added
        return b"".join([b"%b: %b\r\n" % field for field in self._fields])

    def get(self, name: bytes) -> bytes | None:
        """The first value, or None."""
        lower = name.lower()
        block = self._block
        if block is not None:
            index = _indexes.get(block)
            if index is None:
                index = _index(block)
            value = _first_value(block, lower) if index is None else index.get(lower)
            added = self._added
            if value is None and added:  # often the same for all requests of a connection
                index = _indexes.get(added)
                if index is None:
                    index = _index(added)
                value = _first_value(added, lower) if index is None else index.get(lower)
            if value is not None:
                return value
        for other in (self._fields, self.hop):
            if other:
                for field, found in other:
                    if field.lower() == lower:
                        return found
        return None

    def get_all(self, name: bytes) -> list[bytes]:
        lower = name.lower()
        values = []
        if self._block is not None:
            lines = self._block + self._added
            searched = _searchable(lines)
            key = b"\n" + lower + b":"
            start = searched.find(key)
            while start >= 0:
                end = lines.index(b"\r", start)
                values.append(lines[start + len(key) - 1 : end].strip(b" \t"))
                start = searched.find(key, end)
        for other in (self._fields, self.hop):
            if other:
                values += [value for field, value in other if field.lower() == lower]
        return values

    def values_with(self, lower: bytes, part: bytes) -> list[bytes]:
        """The end-to-end values of a name (given in lower case) that hold `part`; other lines are not read."""
        if self._block is None:
            return [value for field, value in self._fields if part in value and field.lower() == lower]
        values: list[bytes] = []
        for lines in (self._block, self._added):
            at = lines.find(part)
            while at >= 0:
                start, end = lines.rfind(b"\n", 0, at) + 1, lines.index(b"\r", at)
                colon = start + len(lower)
                if lines[colon : colon + 1] == b":" and lines[start:colon].lower() == lower:
                    value = lines[colon + 1 : end].strip(b" \t")
                    if colon < at or part in value:
                        values.append(value)
                at = lines.find(part, end)
        return values

    def __contains__(self, name: bytes) -> bool:
        return self.get(name) is not None

    def __iter__(self) -> Iterator[Field]:
        yield from self.fields
        if self.hop:
            yield from self.hop

    def add(self, name: bytes, value: bytes) -> None:
        """Append a field, whether or not the name is there already."""
        if learn(name) & HOP:
            if self.hop is None:
                self.hop = []
            self.hop.append((name, value))
        else:
            self.append(name, value)

    def set(self, name: bytes, value: bytes) -> None:
        """Replace every field of that name by one."""
        self.remove(name)
        self.add(name, value)

    def remove(self, name: bytes) -> bool:
        """Drop every field of that name; whether there was one."""
        lower = name.lower()
        found = False
        if self._block is not None:
            found = self._remove_line(lower)
        else:
            kept = [field for field in self._fields if field[0].lower() != lower]
            if len(kept) != len(self._fields):
                found = True
                self._fields = kept
        if self.hop:
            kept = [field for field in self.hop if field[0].lower() != lower]
            found = found or len(kept) != len(self.hop)
            self.hop = kept or None
        return found

    def _remove_line(self, lower: bytes) -> bool:
        """The same while there are lines."""
        lines = (self._block or b"") + self._added
        key = b"\n" + lower + b":"
        start = _searchable(lines).find(key)
        if start < 0:
            return False
        while start >= 0:
            lines = lines[:start] + lines[lines.index(b"\n", start) + 1 :]
            start = _searchable(lines).find(key)
        self._block = lines
        self._added = b""
        return True

    def copy(self) -> Headers:
        """Headers that can be changed without these; what nobody has changed yet stays shared until somebody does."""
        headers = Headers(self._fields.copy(), None if self.hop is None else self.hop.copy())
        headers._block = self._block
        headers._added = self._added
        return headers

    def __repr__(self) -> str:
        return f"Headers({list(self)!r})"
