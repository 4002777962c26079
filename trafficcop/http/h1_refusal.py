"""What a request that cannot be served as it stands is told."""

from __future__ import annotations

from trafficcop.errors import Kind, ProxyError
from trafficcop.http.headers import TRANSFER_ENCODING
from trafficcop.http.messages import Request


def refusal(text: str) -> ProxyError:
    """What llhttp's complaint means to the client."""
    if text == "Invalid HTTP version":
        return ProxyError(Kind.VERSION_NOT_SUPPORTED, text)
    if "Transfer-Encoding" in text and "Content-Length" not in text:
        # RFC 9112 §6.1: a transfer coding we do not understand.
        return ProxyError(Kind.NOT_IMPLEMENTED, text)
    return ProxyError(Kind.BAD_REQUEST, text)


def apply_version(request: Request, version: str, marks: int) -> None:
    """HTTP/1.0: no keep-alive unless asked for, no chunks (RFC 9112 §6.1, §9.3). HTTP/0.9 has no head."""
    if version == "0.9":
        raise ProxyError(Kind.BAD_REQUEST, "malformed request line")
    if version[0] != "1":
        raise ProxyError(Kind.VERSION_NOT_SUPPORTED, version)
    if version != "1.0":
        return
    if marks & TRANSFER_ENCODING:
        raise ProxyError(Kind.NOT_IMPLEMENTED, "a transfer coding in HTTP/1.0")
    request.version = b"1.0"
    request.is_keep_alive = False
