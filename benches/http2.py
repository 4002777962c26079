"""HTTP/2 over TLS: h2load asks for small answers, curl uploads; the server behind speaks HTTP/1.1."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from benches.load import FIELDS, Wanted
from benches.measure import Bench, Row, Running
from benches.peers import Job, Peer
from benches.processes import Tree

_HOST = Wanted().host
_UPLOAD = 100 << 20
# As many connections and requests at the same time on each: a few busy browsers, and many that ask one thing at a time.
_SHARED = (8, 10)
_LONE = (64, 1)
_COUNTS = re.compile(r"requests: \d+ total, \d+ started, \d+ done, (\d+) succeeded, (\d+) failed")

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
            shared = _load(running, _SHARED, bench.seconds)
            return {
                **shared,
                "lone_us": _load(running, _LONE, bench.seconds)["cpu_us"],
                "up_mb_s": _upload(running, "--http2"),
                "up1_mb_s": _upload(running, "--http1.1"),
                "pss_mib": running.tree.pss() / (1 << 20),
            }

    return bench.rounds_of(peers, measure)


def _load(running: Running, shape: tuple[int, int], seconds: float) -> Row:
    _h2load(running, shape, 1)
    cpu = running.tree.cpu()
    done, failed = _h2load(running, shape, seconds)
    used = running.tree.cpu() - cpu
    if not done:
        raise RuntimeError(f"no request was answered\n{running.tree.tail()}")
    return {"cpu_us": used * 1e6 / done, "rps": done / seconds, "failed": float(failed)}


def _h2load(running: Running, shape: tuple[int, int], seconds: float) -> tuple[int, int]:
    """How many answers came, and how many did not."""
    connections, streams = shape
    command = ["h2load", f"-D{max(1, round(seconds))}", f"-c{connections}", f"-m{streams}"]
    for name, value in FIELDS.items():
        if name != "Connection":  # HTTP/2 has none
            command += ["-H", f"{name.lower()}: {value}"]
    command += ["--connect-to", f"127.0.0.1:{running.port}", f"https://{_HOST}/"]
    output = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout
    found = _COUNTS.search(output)
    if found is None:
        raise RuntimeError(f"h2load: {output}")
    return int(found[1]), int(found[2])


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
