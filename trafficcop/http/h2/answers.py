"""Heads of answers as field sections: status, fields, Date and Content-Length (RFC 9113 §8.3.2)."""

from __future__ import annotations

from typing import Final

from trafficcop.http.h1_encode import Clock
from trafficcop.http.h2.hpack_encoder import WITHOUT_INDEXING, HpackEncoder, encode_literal
from trafficcop.http.headers import DATE
from trafficcop.http.messages import Response


class _DateField:
    """The Date field, made once a second. It gets no entry in a table: each would be of use for a second only."""

    __slots__ = ("_clock", "_coded", "_line")

    def __init__(self) -> None:
        self._clock = Clock()
        self._line = self._coded = b""

    def coded(self) -> bytes:
        line = self._clock.line()
        if line is not self._line:
            self._line = line
            self._coded = encode_literal(b"date", line[6:-2], WITHOUT_INDEXING)
        return self._coded


_date = _DateField()
_LENGTH: Final = encode_literal(b"content-length", b"", WITHOUT_INDEXING)[:-1]


def encode_answer(encoder: HpackEncoder, response: Response, length: int | None) -> bytes:
    """The head of a final answer. `length`: Content-Length, or None."""
    headers = response.headers
    parts = [encoder.response_head(response.status, headers.encode())]
    if not response.marks & DATE:
        parts.append(_date.coded())
    if length is not None:
        digits = b"%d" % length
        parts.append(b"%b%c%b" % (_LENGTH, len(digits), digits))
    if headers.hop is not None:
        parts += [
            encode_literal(b"trailer", value, WITHOUT_INDEXING)
            for name, value in headers.hop
            if name.lower() == b"trailer"
        ]
    return b"".join(parts)
