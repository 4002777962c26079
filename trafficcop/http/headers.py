"""Header fields: an ordered list of (name, value) pairs of bytes, spelled as they came.

Connection-level (hop-by-hop) fields live in a list of their own from the moment they are read, so that the usual
message is forwarded without looking at each name again (RFC 9110 §7.6.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

Field = tuple[bytes, bytes]

# What a field is to a proxy. Values are bits, so that one lookup answers every question about a name.
PLAIN = 0
HOP = 1  # RFC 9110 §7.6.1: never forwarded; kept apart in `Headers.hop`
FRAMING = 2  # Content-Length, Transfer-Encoding
HOST = 4
EXPECT = 8
MANAGED = 16  # X-Forwarded-*, X-Real-Ip: the entry point decides whether the client may set them
UNDERSCORE = 32  # the name has a "_": underscoreHeadersStrategy
DATE = 64
CONNECTION = 128
UPGRADE = 256
TRANSFER_ENCODING = 512
CONTENT_LENGTH = 1024
TE = 2048

_KNOWN: dict[bytes, int] = {
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
_FORWARDED = (b"for", b"host", b"port", b"proto", b"server", b"uri", b"method", b"prefix")
MANAGED_NAMES = frozenset(
    [b"x-forwarded-" + suffix for suffix in (*_FORWARDED, b"tls-client-cert", b"tls-client-cert-info")] + [b"x-real-ip"]
)

_LEARNED_LIMIT = 8192
_learned: dict[bytes, int] = {}


def is_option(token: bytes) -> bool:
    """Whether a token of Connection, in lower case, names a field that ends at this hop (RFC 9110 §7.6.1).

    Clients may list any number of tokens: none is remembered.
    """
    return token != b"" and not _KNOWN.get(token, PLAIN) & (HOP | FRAMING | HOST)


def learn(name: bytes) -> int:
    """The bits of a name in any spelling; remembered, so that the next look is one dict access."""
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


# `bits_of(name)` is None for a spelling not seen yet: call `learn(name)` then.
bits_of = _learned.get


class Headers:
    """The fields of one message. Names compare without case; order and spelling are kept.

    `fields` are the end-to-end ones. An entry point adds the same few to every request of a connection: those are
    kept as a `tail`, whose lines are ready for the wire, until somebody wants to see or change them.
    """

    _tail: list[Field] | None = None
    tail_lines: bytes = b""

    def __init__(self, fields: list[Field] | None = None, hop: list[Field] | None = None) -> None:
        self._fields: list[Field] = [] if fields is None else fields
        self.hop = hop

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
        if self._tail is not None:
            self._fields = self._fields + self._tail
            self._tail = None
            self.tail_lines = b""
        return self._fields

    @fields.setter
    def fields(self, fields: list[Field]) -> None:
        self._tail = None
        self.tail_lines = b""
        self._fields = fields

    def append_tail(self, tail: list[Field], lines: bytes) -> None:
        """Add fields that are shared between requests; `lines` is how they look on the wire."""
        if self._tail is not None:
            self._fields = self.fields
        self._tail = tail
        self.tail_lines = lines

    def own_lines(self) -> list[bytes]:
        """The lines of all fields but the tail's."""
        return [b"%b: %b\r\n" % field for field in self._fields]

    def get(self, name: bytes) -> bytes | None:
        """The first value, or None."""
        lower = name.lower()
        size = len(lower)
        for field, value in self._fields:
            if len(field) == size and field.lower() == lower:
                return value
        for other in (self._tail, self.hop):
            if other is not None:
                for field, value in other:
                    if field.lower() == lower:
                        return value
        return None

    def get_all(self, name: bytes) -> list[bytes]:
        lower = name.lower()
        return [value for field, value in self if field.lower() == lower]

    def __contains__(self, name: bytes) -> bool:
        return self.get(name) is not None

    def __iter__(self) -> Iterator[Field]:
        yield from self._fields
        if self._tail is not None:
            yield from self._tail
        if self.hop:
            yield from self.hop

    def add(self, name: bytes, value: bytes) -> None:
        """Append a field, whether or not the name is there already."""
        if learn(name) & HOP:
            if self.hop is None:
                self.hop = []
            self.hop.append((name, value))
        else:
            self.fields.append((name, value))

    def set(self, name: bytes, value: bytes) -> None:
        """Replace every field of that name by one."""
        self.remove(name)
        self.add(name, value)

    def remove(self, name: bytes) -> bool:
        """Drop every field of that name; whether there was one."""
        lower = name.lower()
        fields = self.fields
        kept = [field for field in fields if field[0].lower() != lower]
        found = len(kept) != len(fields)
        if found:
            self._fields = kept
        if self.hop:
            kept = [field for field in self.hop if field[0].lower() != lower]
            found = found or len(kept) != len(self.hop)
            self.hop = kept or None
        return found

    def copy(self) -> Headers:
        """Headers that can be changed without these; the tail stays shared until one of the two is."""
        headers = Headers(self._fields.copy(), None if self.hop is None else self.hop.copy())
        if self._tail is not None:
            headers._tail = self._tail
            headers.tail_lines = self.tail_lines
        return headers

    def __repr__(self) -> str:
        return f"Headers({list(self)!r})"
