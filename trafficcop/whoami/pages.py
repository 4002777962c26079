"""What the server answers on each path."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qs

Fields = list[tuple[bytes, bytes]]

_UNITS = {"": 1, "B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}
_WAIT = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0}
_LETTERS = b"-ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_CHUNK = _LETTERS * 2428  # just under 64 KiB
_EVENTS = 5


@dataclass(slots=True)
class Visit:
    """One request, its body read to the end."""

    method: bytes
    target: bytes
    version: str
    fields: Fields
    peer: str
    body: bytes = b""
    is_keep_alive: bool = True

    @property
    def path(self) -> str:
        return self.target.partition(b"?")[0].decode("latin-1")

    @property
    def query(self) -> dict[str, str]:
        text = self.target.partition(b"?")[2].decode("latin-1")
        return {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}

    def get(self, name: bytes) -> bytes:
        """The first value of a field, b"" when there is none."""
        return next((value for key, value in self.fields if key.lower() == name), b"")


@dataclass(slots=True)
class Page:
    """An answer: its content is known at once, or comes in pieces (of `length` bytes altogether, None: unknown)."""

    content: bytes = b""
    status: int = 200
    kind: bytes = b"text/plain; charset=utf-8"
    stream: AsyncIterator[bytes] | None = None
    length: int | None = None
    fields: Fields = field(default_factory=list)


class Pages:
    """The answers of one server, which has a name, the addresses of its machine and a health of its own."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.hostname = socket.gethostname()
        self.addresses = tuple(_addresses(self.hostname))
        self.health = 200

    async def answer(self, visit: Visit) -> Page:
        match visit.path:
            case "/bench":
                return Page(b"1")
            case "/api":
                return Page(self.describe(visit), kind=b"application/json")
            case "/health":
                return self.answer_health(visit)
            case "/data":
                return _data(visit)
            case "/sse":
                return Page(stream=_events(), kind=b"text/event-stream", fields=[(b"Cache-Control", b"no-cache")])
            case _:
                await _wait(visit.query.get("wait", ""))
                return Page(self.echo(visit))

    def echo(self, visit: Visit) -> bytes:
        """The machine, then the request as it came in: Host first, the other fields sorted by name, then the body."""
        lines = [f"Name: {self.name}"] if self.name else []
        lines.append(f"Hostname: {self.hostname}")
        lines.extend(f"IP: {address}" for address in self.addresses)
        lines.append(f"RemoteAddr: {visit.peer}")
        about = "".join(f"{line}\n" for line in lines).encode()
        start = b"%s %s HTTP/%s\r\n" % (visit.method, visit.target, visit.version.encode())
        head = b"".join(b"%s: %s\r\n" % (_canonical(name), value) for name, value in _in_order(visit.fields))
        return b"%s%s%s\r\n%s" % (about, start, head, visit.body)

    def describe(self, visit: Visit) -> bytes:
        headers: dict[str, list[str]] = {}
        for name, value in _in_order(visit.fields):
            if name.lower() != b"host":
                headers.setdefault(_canonical(name).decode("latin-1"), []).append(value.decode("latin-1"))
        document: dict[str, object] = {
            "hostname": self.hostname,
            "ip": list(self.addresses),
            "headers": headers,
            "url": visit.target.decode("latin-1"),
            "host": visit.get(b"host").decode("latin-1"),
            "method": visit.method.decode("latin-1"),
        }
        if self.name:
            document["name"] = self.name
        document["remoteAddr"] = visit.peer
        return json.dumps(document, separators=(",", ":")).encode() + b"\n"

    def answer_health(self, visit: Visit) -> Page:
        """GET tells the health as a status; POST sets it to the number in the body."""
        if visit.method != b"POST":
            return Page(status=self.health)
        text = visit.body.strip()
        if not text.isdigit() or not 200 <= int(text) <= 599:
            return Page(b"a status between 200 and 599 is expected\n", status=400)
        self.health = int(text)
        return Page()


def _addresses(hostname: str) -> Iterator[str]:
    yield "127.0.0.1"
    try:
        found = socket.getaddrinfo(hostname, None, type=socket.SOCK_STREAM)
    except OSError:  # a machine that does not know its own name has nothing more to show
        return
    yield from sorted({str(address[0]) for *_, address in found} - {"127.0.0.1"})


def _canonical(name: bytes) -> bytes:
    return b"-".join(part.capitalize() for part in name.split(b"-"))


def _in_order(fields: Fields) -> Fields:
    return sorted(fields, key=lambda pair: (pair[0].lower() != b"host", pair[0].lower()))


async def _wait(text: str) -> None:
    if match := _WAIT.fullmatch(text):
        await asyncio.sleep(float(match[1]) * _SECONDS[match[2]])


def _data(visit: Visit) -> Page:
    """`size` units of letters between two bars, made while they are sent."""
    query = visit.query
    size, unit = query.get("size", "1"), query.get("unit", "").upper()
    if not size.isdigit() or unit not in _UNITS:
        return Page(b"/data?size=NUMBER&unit=B|KB|MB|GB|TB\n", status=400)
    length = int(size) * _UNITS[unit]
    page = Page(stream=_letters(length), length=length)
    if query.get("attachment", "").lower() in {"1", "t", "true"}:
        page.fields.append((b"Content-Disposition", b"attachment; filename=data.txt"))
    return page


async def _letters(length: int) -> AsyncIterator[bytes]:
    if length < 2:
        yield b"|" * length
        return
    yield b"|"
    left = length - 2
    while left > 0:
        yield _CHUNK[:left]
        left -= len(_CHUNK)
    yield b"|"


async def _events() -> AsyncIterator[bytes]:
    """A few server-sent events, so that one can see whether each arrives when it was sent."""
    for number in range(1, _EVENTS + 1):
        yield b"id: %d\ndata: event %d of %d\n\n" % (number, number, _EVENTS)
        await asyncio.sleep(0.1)
