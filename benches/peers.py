"""The routers that are compared: how each is configured to do the same work with two workers."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benches.processes import free_port

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Job:
    """What a peer is asked to do; the name chooses among the configurations."""

    directory: Path
    port: int
    backend: int
    routers: int = 1
    middlewares: bool = False
    observed: tuple[str, ...] = ()  # of "metrics", "clf" and "json": what is kept of each request
    is_scraped: bool = False  # metrics are read at the entry point of the requests, not at one of their own
    backends: tuple[int, ...] = ()  # instead of the one
    strategy: str = ""
    dynamic: str = ""  # the whole dynamic configuration, instead of all of this
    mark: str = "0"  # comes back in a response header, to see which configuration answered


@dataclass(frozen=True, slots=True)
class Peer:
    """One router on PATH. `can_route`: it takes Traefik's dynamic configuration."""

    name: str
    command: Callable[[Job], list[str]]
    can_route: bool = False
    environ: dict[str, str] = field(default_factory=dict)


def dynamic_text(job: Job) -> str:
    """Traefik's dynamic configuration, written as YAML without a library: 10,000 routers are many."""
    if job.dynamic:
        return job.dynamic
    lines = ["http:", "  routers:"]
    chain = (
        ", ".join(f"m{number}" for number in range(1, 6)) if job.middlewares else ("mark" if job.mark != "0" else "")
    )
    for number in range(job.routers):
        host = "bench.example.com" if number == job.routers - 1 else f"host{number}.example.com"
        lines.append(f"    router{number}:")
        lines.append("      entryPoints: [web]")
        lines.append(f"      rule: Host(`{host}`)")
        lines.append("      service: backend")
        if chain:
            lines.append(f"      middlewares: [{chain}]")
    if job.middlewares:
        lines += _MIDDLEWARES
    elif chain:
        lines += [
            "  middlewares:",
            "    mark:",
            "      headers:",
            "        customResponseHeaders:",
            f'          X-Mark: "{job.mark}"',
        ]
    lines += [
        "  services:",
        "    backend:",
        "      loadBalancer:",
        *([f"        strategy: {job.strategy}"] if job.strategy else []),
        "        servers:",
        *(f"          - url: http://127.0.0.1:{port}" for port in job.backends or (job.backend,)),
    ]
    return "\n".join(lines) + "\n"


_MIDDLEWARES = [
    "  middlewares:",
    "    m1: {stripPrefix: {prefixes: [/app]}}",
    '    m2: {headers: {customRequestHeaders: {X-Edge: bench, Cookie: ""}}}',
    "    m3: {headers: {customResponseHeaders: {X-Frame-Options: DENY}}}",
    "    m4: {addPrefix: {prefix: /v1}}",
    "    m5: {replacePath: {path: /small}}",
]


def write_dynamic(job: Job) -> Path:
    """Write beside and rename: no reader ever sees half of it."""
    path = job.directory / "dynamic.yml"
    fresh = job.directory / "dynamic.new"
    fresh.write_text(dynamic_text(job))
    fresh.rename(path)
    return path


def write_static(job: Job, extra: str = "") -> Path:
    path = job.directory / "static.yml"
    path.write_text(
        f"{_entry_points(job)}"
        "providers:\n  providersThrottleDuration: 100ms\n"
        f"  file:\n    filename: {write_dynamic(job)}\n    watch: true\n"
        f"log:\n  level: WARN\n{extra}{_observed(job)}"
    )
    return path


def _entry_points(job: Job) -> str:
    text = f'entryPoints:\n  web:\n    address: "127.0.0.1:{job.port}"\n'
    if "metrics" in job.observed and not job.is_scraped:
        text += f'  traefik:\n    address: "127.0.0.1:{free_port()}"\n'
    return text


def _observed(job: Job) -> str:
    """Metrics on all levels; access logs in a file, buffered."""
    text = ""
    if "metrics" in job.observed:
        text = "metrics:\n  prometheus:\n    addRoutersLabels: true\n"
        text += "    entryPoint: web\n" if job.is_scraped else ""
    for name, given in (("clf", "common"), ("json", "json")):
        if name in job.observed:
            path = job.directory / "access.log"
            text += f"accessLog:\n  filePath: {path}\n  format: {given}\n  bufferingSize: 100\n"
    return text


def trafficcop(*python: str) -> Callable[[Job], list[str]]:
    def command(job: Job) -> list[str]:
        return [*python, "-m", "trafficcop", "-c", str(write_static(job, "workers: 2\n"))]

    return command


def traefik(*, fast: bool) -> Callable[[Job], list[str]]:
    def command(job: Job) -> list[str]:
        extra = "experimental:\n  fastProxy: {}\n" if fast else ""
        return ["traefik", f"--configFile={write_static(job, extra)}"]

    return command


def nginx(job: Job) -> list[str]:
    path = job.directory / "nginx.conf"
    path.write_text(
        f"""daemon off; worker_processes 2; pid {job.directory}/nginx.pid; error_log stderr error;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 1000000000; client_max_body_size 0; proxy_request_buffering off;
  client_body_temp_path {job.directory}/body; proxy_temp_path {job.directory}/proxy;
  fastcgi_temp_path {job.directory}/fcgi; uwsgi_temp_path {job.directory}/uwsgi; scgi_temp_path {job.directory}/scgi;
  upstream backend {{ server 127.0.0.1:{job.backend}; keepalive 128; keepalive_requests 1000000000; }}
  server {{ listen 127.0.0.1:{job.port} reuseport default_server; return 404; }}
  server {{
    listen 127.0.0.1:{job.port}; server_name bench.example.com;
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


def haproxy(job: Job) -> list[str]:
    path = job.directory / "haproxy.cfg"
    path.write_text(
        f"""global
  nbthread 2
  maxconn 8192
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option forwardfor
frontend web
  bind 127.0.0.1:{job.port}
  use_backend app if {{ hdr(host) -i bench.example.com }}
backend app
  http-reuse always
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  server one 127.0.0.1:{job.backend}
"""
    )
    return ["haproxy", "-db", "-f", str(path)]


def caddy(job: Job) -> list[str]:
    path = job.directory / "Caddyfile"
    path.write_text(
        f"{{\n  admin off\n  auto_https off\n  http_port {job.port}\n}}\n"
        f"http://bench.example.com:{job.port} {{\n  bind 127.0.0.1\n  reverse_proxy 127.0.0.1:{job.backend}\n}}\n"
    )
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(path)]


def interpreters() -> dict[str, list[str]]:
    """What runs us: the sources here, and the compiled package where scripts/build-native has run."""
    found = {"trafficcop": [sys.executable]}
    native = ROOT / ".venv-native" / "bin" / "python"
    if (ROOT / ".venv-native" / ".installed").exists():
        found["trafficcop native"] = [str(native), "-P"]
    return found


def found() -> list[Peer]:
    """Ours, compiled too where scripts/build-native has run, and every other router on PATH."""
    two = {"GOMAXPROCS": "2"}
    peers = [Peer("nginx", nginx)] if shutil.which("nginx") else []
    if shutil.which("haproxy"):
        peers.append(Peer("haproxy", haproxy))
    if shutil.which("caddy"):
        peers.append(Peer("caddy", caddy, environ=two))
    if shutil.which("traefik"):
        peers.append(Peer("traefik", traefik(fast=False), can_route=True, environ=two))
        peers.append(Peer("traefik fastProxy", traefik(fast=True), can_route=True, environ=two))
    return peers + [Peer(name, trafficcop(*command), can_route=True) for name, command in interpreters().items()]
