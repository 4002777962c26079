"""One HTTP/1.1 connection of the server: httptools reads, one task answers in order."""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

import httptools

from trafficcop.whoami.pages import Fields, Page, Pages, Visit
from trafficcop.whoami.websocket import Echo

_PIPELINED = 16
_BODY_LIMIT = 64 << 20


class Connection(asyncio.Protocol):
    """Feeds the parser; what it has read to the end waits in a short queue for the task."""

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        self.parser = httptools.HttpRequestParser(self)
        self.visits: asyncio.Queue[Visit | None] = asyncio.Queue()
        self.writable = asyncio.Event()
        self.writable.set()
        self.echo: Echo | None = None
        self.target = b""
        self.fields: Fields = []
        self.body = bytearray()

    # What asyncio calls.

    def connection_made(self, transport: Any) -> None:
        self.transport: asyncio.Transport = transport
        host, port, *_ = transport.get_extra_info("peername")
        self.peer = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.task = asyncio.get_running_loop().create_task(self.answer_all())

    def data_received(self, data: bytes) -> None:
        if self.echo is not None:
            self.echo.receive(data)
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.start_echo(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self.transport.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self.transport.close()
        else:
            if self.visits.qsize() >= _PIPELINED:
                self.transport.pause_reading()

    def eof_received(self) -> bool:
        self.visits.put_nowait(None)
        return True  # what was asked before the end is still answered

    def connection_lost(self, error: Exception | None) -> None:
        self.writable.set()
        self.task.cancel()

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    # What httptools calls.

    def on_message_begin(self) -> None:
        self.target, self.fields, self.body = b"", [], bytearray()

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))

    def on_headers_complete(self) -> None:
        if any(name.lower() == b"expect" and value.lower() == b"100-continue" for name, value in self.fields):
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, data: bytes) -> None:
        if len(self.body) + len(data) > _BODY_LIMIT:
            raise ValueError("the body is too long to be shown")
        self.body += data

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade() and self.target.partition(b"?")[0] == b"/echo":
            return
        self.visits.put_nowait(self.visit())

    def visit(self) -> Visit:
        return Visit(
            self.parser.get_method(),
            self.target,
            self.parser.get_http_version(),
            self.fields,
            self.peer,
            bytes(self.body),
            self.parser.should_keep_alive(),
        )

    def start_echo(self, rest: bytes) -> None:
        """The parser has met an Upgrade: `/echo` becomes a WebSocket, elsewhere the wish is ignored (RFC 9110 §7.8)."""
        if self.target.partition(b"?")[0] != b"/echo":
            self.parser = httptools.HttpRequestParser(self)
            if rest:
                self.data_received(rest)
            return
        self.echo = Echo(self.transport, self.fields, self.target)
        if rest:
            self.echo.receive(rest)

    # The task.

    async def answer_all(self) -> None:
        is_open = True
        while is_open:
            visit = await self.visits.get()
            if visit is None:
                break
            await self.send(visit, await self.pages.answer(visit))
            is_open = visit.is_keep_alive
            if self.visits.empty():
                self.transport.resume_reading()
        if self.echo is None:
            self.transport.close()

    async def send(self, visit: Visit, page: Page) -> None:
        is_chunked = page.stream is not None and page.length is None and visit.version != "1.0"
        if page.stream is not None and page.length is None and not is_chunked:
            visit.is_keep_alive = False
        head = _head(visit, page, is_chunked)
        if visit.method == b"HEAD" or page.stream is None:
            self.transport.write(head if visit.method == b"HEAD" else head + page.content)
            return
        self.transport.write(head)
        async for data in page.stream:
            await self.writable.wait()
            self.transport.write(b"%x\r\n%s\r\n" % (len(data), data) if is_chunked else data)
        if is_chunked:
            self.transport.write(b"0\r\n\r\n")


def _head(visit: Visit, page: Page, is_chunked: bool) -> bytes:
    fields: Fields = [(b"Date", formatdate(usegmt=True).encode()), *page.fields]
    if page.content or page.stream is not None:
        fields.append((b"Content-Type", page.kind))
    if is_chunked:
        fields.append((b"Transfer-Encoding", b"chunked"))
    elif page.stream is None or page.length is not None:
        fields.append((b"Content-Length", b"%d" % (len(page.content) if page.length is None else page.length)))
    if not visit.is_keep_alive:
        fields.append((b"Connection", b"close"))
    elif visit.version == "1.0":
        fields.append((b"Connection", b"keep-alive"))
    lines = [b"%s: %s\r\n" % pair for pair in fields]
    return b"HTTP/1.1 %d %s\r\n%s\r\n" % (page.status, _reason(page.status), b"".join(lines))


def _reason(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b"Unassigned"
