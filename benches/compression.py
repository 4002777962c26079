"""100 kB of JSON, compressed on its way: gzip beside nginx at several levels, and the other codings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benches.load import Wanted, ask
from benches.measure import Bench, Row
from benches.peers import Job, Peer

_WANTED = Wanted(path="/json", connections=16)
_LEVELS = (1, 3, 6)  # nginx's default, the one that makes bodies as long as ours, zlib's default
_CODINGS = ("gzip", "br", "zstd")


def gzip(bench: Bench) -> dict[str, Row]:
    """100 kB of JSON, compressed."""
    variants = [variant for peer in bench.peers for variant in _variants(peer)]

    def measure(peer: Peer) -> Row:
        with bench.running(peer, wanted=_WANTED) as running:
            content = ask(running.port, _WANTED)[1].partition(b"\r\n\r\n")[2]
            return {**running.under_load(_WANTED, bench.seconds), "body_kb": len(content) / 1e3}

    return bench.rounds_of(variants, measure)


def _variants(peer: Peer) -> list[Peer]:
    if peer.name == "nginx":
        return [_variant(peer, f"level {level}", _compressing_nginx(peer, level)) for level in _LEVELS]
    if not peer.can_route or "fastProxy" in peer.name:
        return []
    return [_variant(peer, coding, _compressing(peer, coding)) for coding in _CODINGS]


def _variant(peer: Peer, name: str, command: Callable[[Job], list[str]]) -> Peer:
    return replace(peer, name=f"{peer.name}, {name}", command=command)


def _compressing_nginx(peer: Peer, level: int) -> Callable[[Job], list[str]]:
    def command(job: Job) -> list[str]:
        words = peer.command(job)
        path = Path(words[-1])
        options = f"gzip on; gzip_comp_level {level}; gzip_proxied any; gzip_types *; gzip_min_length 1024;"
        path.write_text(path.read_text().replace("access_log off;", f"access_log off; {options}"))
        return words

    return command


def _compressing(peer: Peer, coding: str) -> Callable[[Job], list[str]]:
    def command(job: Job) -> list[str]:
        words = peer.command(job)
        path = job.directory / "dynamic.yml"
        text = path.read_text().replace(
            "      service: backend\n", "      service: backend\n      middlewares: [pack]\n"
        )
        path.write_text(f"{text}  middlewares:\n    pack: {{compress: {{encodings: [{coding}]}}}}\n")
        return words

    return command
