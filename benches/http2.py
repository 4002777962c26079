"""HTTP/2 over TLS: h2load asks for small answers, curl uploads; the server behind speaks HTTP/1.1."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from benches.h2load import LONE, SHARED, load
from benches.load import FIELDS, Wanted
from benches.measure import Bench, Row, Running
from benches.peers import Job, Peer
from benches.processes import Tree

_HOST = Wanted().host
_UPLOAD = 100 << 20

_DYNAMIC = """tls:
  stores: {{default: {{defaultCertificate: {{certFile: {directory}/cert.pem, keyFile: {directory}/key.pem}}}}}}
http:
  routers: {{all: {{entryPoints: [web], rule: "Host(`{host}`)", service: backend, tls: {{}}}}}}
  services: {{backend: {{loadBalancer: {{servers: [{{url: "http://127.0.0.1:{backend}"}}]}}}}}}
"""


def http2(bench: Bench) -> dict[str, Row]:
    """HTTP/2 over TLS: small answers, many streams to a connection and one, and 100 MiB up on one stream."""
    peers = [Peer(peer.name, command, environ=peer.environ) for peer in bench.peers if (command := secured(peer))]

    def measure(peer: Peer) -> Row:
        with bench.running(peer, first_answer=_first_answer) as running:
            shared = load(running, SHARED, bench.seconds, _words())
            return {
                **shared,
                "lone_us": load(running, LONE, bench.seconds, _words())["cpu_us"],
                "up_mb_s": _upload(running, "--http2"),
                "up1_mb_s": _upload(running, "--http1.1"),
                "pss_mib": running.tree.pss() / (1 << 20),
            }

    return bench.rounds_of(peers, measure)


def _words() -> list[str]:
    words = []
    for name, value in FIELDS.items():
        if name != "Connection":  # HTTP/2 has none
            words += ["-H", f"{name.lower()}: {value}"]
    return [*words, f"https://{_HOST}/"]


def _upload(running: Running, version: str) -> float:
    """MB/s, the best of a few: the client is busy as well, and on the same processors."""
    path = running.job.directory / "upload"
    with path.open("wb") as file:
        file.truncate(_UPLOAD)
    form = "%{http_code} %{time_total}"
    found = []
    for _ in range(5):
        code, seconds = curl(running.port, version, "-H", "Expect:", "-T", str(path), "-w", form).split()
        if code != "200":
            raise RuntimeError(f"an upload was answered with {code}\n{running.tree.tail()}")
        found.append(_UPLOAD / 1e6 / float(seconds))
    return max(found)


def curl(port: int, *words: str) -> str:
    command = ["curl", "-sk", "-o", "/dev/null", "--resolve", f"{_HOST}:{port}:127.0.0.1", *words]
    return subprocess.run([*command, f"https://{_HOST}:{port}/"], stdout=subprocess.PIPE, text=True, check=False).stdout


def _first_answer(tree: Tree, port: int) -> float:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        tree.check_alive()
        if curl(port, "--http2", "-w", "%{http_version} %{http_code}") == "2 200":
            return time.monotonic()
        time.sleep(0.05)
    raise TimeoutError(f"no answer by HTTP/2\n{tree.tail()}")


# === the same peers, with TLS ===


def secured(peer: Peer) -> Callable[[Job], list[str]] | None:
    """How a peer is started with TLS on its port; None: not here."""
    if peer.name == "nginx":
        return _nginx
    if not peer.can_route or "fastProxy" in peer.name:
        return None

    def command(job: Job) -> list[str]:
        _make_certificate(job.directory)
        words = peer.command(job)
        text = _DYNAMIC.format(directory=job.directory, host=_HOST, backend=job.backend)
        (job.directory / "dynamic.yml").write_text(text)
        return words

    return command


def _make_certificate(directory: Path) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += [
        "-keyout",
        f"{directory}/key.pem",
        "-out",
        f"{directory}/cert.pem",
        "-days",
        "2",
        "-subj",
        f"/CN={_HOST}",
    ]
    subprocess.run([*command, "-addext", f"subjectAltName=DNS:{_HOST}"], check=True, stderr=subprocess.DEVNULL)


def _nginx(job: Job) -> list[str]:
    _make_certificate(job.directory)
    path = job.directory / "nginx.conf"
    path.write_text(
        f"""daemon off; worker_processes 2; pid {job.directory}/nginx.pid; error_log stderr error;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 1000000000; client_max_body_size 0; proxy_request_buffering off;
  client_body_temp_path {job.directory}/body; proxy_temp_path {job.directory}/proxy;
  fastcgi_temp_path {job.directory}/fcgi; uwsgi_temp_path {job.directory}/uwsgi; scgi_temp_path {job.directory}/scgi;
  upstream backend {{ server 127.0.0.1:{job.backend}; keepalive 128; keepalive_requests 1000000000; }}
  server {{
    listen 127.0.0.1:{job.port} ssl http2 reuseport; server_name {_HOST};
    ssl_certificate {job.directory}/cert.pem; ssl_certificate_key {job.directory}/key.pem;
    ssl_protocols TLSv1.2 TLSv1.3;
    location / {{
      proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $host; proxy_set_header X-Real-Ip $remote_addr;
    }}
  }}
}}
"""
    )
    return ["nginx", "-e", "stderr", "-p", str(job.directory), "-c", str(path)]
