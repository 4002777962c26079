"""Clients: wrk for load, plain sockets for what wrk cannot do."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

FIELDS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "en-US,en;q=0.5",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Cookie": "session=0123456789abcdef0123456789abcdef; theme=dark",
    "Connection": "keep-alive",
}

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)

_SCRIPT = """
wrk.method = "%(method)s"
if %(body)d > 0 then wrk.body = string.rep("x", %(body)d) end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\\n{"requests":%%d,"micros":%%d,"bytes":%%d,"p50":%%d,"p99":%%d,"failed":%%d}\\n',
    summary.requests, summary.duration, summary.bytes, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for, and how hard."""

    path: str = "/"
    host: str = "bench.example.com"
    body: int = 0
    connections: int = 64
    scheme: str = "http"


@dataclass(frozen=True, slots=True)
class Measured:
    """What wrk saw."""

    requests: int
    seconds: float
    p50: float
    p99: float
    failed: int


class Load:
    """wrk, running; `result` waits for its end."""

    def __init__(self, directory: Path, port: int, wanted: Wanted, seconds: float) -> None:
        script = directory / "wrk.lua"
        script.write_text(_SCRIPT % {"method": "POST" if wanted.body else "GET", "body": wanted.body})
        command = ["wrk", "-t1", f"-c{wanted.connections}", f"-d{seconds:.0f}s", "--timeout", "10s", "-s", str(script)]
        for name, value in {"Host": wanted.host, **FIELDS}.items():
            command += ["-H", f"{name}: {value}"]
        command.append(f"{wanted.scheme}://127.0.0.1:{port}{wanted.path}")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def result(self) -> Measured:
        output, _ = self.process.communicate()
        lines = [line for line in output.splitlines() if line.startswith("{")]
        if not lines:
            raise RuntimeError(f"wrk: {output}")
        data = json.loads(lines[-1])
        return Measured(data["requests"], data["micros"] / 1e6, data["p50"] / 1e3, data["p99"] / 1e3, data["failed"])


def ask(port: int, wanted: Wanted, *, keep: socket.socket | None = None) -> tuple[int, bytes]:
    """One request for a small answer; its status (0: none came) and the answer, head and all."""
    fields = {"Host": wanted.host, **FIELDS}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    data = f"GET {wanted.path} HTTP/1.1\r\n{head}\r\n".encode()
    if keep is not None:
        return _exchange(keep, data)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            return _exchange(client, data)
    except OSError:
        return 0, b""


def _exchange(client: socket.socket, data: bytes) -> tuple[int, bytes]:
    client.sendall(data)
    answer = b""
    while not _is_complete(answer):
        more = client.recv(65536)
        if not more:
            break
        answer += more
    return (int(answer[9:12]), answer) if len(answer) > 12 else (0, b"")


def _is_complete(answer: bytes) -> bool:
    head, end, content = answer.partition(b"\r\n\r\n")
    match = _LENGTH.search(head)
    if match is None:
        return bool(end) and content.endswith(b"0\r\n\r\n")
    return bool(end) and len(content) >= int(match[1])


def wait_for(port: int, wanted: Wanted, seconds: float = 30.0) -> float:
    """Ask until the answer is 200; the moment of it (monotonic)."""
    deadline = time.monotonic() + seconds
    while ask(port, wanted)[0] != 200:
        if time.monotonic() > deadline:
            raise TimeoutError(f"no answer on port {port} within {seconds} s")
        time.sleep(0.002)
    return time.monotonic()
