"""UDP: a server that sends back what it gets, clients that ask again as soon as they are answered, and the scenario.

`python -m benches.datagrams echo PORT` and `… load PORT CLIENTS SECONDS` are the processes besides the peer.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from benches.load import Measured
from benches.measure import Bench, Row, Running
from benches.peers import Job, Peer
from benches.processes import Tree, free_port

CLIENTS = 50
_SIZE = 64
_PATIENCE = 0.2  # seconds until a client asks again
_NGINX_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")

_DYNAMIC = """udp:
  routers: {{all: {{entryPoints: [dns], service: backend}}}}
  services: {{backend: {{loadBalancer: {{servers: [{{address: "127.0.0.1:{backend}"}}]}}}}}}
"""


def udp(bench: Bench) -> dict[str, Row]:
    """UDP: 50 clients, each with a question of 64 bytes under way."""
    peers = [Peer(peer.name, command, environ=peer.environ) for peer in bench.peers if (command := _command(peer))]

    def measure(peer: Peer) -> Row:
        with bench.running(peer, first_answer=_first_answer) as running:
            _load(running, 1)
            cpu = running.tree.cpu()
            result = _load(running, bench.seconds)
            return running.row(result, running.tree.cpu() - cpu, running.tree.pss())

    with _echo() as backend:
        bench = replace(bench, backend=backend)
        return bench.rounds_of(peers, measure)


def _command(peer: Peer) -> Callable[[Job], list[str]] | None:
    """The same peer with a UDP entry point, for those that have them."""
    if peer.name == "nginx":
        return _nginx
    if not peer.can_route or "fastProxy" in peer.name:  # a client for HTTP is no matter here
        return None

    def command(job: Job) -> list[str]:
        words = peer.command(job)
        (job.directory / "dynamic.yml").write_text(_DYNAMIC.format(backend=job.backend))
        static = job.directory / "static.yml"
        text = static.read_text().replace("  web:", "  dns:").replace(f'{job.port}"', f'{job.port}/udp"')
        static.write_text(text)
        return words

    return command


def _nginx(job: Job) -> list[str]:
    path = job.directory / "nginx.conf"
    module = f"load_module {_NGINX_MODULE};" if _NGINX_MODULE.exists() else ""
    path.write_text(
        f"""{module} daemon off; worker_processes 2; pid {job.directory}/nginx.pid; error_log stderr error;
events {{ worker_connections 8192; }}
stream {{
  server {{ listen 127.0.0.1:{job.port} udp reuseport; proxy_pass 127.0.0.1:{job.backend}; proxy_timeout 3s; }}
}}
"""
    )
    return ["nginx", "-e", "stderr", "-p", str(job.directory), "-c", str(path)]


@contextlib.contextmanager
def _echo() -> Iterator[int]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "benches.datagrams", "echo", str(port)])
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


def _first_answer(tree: Tree, port: int) -> float:
    deadline = time.monotonic() + 30
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(_PATIENCE)
        sock.connect(("127.0.0.1", port))
        while time.monotonic() < deadline:
            tree.check_alive()
            try:
                sock.send(b"?")
                sock.recv(16)
            except TimeoutError:
                continue
            except ConnectionRefusedError:
                time.sleep(0.02)
                continue
            return time.monotonic()
    raise TimeoutError(f"no answer\n{tree.tail()}")


def _load(running: Running, seconds: float) -> Measured:
    words = [sys.executable, "-m", "benches.datagrams", "load", str(running.port), str(CLIENTS), str(seconds)]
    said = json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)
    return Measured(said["pairs"], said["seconds"], said["p50"], said["p99"], said["lost"])


# === the processes besides ===


def echo(port: int) -> None:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", port))
    buffer = bytearray(65536)
    view = memoryview(buffer)
    while True:
        size, sender = sock.recvfrom_into(buffer)
        sock.sendto(view[:size], sender)


def load(port: int, clients: int, seconds: float) -> dict[str, float]:
    """Ask and ask again; a question without an answer is lost, and asked again."""
    question = b"x" * _SIZE
    poll = select.epoll()
    asked: dict[int, float] = {}
    socks: dict[int, socket.socket] = {}
    for _ in range(clients):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        sock.connect(("127.0.0.1", port))
        socks[sock.fileno()] = sock
        poll.register(sock.fileno(), select.EPOLLIN)
    times: list[float] = []
    lost = 0
    began = now = time.monotonic()
    for descriptor, sock in socks.items():
        sock.send(question)
        asked[descriptor] = now
    while now < began + seconds:
        ready = poll.poll(_PATIENCE, clients)
        now = time.monotonic()
        for descriptor, _ in ready:
            sock = socks[descriptor]
            sock.recv(_SIZE)
            times.append(now - asked[descriptor])
            asked[descriptor] = now
            sock.send(question)
        if not ready:
            for descriptor, sock in socks.items():
                if now - asked[descriptor] >= _PATIENCE:
                    lost += 1
                    asked[descriptor] = now
                    sock.send(question)
    times.sort()
    at = {name: times[int(len(times) * share)] * 1e3 if times else 0.0 for name, share in (("p50", 0.5), ("p99", 0.99))}
    return {"pairs": len(times), "seconds": now - began, "lost": lost, **at}


if __name__ == "__main__":
    if sys.argv[1] == "echo":
        echo(int(sys.argv[2]))
    else:
        sys.stdout.write(json.dumps(load(int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))))
