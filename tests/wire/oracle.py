"""The reference engine: requests as h11 reads them, whole and one after the other.

Where h11 forgives more than a proxy may (bare LF, folded lines, lists of lengths, a length beside a transfer coding),
the head is refused here before h11 sees it.
"""

from __future__ import annotations

import re

import h11

from tests.wire.source import Outcome, Read

_TOKEN = rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+"
_START = re.compile(_TOKEN + rb" +[^\x00-\x20\x7f]+ +HTTP/\d\.\d")  # llhttp takes more than one space; h11 gets one
_FIELD = re.compile(_TOKEN + rb":[\t \x21-\x7e\x80-\xff]*")
_LENGTH = re.compile(rb"content-length:[ \t]*\d{1,18}[ \t]*", re.IGNORECASE)
_CHUNKED = re.compile(rb"transfer-encoding:[ \t]*chunked[ ]*", re.IGNORECASE)
_HOP = (b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"proxy-connection")
_DROPPED = (*_HOP, b"proxy-authenticate", b"proxy-authorization", b"content-length", b"host")


def is_strict(head: bytes) -> bool:
    start, *lines = head.split(b"\r\n")
    framing = [line for line in lines if line.lower().startswith((b"content-length:", b"transfer-encoding:"))]
    return (
        _START.fullmatch(start) is not None
        and all(_FIELD.fullmatch(line) for line in lines)
        and len(framing) <= 1
        and all(_LENGTH.fullmatch(line) or _CHUNKED.fullmatch(line) for line in framing)
    )


def read_by_h11(data: bytes) -> Outcome:
    """`status` is 400 for whatever is refused."""
    outcome = Outcome()
    while data := data.lstrip(b"\r\n"):
        head, end, _ = data.partition(b"\r\n\r\n")
        if not end:
            return outcome
        if not is_strict(head):
            outcome.status = 400
            return outcome
        start, mark, rest = data.partition(b"\r\n")
        connection = h11.Connection(h11.SERVER)
        connection.receive_data(b" ".join(start.split()) + mark + rest)
        try:
            message = _read_one(connection)
        except h11.RemoteProtocolError:
            outcome.status = 400
            return outcome
        if message is None:
            return outcome
        outcome.messages.append(message)
        if not message.is_keep_alive:
            return outcome
        data = connection.trailing_data[0]
    return outcome


def _read_one(connection: h11.Connection) -> Read | None:
    request = connection.next_event()
    if not isinstance(request, h11.Request):
        return None
    body = b""
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            break
        else:
            return None
    host = next((value for name, value in request.headers if name == b"host"), b"")
    tokens = b",".join(value for name, value in request.headers if name == b"connection").lower().split(b",")
    options = [token.strip() for token in tokens]
    is_old = request.http_version == b"1.0"
    return Read(
        (request.method, request.target, host, b"1.0" if is_old else b"1.1"),
        [(name, value) for name, value in request.headers.raw_items() if name.lower() not in _DROPPED],
        body,
        True,
        [(name, value) for name, value in event.headers.raw_items() if name.lower() not in _DROPPED],
        b"close" not in options and (not is_old or b"keep-alive" in options),
    )
