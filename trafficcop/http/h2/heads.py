"""Field sections sorted into heads: what the pseudo-fields say, and the other fields as lines (RFC 9113 §8.2, §8.3).

The same client sends the same fields again and again. Fields are remembered by themselves for all connections of the
process, and a whole section by its bytes for one connection, as long as reading it leaves the dynamic table alone.
"""

from __future__ import annotations

import re
from typing import Final

from trafficcop.http.h2.faults import ENHANCE_YOUR_CALM, ConnectionFault
from trafficcop.http.h2.hpack_decoder import HpackDecoder
from trafficcop.http.h2.tables import DEFAULT_TABLE_SIZE
from trafficcop.http.headers import (
    CONTENT_LENGTH,
    EXPECT,
    FRAMING,
    HOP,
    HOST,
    TE,
    UNSEEN,
    Field,
    Headers,
    bits_of,
    kind_of,
    learn,
)

# Others choose what is remembered: 1 MiB of fields for the process, and the same again of what they say …
_KNOWN_LIMIT: Final = 512
_KNOWN_SIZE: Final = 2048
# … and 64 KiB of sections for a connection.
_MEMO_LIMIT: Final = 32

# A section may be many times longer than its code, but for one that names the same entry of the table again and again
# (an HPACK bomb) there is no other use: a few tables full, and this many bytes for each that was sent.
_BOMB_TABLES: Final = 8
_BOMB_RATIO: Final = 16

