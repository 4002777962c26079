"""A request that has not come whole: whether to wait for its rest, and what its client is told if it is late."""

from __future__ import annotations

from trafficcop.errors import Kind, ProxyError
from trafficcop.http.h1 import RequestDecoder
from trafficcop.http.messages import Request
from trafficcop.server import limits


def is_too_long(decoder: RequestDecoder, request: Request) -> bool:
    """Whether the connection cannot outlive an answer given now, because too much of the request may follow."""
    if not decoder.is_reading(request):
        return False
    length = request.body.length
    return request.is_expecting_continue or length is None or length > limits.DISCARD_LIMIT


def finish_body(decoder: RequestDecoder, request: Request | None) -> bool:
    """Whether the connection can be used again: the rest of a body nobody read is short enough to drop."""
    if request is None or not decoder.is_reading(request):
        return True
    if is_too_long(decoder, request):
        return False
    request.body.close()
    return True


def lateness(decoder: RequestDecoder, request: Request | None, is_started: bool) -> ProxyError | None:
    """What a client is told whose request takes too long; None: nothing, since its answer has begun, or as net/http
    does with most heads: 400 is for those only whose last line, as far as it came, is malformed."""
    if request is None:
        return ProxyError(Kind.BAD_REQUEST, "the head was cut off") if decoder.is_cut_within_line else None
    if is_started or not decoder.is_reading(request):
        return None
    return ProxyError(Kind.CLIENT_SLOW, "the request takes too long")
