"""gRPC, unary, in plain: h2load calls; the server behind is nginx, which answers with a message and trailers."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benches.h2load import LONE, SHARED, load
from benches.load import Wanted
from benches.measure import Bench, Row, Running
from benches.peers import Job, Peer
from benches.processes import Tree, free_port

_HOST = Wanted().host
_MESSAGE = b"\0\0\0\0\x20" + b"m" * 32
_FIELDS = ("content-type: application/grpc", "te: trailers", "user-agent: grpc-python/1.60.0", "grpc-timeout: 10S")

_DYNAMIC = """http:
  routers: {{all: {{entryPoints: [web], rule: "Host(`{host}`)", service: backend}}}}
  services: {{backend: {{loadBalancer: {{servers: [{{url: "h2c://127.0.0.1:{backend}"}}]}}}}}}
"""


def grpc(bench: Bench) -> dict[str, Row]:
    """gRPC: unary calls of 37 bytes, in plain, many to a connection and one; HTTP/2 on both sides."""
    with _serving() as backend:
        peers = [
            Peer(peer.name, command, environ=peer.environ)
            for peer in bench.peers
            if (command := _command(peer, backend)) is not None
        ]

        def measure(peer: Peer) -> Row:
            with bench.running(peer, first_answer=_first_answer) as running:
                shared = load(running, SHARED, bench.seconds, _words(running))
                return {
                    **shared,
                    "lone_us": load(running, LONE, bench.seconds, _words(running))["cpu_us"],
                    "pss_mib": running.tree.pss() / (1 << 20),
                }

        return bench.rounds_of(peers, measure)


def _words(running: Running) -> list[str]:
    path = running.job.directory / "message"
    path.write_bytes(_MESSAGE)
    words = ["-ph2c", "-d", str(path)]
    for field in _FIELDS:
        words += ["-H", field]
    return [*words, f"http://{_HOST}/bench.Echo/Unary"]


def _first_answer(tree: Tree, port: int) -> float:
    command = ["curl", "-s", "-o", "/dev/null", "--http2-prior-knowledge", "-H", f"Host: {_HOST}", "-d", "x"]
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        tree.check_alive()
        words = [*command, "-w", "%{http_code}", f"http://127.0.0.1:{port}/"]
        if subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False).stdout == "200":
            return time.monotonic()
        time.sleep(0.05)
    raise TimeoutError(f"no answer\n{tree.tail()}")


@contextlib.contextmanager
def _serving() -> Iterator[int]:
    """The server behind: its port."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        directory, port = Path(name), free_port()
        directory.chmod(0o755)
        location = """location / {
      default_type application/grpc; add_trailer grpc-status 0; add_trailer grpc-message "";
      return 200 "0123456789012345678901234567890123456";
    }"""
        tree = Tree(_nginx(directory, port, location), directory / "log")
        try:
            _first_answer(tree, port)
            yield port
        finally:
            tree.end()


# === the same peers, with a server that speaks HTTP/2 ===


def _command(peer: Peer, backend: int) -> Callable[[Job], list[str]] | None:
    if peer.name == "nginx":

        def relay(job: Job) -> list[str]:
            location = "location / { grpc_pass grpc://backend; grpc_set_header Host $host; }"
            return _nginx(job.directory, job.port, location, backend)

        return relay
    if not peer.can_route or "fastProxy" in peer.name:
        return None

    def command(job: Job) -> list[str]:
        words = peer.command(job)
        (job.directory / "dynamic.yml").write_text(_DYNAMIC.format(host=_HOST, backend=backend))
        return words

    return command


def _nginx(directory: Path, port: int, location: str, backend: int = 0) -> list[str]:
    upstream = f"upstream backend {{ server 127.0.0.1:{backend}; keepalive 64; keepalive_requests 1000000000; }}"
    path = directory / "nginx.conf"
    path.write_text(
        f"""daemon off; worker_processes 2; pid {directory}/nginx.pid; error_log stderr error;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 1000000000; http2_max_concurrent_streams 250;
  client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fcgi; uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
  {upstream if backend else ""}
  server {{ listen 127.0.0.1:{port} http2 reuseport; {location} }}
}}
"""
    )
    return ["nginx", "-e", "stderr", "-p", str(directory), "-c", str(path)]