_NAME: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+").fullmatch
# What may stand in no value, and would end a line of HTTP/1.1.
_has_control = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]").search
# Fields of a connection that HTTP/2 has no use for (RFC 9113 §8.2.2).
_FORBIDDEN: Final = frozenset((b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"))


class Fields:
    """The fields of a section but for the pseudo-fields. Shared between messages: nothing in it may be changed.

    `block`: the lines of what is forwarded; `length`: Content-Length or -1; `fault`: why the section is malformed, or
    ""; `complaint`: a field that HTTP/2 does not have, which is refused with words, or ""; `named`: what `Connection`
    names, where it is not refused.
    """

    marks: int = 0
    length: int = -1
    host: bytes | None = None
    expect: bytes = b""
    hop: list[Field] | None = None
    fault: str = ""
    complaint: str = ""
    named: tuple[bytes, ...] = ()

    def __init__(self, fields: tuple[Field, ...]) -> None:
        self.fields = fields
        lines = []
        cookies: list[bytes] = []
        for field in fields:
            name, value = field
            if _NAME(name) is None:
                self.fault = f"malformed name {name!r}"
                break
            if _has_control(value):
                self.fault = f"malformed value of {name!r}"
                break
            bits = bits_of(name, UNSEEN)
            if bits:
                bits = learn(name)
                self.marks |= bits
                if bits & (FRAMING | HOST | HOP | EXPECT) and self._note(name, value.strip(b" \t"), bits):
                    continue
            if name == b"cookie":
                cookies.append(value)
            else:
                lines.append(b"%b: %b\r\n" % (name, value.strip(b" \t")))
        if cookies:
            # RFC 9113 §8.2.3: one line again, for a server that knows only HTTP/1.1.
            lines.append(b"cookie: %b\r\n" % b"; ".join(cookies))
        self.block = b"".join(lines)
        self.marks |= kind_of(self.block)

    def _note(self, name: bytes, value: bytes, bits: int) -> bool:
        """Whether the field is kept apart from the lines."""
        if name in _FORBIDDEN or (bits & TE and value.lower() != b"trailers"):
            self.complaint = f"HTTP/2 has no field {name.decode()!r} of this meaning"
            if name == b"connection":
                self.named += tuple([token.strip(b" \t") for token in value.split(b",")])
        elif bits & CONTENT_LENGTH:
            length = int(value) if value.isdigit() and len(value) < 19 else -1
            if length < 0 or (self.length >= 0 and length != self.length):
                self.fault = "malformed content-length"
            self.length = length
        elif bits & HOST:
            self.host = value
        elif bits & EXPECT:
            self.expect = value
            return False
        else:
            if self.hop is None:
                self.hop = []
            self.hop.append((name, value))
        return True

    def headers(self) -> Headers:
        """As the headers of a message, which may be changed."""
        hop: list[Field] | None = self.hop
        return Headers.of_block(self.block, hop if hop is None else hop.copy())

    def trailers(self) -> list[Field] | None:
        """As the trailers of a message (RFC 9110 §6.5.1)."""
        return [field for field in self.fields if not learn(field[0]) & (HOP | FRAMING | HOST)] or None


class Head:
    """One field section, sorted. Shared between messages: nothing in it may be changed.

    `fault`: why the section is malformed whatever it is for, or "". The pseudo-fields that are missing are b"".
    `raw_path` and `query` are the halves of `path`; `is_odd`: a request that is not simply to be served.
    """

    __slots__ = (
        "authority",
        "fault",
        "fields",
        "is_judged",
        "is_odd",
        "is_pseudo",
        "is_too_large",
        "method",
        "path",
        "protocol",
        "query",
        "raw_path",
        "scheme",
        "status",
    )

    def __init__(self, pseudo: list[Field], fields: Fields, is_too_large: bool) -> None:
        self.method = self.scheme = self.authority = self.path = self.protocol = b""
        self.status = 0
        self.fault = ""
        self.is_too_large = is_too_large
        self.is_pseudo = bool(pseudo)
        for name, value in pseudo:
            self._take(name, value)
        if len({name for name, _ in pseudo}) != len(pseudo):
            self.fault = "a pseudo-field twice"
        self.fields = fields
        self.fault = self.fault or fields.fault
        self.is_judged = False  # as a request, and found good
        self.raw_path, mark, query = self.path.partition(b"?")
        self.query: bytes | None = query if mark else None
        self.is_odd = is_too_large or self.protocol != b"" or fields.complaint != ""

    def _take(self, name: bytes, value: bytes) -> None:
        if _has_control(value) or b"\t" in value:  # a tab parts the words of a request line for some servers
            self.fault = f"malformed value of {name!r}"
        if name == b":method":
            self.method = value
        elif name == b":path":
            self.path = value
        elif name == b":scheme":
            self.scheme = value
        elif name == b":authority":
            self.authority = value
        elif name == b":protocol":
            self.protocol = value
        elif name == b":status" and len(value) == 3 and value.isdigit() and value >= b"100":
            self.status = int(value)
        else:
            self.fault = f"malformed pseudo-field {name!r}"

    def request_fault(self) -> str:
        """Why this is not the head of a request (RFC 9113 §8.3.1, RFC 8441 §4), or ""."""
        if self.is_judged:
            return ""
        fault = self.fault or self._request_fault()
        self.is_judged = fault == ""
        return fault

    def _request_fault(self) -> str:
        if self.status or _is_no_token(self.method):
            return "malformed :method"
        if self.method == b"CONNECT":
            if self.protocol:
                return (
                    ""
                    if self.scheme in _SCHEMES and self.path[:1] == b"/" and self.authority
                    else "a pseudo-field is missing"
                )
            return "" if self.authority and not self.scheme and not self.path else "malformed CONNECT"
        if self.scheme not in _SCHEMES or self.protocol:
            return "malformed :scheme or :protocol"
        return "" if (self.path[:1] == b"/" or self.path == b"*") and b" " not in self.path else "malformed :path"

    def response_fault(self) -> str:
        """Why this is not the head of an answer (RFC 9113 §8.3.2), or ""."""
        # Fields of HTTP/1.1's connections make it malformed as well (§8.2.2), but they are left out, as net/http does:
        # servers that were written for HTTP/1.1 send them.
        if self.fault:
            return self.fault
        return "" if self.status and not (self.method or self.path or self.scheme) else "malformed :status"

    def trailers_fault(self) -> str:
        """Why this is not a trailer section (RFC 9113 §8.1), or ""."""
        return "a pseudo-field in the trailers" if self.is_pseudo else self.fault


# Others are nothing that can be asked of us; net/http refuses them as well.
_SCHEMES: Final = (b"https", b"http")
_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch


def _is_no_token(method: bytes) -> bool:
    return _TOKEN(method) is None


_known: dict[tuple[Field, ...], Fields] = {}


def read_fields(fields: tuple[Field, ...]) -> Fields:
    known = _known.get(fields)
    if known is None:
        known = Fields(fields)
        if len(known.block) <= _KNOWN_SIZE and not known.fault:
            if len(_known) >= _KNOWN_LIMIT:
                _known.clear()
            _known[fields] = known
    return known


NO_FIELDS: Final = Fields(())


class HeadDecoder:
    """Blocks of one connection to heads."""

    __slots__ = ("_bomb_size", "_hpack", "_memo", "_tails")

    def __init__(self, table_limit: int, section_limit: int) -> None:
        self._bomb_size = _BOMB_TABLES * max(table_limit, DEFAULT_TABLE_SIZE)
        self._hpack = HpackDecoder(table_limit, section_limit)
        self._memo: dict[bytes, Head] = {}
        # What follows the first field, and that field: the same for each path that a client asks for.
        self._tails: dict[tuple[bytes, Field], tuple[Fields, int]] = {}

    def decode(self, block: bytes) -> Head:
        """ConnectionFault: the connection cannot be read any further."""
        head = self._memo.get(block)
        return head if head is not None else self._decode(block)

    def let_go(self) -> None:
        """Nothing is decoded any more."""
        self._memo.clear()
        self._tails.clear()

    def _decode(self, block: bytes) -> Head:
        hpack = self._hpack
        first = hpack.decode_first(block)
        if first and first[-1][0][:1] != b":":
            fields = self._read_tail(block, first.pop())
        else:
            hpack.read_some(block, first, False)  # nothing is left, unless the section is too large already
            fields = NO_FIELDS
        if hpack.size > self._bomb_size + _BOMB_RATIO * len(block):
            raise ConnectionFault(ENHANCE_YOUR_CALM, "a field section that is far longer than its code")
        head = Head(first, fields, hpack.is_too_large)
        if hpack.is_changed:
            self._memo.clear()
            self._tails.clear()
        elif hpack.size <= _KNOWN_SIZE:
            if len(self._memo) >= _MEMO_LIMIT:
                self._memo.clear()
            self._memo[block] = head
        return head

    def _read_tail(self, block: bytes, first: Field) -> Fields:
        """The fields from `first` on, which has been read."""
        hpack = self._hpack
        key = (block[hpack.at :], first)
        size = hpack.size
        if not hpack.is_changed:
            known = self._tails.get(key)
            if known is not None and size + known[1] <= _KNOWN_SIZE:
                hpack.size = size + known[1]
                return known[0]
        rest = [first]
        hpack.read_some(block, rest, False)
        fields = read_fields(tuple(rest))
        if not hpack.is_changed and hpack.size <= _KNOWN_SIZE:
            if len(self._tails) >= _MEMO_LIMIT:
                self._tails.clear()
            self._tails[key] = (fields, hpack.size - size)
        return fields
