"""The figures as a table for people and as a document for programs."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path

Figures = dict[str, dict[str, float]]

COLUMNS = {
    "added_us": "µs added",
    "added_native_us": "µs added, native",
    "choice_us": "µs/choice",
    "cpu_us": "µs/request",
    "ratio": "× nginx",
    "lone_us": "µs one at a time",
    "hand_us": "µs/handshake",
    "body_kb": "kB/body",
    "rps": "req/s",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
    "p99_ratio": "p99 × wrr",
    "p99_during_ms": "p99 during",
    "pss_mib": "PSS MiB",
    "pss_after_mib": "PSS after",
    "growth": "growth",
    "grown_mib": "grown MiB",
    "idle_kb": "kB/idle conn",
    "conn_us": "µs/connection",
    "cps": "connections/s",
    "gb_s": "CPU s/GB",
    "gbps": "GB/s",
    "up_mb_s": "MB/s up",
    "up1_mb_s": "by HTTP/1.1",
    "stream_kb": "kB/open stream",
    "start_ms": "start ms",
    "scrape_ms": "scrape ms",
    "first_ms": "first ms",
    "ask_ms": "ms/question",
    "none_ms": "ms, nobody",
    "reloads": "reloads",
    "longest_s": "longest s",
    "back_s": "back after s",
    "descriptors": "new fds",
    "failed": "failed",
}
_DIGITS = {
    "ratio": 2,
    "choice_us": 2,
    "p99_ratio": 3,
    "growth": 3,
    "gb_s": 3,
    "gbps": 2,
    "cps": 0,
    "up_mb_s": 0,
    "up1_mb_s": 0,
    "rps": 0,
    "failed": 0,
    "descriptors": 0,
    "reloads": 0,
    "start_ms": 0,
    "scrape_ms": 0,
    "longest_s": 2,
    "back_s": 2,
    "p99_ms": 2,
    "p50_ms": 2,
}


def add_ratios(figures: Figures, reference: Figures | None = None) -> Figures:
    """CPU against nginx in the same scenario, or in `reference` where nginx took no part."""
    base = figures.get("nginx") or (reference or {}).get("nginx")
    if base and "cpu_us" in base:
        for row in figures.values():
            if "cpu_us" in row:
                row["ratio"] = row["cpu_us"] / base["cpu_us"]
    return figures


def table(figures: Figures) -> str:
    """A Markdown table, aligned so that it reads as well on a terminal."""
    keys = [key for key in COLUMNS if any(key in row for row in figures.values())]
    rows = [["", *(COLUMNS[key] for key in keys)]]
    for name, row in figures.items():
        rows.append([name, *(f"{row[key]:,.{_DIGITS.get(key, 1)}f}" if key in row else "–" for key in keys)])
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(keys) + 1)]
    lines = ["| " + " | ".join(_cells(cells, widths)) + " |" for cells in rows]
    lines.insert(
        1, "|" + "|".join("-" * (width + 1) + (":" if column else "-") for column, width in enumerate(widths)) + "|"
    )
    return "\n".join(lines)


def _cells(cells: list[str], widths: list[int]) -> list[str]:
    return [
        cell.rjust(width) if column else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]


def machine() -> dict[str, object]:
    return {"cpus": len(os.sched_getaffinity(0)), "kernel": platform.release(), "python": sys.version.split()[0]}


def write_json(path: Path, results: Mapping[str, Figures], setup: Mapping[str, object]) -> None:
    path.write_text(
        json.dumps({"machine": machine(), "setup": setup, "results": results}, indent=2, ensure_ascii=False) + "\n"
    )
