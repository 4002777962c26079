"""How pushed metrics leave: datagrams, Unix sockets, HTTP. All of it blocks, and raises OSError or ValueError."""

from __future__ import annotations

import errno
import http.client
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from urllib.parse import urlencode

DEFAULT_PORT = 8125
_SECONDS = 10.0
# A receiver that reads one datagram after the other is given the time to.
_BURST = 32
_PAUSE = 0.001
# InfluxDB takes 5,000 lines at a time best, by its own account.
_LINES = 5000


def send_datagrams(address: str, data: Iterable[bytes]) -> None:
    """Over UDP to `host:port`."""
    host, _, port = address.rpartition(":")
    family, kind, _, _, target = socket.getaddrinfo(host.strip("[]") or "localhost", port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind) as sock:
        sock.settimeout(_SECONDS)
        for number, packet in enumerate(data, 1):
            sock.sendto(packet, target)
            if not number % _BURST:
                time.sleep(_PAUSE)


def send_local(path: str, data: Iterable[bytes], scheme: str) -> None:
    """To a Unix socket; with the scheme `unix` it may be of either kind."""
    kind = socket.SOCK_STREAM if scheme == "unixstream" else socket.SOCK_DGRAM
    try:
        _send_local(path, data, kind)
    except OSError as error:
        if scheme != "unix" or error.errno != errno.EPROTOTYPE:
            raise
        _send_local(path, data, socket.SOCK_STREAM)


def _send_local(path: str, data: Iterable[bytes], kind: int) -> None:
    with socket.socket(socket.AF_UNIX, kind) as sock:
        sock.settimeout(_SECONDS)
        sock.connect(path)
        for packet in data:
            sock.sendall(packet)


def write_url(address: str, org: str, bucket: str) -> str:
    """Where InfluxDB 2 takes lines."""
    query = urlencode({"bucket": bucket, "org": org, "precision": "ns"})
    return f"{address.rstrip('/')}/api/v2/write?{query}"


def post(url: str, token: str, lines: Iterable[str]) -> None:
    """Lines to InfluxDB, some thousands at a time; OSError for the first batch that it does not take."""
    headers = {
        "Authorization": f"Token {token}",
        "Content-Type": "text/plain; charset=utf-8",
        "User-Agent": "trafficcop",
    }
    batch: list[str] = []
    for line in lines:
        batch.append(line)
        if len(batch) == _LINES:
            _post(url, headers, batch)
            batch = []
    if batch:
        _post(url, headers, batch)


def _post(url: str, headers: dict[str, str], lines: list[str]) -> None:
    request = urllib.request.Request(url, "\n".join(lines).encode(), headers, method="POST")  # noqa: S310 - given
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS):  # noqa: S310
            pass  # what is not a success is raised
    except urllib.error.HTTPError as error:
        error.close()
        raise OSError(f"{error.code} {error.reason}") from None
    except http.client.HTTPException as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
