"""TCP: a server that echoes or pours, clients of three kinds, and the scenario.

`python -m benches.streams serve PORT` and `… connect|pour|hold …` are the processes besides the peer.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from benches.measure import Bench, Row
from benches.peers import Job, Peer
from benches.processes import Tree, free_port

_AT_ONCE = 32  # connections that are being opened at the same time
_POURING = 8  # streams at the same time
_PIECE = 1 << 18
_NGINX_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")

_DYNAMIC = """tcp:
  routers: {{all: {{entryPoints: [web], rule: "HostSNI(`*`)", service: backend}}}}
  services: {{backend: {{loadBalancer: {{servers: [{{address: "127.0.0.1:{backend}"}}]}}}}}}
"""


def tcp(bench: Bench) -> dict[str, Row]:
    """TCP: connections that say one byte, gigabytes from the server, and open streams that say nothing."""
    peers = [Peer(peer.name, command, environ=peer.environ) for peer in bench.peers if (command := _command(peer))]
    # A stream is two descriptors of the peer, which may be one process.
    held = 1000 if bench.is_quick else min(10_000, _descriptors() // 2 - 500)

    def measure(peer: Peer) -> Row:
        with bench.running(peer, first_answer=_first_answer) as running:
            port, tree = str(running.port), running.tree
            _client("connect", port, "1")
            cpu = tree.cpu()
            opened = _client("connect", port, str(bench.seconds))
            connecting = tree.cpu() - cpu
            _client("pour", port, "0.5")
            cpu = tree.cpu()
            poured = _client("pour", port, str(bench.seconds))
            pouring = tree.cpu() - cpu
            time.sleep(0.5)
            before = tree.pss()
            with _holding(port, held):
                grown = tree.pss() - before
            return {
                "conn_us": connecting * 1e6 / opened["count"],
                "cps": opened["count"] / opened["seconds"],
                "gb_s": pouring / (poured["count"] / 1e9),
                "gbps": poured["count"] / 1e9 / poured["seconds"],
                "stream_kb": grown / held / 1e3,
                "pss_mib": before / (1 << 20),
                "failed": opened["failed"],
            }

    with _serving() as backend:
        bench = replace(bench, backend=backend)
        return bench.rounds_of(peers, measure)


# === the same peers, as they relay TCP ===


def _command(peer: Peer) -> Callable[[Job], list[str]] | None:
    if peer.name == "nginx":
        return _nginx
    if peer.name == "haproxy":
        return _haproxy
    if not peer.can_route or "fastProxy" in peer.name:  # a client for HTTP is no matter here
        return None

    def command(job: Job) -> list[str]:
        words = peer.command(job)
        (job.directory / "dynamic.yml").write_text(_DYNAMIC.format(backend=job.backend))
        return words

    return command


def _nginx(job: Job) -> list[str]:
    path = job.directory / "nginx.conf"
    module = f"load_module {_NGINX_MODULE};" if _NGINX_MODULE.exists() else ""
    path.write_text(
        f"""{module} daemon off; worker_processes 2; pid {job.directory}/nginx.pid; error_log stderr error;
