"""Heads that come again word for word: remembered as what they mean, so that they are not read a second time.

Clients that poll, connections that are kept alive and servers that answer alike send the same bytes again and again.
Only heads that a parser has accepted are kept, and only those that leave nothing open: no body of unknown length, no
upgrade, nothing about the connection. A head is kept when it is seen the second time: one that never comes again costs
a look and a number.
"""

from __future__ import annotations

from typing import Final

from trafficcop.http.body import EMPTY, Bytes
from trafficcop.http.h1_fields import FieldBlock
from trafficcop.http.headers import EXPECT, FRAMING, TRANSFER_ENCODING, UPGRADE, Field, Headers
from trafficcop.http.messages import Request, Response

# Others choose what is remembered, so it is little: at most 1 MiB of heads.
_LIMIT: Final = 512
_SIZE: Final = 2048


class KnownRequest:
    """A request without a body, all of whose meaning is in its head."""

    def __init__(self, request: Request, known: FieldBlock) -> None:
        self.method = request.method
        self.raw_path = request.raw_path
        self.query = request.query
        self.authority = request.authority
        self.block = known.block
        self.marks = known.marks

    def make(self) -> Request:
        """The request once more, as if it had been read."""
        request = Request(self.method, self.raw_path, self.query, Headers.of_block(self.block, None))
        request.authority = self.authority
        request.marks = self.marks
        return request


class KnownResponse:
    """An answer whose head says how long its body is, on a connection that stays open."""

    def __init__(self, status: int, known: FieldBlock) -> None:
        self.status = status
        self.length = known.length
        self.block = known.block
        self.hop = known.hop
        self.marks = known.marks

    def make(self, body: bytes) -> Response:
        hop: list[Field] | None = self.hop
        response = Response(self.status, Headers.of_block(self.block, hop if hop is None else hop.copy()), Bytes(body))
        response.marks = self.marks
        return response


_requests: dict[bytes, KnownRequest] = {}
_responses: dict[bytes, KnownResponse] = {}
_seen: set[int] = set()

# Called with the bytes of a head: what it means, or None.
known_request = _requests.get
known_response = _responses.get


def _comes_again(head: bytes) -> bool:
    if len(head) > _SIZE:
        return False
    number = hash(head)
    if number in _seen:
        return True
    if len(_seen) >= _LIMIT:
        _seen.clear()
    _seen.add(number)
    return False


def remember_request(head: bytes, request: Request, known: FieldBlock) -> None:
    """Keep a request that a decoder has made of `head`, if it is of the simple kind."""
    if known.hop is not None or known.marks & (FRAMING | EXPECT) or request.version != b"1.1":
        return
    if request.is_keep_alive and request.body is EMPTY and _comes_again(head):
        if len(_requests) >= _LIMIT:
            _requests.clear()
        _requests[head] = KnownRequest(request, known)


def remember_response(head: bytes, status: int, known: FieldBlock) -> None:
    """Keep the head of a final answer that came on a connection which can be used again."""
    if known.length < 0 or known.marks & (TRANSFER_ENCODING | UPGRADE) or known.connection not in (b"", b"keep-alive"):
        return
    if _comes_again(head):
        if len(_responses) >= _LIMIT:
            _responses.clear()
        _responses[head] = KnownResponse(status, known)
