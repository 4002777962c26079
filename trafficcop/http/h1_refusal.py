"""What the fields of a request mean for its connection and body, and what cannot be served as it stands is told."""

from __future__ import annotations

import re
from typing import Final

from trafficcop.errors import Kind, ProxyError
from trafficcop.http.h1_fields import FieldBlock
from trafficcop.http.headers import CONNECTION, EXPECT, TRANSFER_ENCODING, is_option
from trafficcop.http.messages import Request

_REQUEST_LINE: Final = re.compile(rb"[^ ]+ [^ ]+ HTTP/\d\.\d\r?")


def refusal(text: str) -> ProxyError:
    """What llhttp's complaint means to the client."""
    if text == "Invalid HTTP version":
        return ProxyError(Kind.VERSION_NOT_SUPPORTED, text)
    if "Transfer-Encoding" in text and "Content-Length" not in text:
        # RFC 9112 §6.1: a transfer coding we do not understand.
        return ProxyError(Kind.NOT_IMPLEMENTED, text)
    return ProxyError(Kind.BAD_REQUEST, text)


def is_line_malformed(head: bytes) -> bool:
    """Whether the last line of `head` is malformed if nothing follows it: net/http takes it for whole (`bufio`)."""
    start, is_past, fields = head.partition(b"\n")
    if not is_past:
        return _REQUEST_LINE.fullmatch(start) is None
    last = fields.rpartition(b"\n")[2].strip()
    return last != b"" and b":" not in last


def apply_version(request: Request, version: bytes, marks: int) -> None:
    """HTTP/1.0: no keep-alive unless asked for, no chunks (RFC 9112 §6.1, §9.3). HTTP/0.9 has no head.

    ProxyError for versions that we do not speak, and for what theirs does not have.
    """
    if version in (b"", b"HTTP/0.9") or request.method == b"PRI":
        raise ProxyError(Kind.BAD_REQUEST, "malformed request line")
    if not version.startswith(b"HTTP/1."):
        raise ProxyError(Kind.VERSION_NOT_SUPPORTED, version.decode("latin-1"))
    if version != b"HTTP/1.0":
        return
    if marks & TRANSFER_ENCODING:
        raise ProxyError(Kind.NOT_IMPLEMENTED, "a transfer coding in HTTP/1.0")
    request.version = b"1.0"
    request.is_keep_alive = False


def apply_fields(request: Request, known: FieldBlock) -> None:
    """Take from the fields what decides about the connection and the body; ProxyError for what cannot be met."""
    marks = known.marks
    if marks & TRANSFER_ENCODING and known.coding.lower() != b"chunked":
        raise ProxyError(Kind.NOT_IMPLEMENTED, "unsupported transfer coding")
    if marks & CONNECTION:
        _apply_connection(request, known.connection.lower(), known.upgrade)
    if marks & EXPECT and request.version == b"1.1":
        if known.expect.lower() != b"100-continue":
            raise ProxyError(Kind.EXPECTATION_FAILED)
        request.is_expecting_continue = True


def _apply_connection(request: Request, options: bytes, upgrade: bytes) -> None:
    if options == b"keep-alive":
        request.is_keep_alive = True
        return
    tokens = [token.strip() for token in options.split(b",")]
    if b"close" in tokens:
        request.is_keep_alive = False
    elif b"keep-alive" in tokens:
        request.is_keep_alive = True
    # RFC 9113 §3.1: the upgrade to HTTP/2 is obsolete. In a tunnel to a server its requests would pass no router.
    if b"upgrade" in tokens and upgrade and b"h2c" not in upgrade.lower():
        request.upgrade = upgrade
    # RFC 9110 §7.6.1: fields that the client names here end at this hop.
    request.connection_options = [token for token in tokens if is_option(token)]