events {{ worker_connections 32768; }}
stream {{ server {{ listen 127.0.0.1:{job.port} reuseport; proxy_pass 127.0.0.1:{job.backend}; }} }}
"""
    )
    return ["nginx", "-e", "stderr", "-p", str(job.directory), "-c", str(path)]


def _haproxy(job: Job) -> list[str]:
    path = job.directory / "haproxy.cfg"
    path.write_text(
        f"""global
  nbthread 2
  maxconn {_descriptors() // 2 - 200}
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen web
  bind 127.0.0.1:{job.port}
  server one 127.0.0.1:{job.backend}
"""
    )
    return ["haproxy", "-db", "-f", str(path)]


def _descriptors() -> int:
    import resource

    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


@contextlib.contextmanager
def _serving() -> Iterator[int]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "benches.streams", "serve", str(port)])
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


def _first_answer(tree: Tree, port: int) -> float:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        tree.check_alive()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as client:
            client.sendall(b"?")
            if client.recv(1) == b"?":
                return time.monotonic()
        time.sleep(0.02)
    raise TimeoutError(f"no answer\n{tree.tail()}")


def _client(*words: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benches.streams", *words]
    said: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return said


@contextlib.contextmanager
def _holding(port: str, count: int) -> Iterator[None]:
    """So many streams are open, each of which has been used once."""
    command = [sys.executable, "-m", "benches.streams", "hold", port, str(count)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        if process.stdout is None or process.stdout.readline() != b"open\n":
            raise RuntimeError("the streams could not be opened")
        time.sleep(0.5)
        yield
    finally:
        if process.stdin is not None:
            process.stdin.close()
        process.wait()


# === the processes besides ===


def serve(port: int) -> None:
    """Echo; a connection that begins with G gets as much as it takes."""
    import asyncio

    import uvloop

    piece = b"x" * _PIECE

    class Server(asyncio.Protocol):
        transport: asyncio.Transport
        is_pouring = False
        is_paused = False

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport  # type: ignore[assignment]

        def data_received(self, data: bytes) -> None:
            if data.startswith(b"G"):
                self.is_pouring = True
                self.pour()
            elif not self.is_pouring:
                self.transport.write(data)

        def pour(self) -> None:
            while self.is_pouring and not self.is_paused and not self.transport.is_closing():
                self.transport.write(piece)

        def pause_writing(self) -> None:
            self.is_paused = True

        def resume_writing(self) -> None:
            self.is_paused = False
            self.pour()

    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", port, backlog=4096)
        await server.serve_forever()

    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(main())


def connect(port: int, seconds: float) -> dict[str, float]:
    """Open a connection, say a byte, hear it, close; again and again, so many at the same time."""
    poll = select.epoll()
    open_ones: dict[int, socket.socket] = {}

    def begin() -> None:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        sock.connect_ex(("127.0.0.1", port))
        open_ones[sock.fileno()] = sock
        poll.register(sock.fileno(), select.EPOLLOUT)

    for _ in range(_AT_ONCE):
        begin()
    count = failed = 0
    began = now = time.monotonic()
    while now - began < seconds:
        for descriptor, events in poll.poll(0.1):
            sock = open_ones[descriptor]
            if events == select.EPOLLOUT:
                sock.send(b"x")
                poll.modify(descriptor, select.EPOLLIN)
                continue
            try:
                is_good = sock.recv(2) == b"x"
            except OSError:
                is_good = False
            count += is_good
            failed += not is_good
            sock.close()
            del open_ones[descriptor]
            begin()
        now = time.monotonic()
    return {"count": count, "failed": failed, "seconds": now - began}


def pour(port: int, seconds: float) -> dict[str, float]:
    """Read as fast as it goes from a few streams; the bytes that came."""
    counts = [0] * _POURING
    end = time.monotonic() + seconds

    def read(number: int) -> None:
        buffer = bytearray(_PIECE)
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall(b"G")
            while time.monotonic() < end:
                counts[number] += sock.recv_into(buffer)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(_POURING)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"count": float(sum(counts)), "seconds": seconds}


def hold(port: int, count: int) -> None:
    """Open so many streams and use each once; keep them until the standard input ends."""
    socks = []
    for _ in range(count):
        sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        sock.sendall(b"x")
        sock.recv(1)
        socks.append(sock)
    sys.stdout.write("open\n")
    sys.stdout.flush()
    sys.stdin.read()


def main(words: list[str]) -> None:
    what, port, *more = words
    if what == "serve":
        serve(int(port))
    elif what == "hold":
        hold(int(port), int(more[0]))
    else:
        sys.stdout.write(json.dumps((connect if what == "connect" else pour)(int(port), float(more[0]))))


if __name__ == "__main__":
    main(sys.argv[1:])
