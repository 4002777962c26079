"""A profile of a running instance, asked of it as anybody would."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.process.conftest import Start
from tests.process.instance import free_port, get, until


@pytest.mark.parametrize("workers", [0, 2])
def test_profile(start: Start, tmp_path: Path, workers: int) -> None:
    port = free_port()
    instance = start(
        workers=workers,
        environ={"XDG_RUNTIME_DIR": str(tmp_path)},
        entry_points=f"  traefik: {{address: '127.0.0.1:{port}'}}",
        more="api: {insecure: true, debug: true}",
    )
    until(lambda: "Serving" in instance.log(), "serving")
    until(lambda: get(port, "/debug/vars")[0] == 200, "the first plan")
    status, body = get(port, "/debug/pprof/profile?seconds=0.2")
    assert status == 200
    assert b"nanoseconds" in gzip.decompress(body)
    status, body = get(port, "/debug/pprof/profile?seconds=0.1&debug=1")
    assert status == 200
    assert all(line.startswith(b"worker ") for line in body.splitlines())
    assert get(port, "/debug/pprof/nothing")[0] == 404
