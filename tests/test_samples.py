"""Every file in `config/` loads, compiles without a broken object and has nothing to warn about."""

from __future__ import annotations

from pathlib import Path

import pytest

from trafficcop.config.decode import decode_dynamic
from trafficcop.config.dynamic import DynamicConfiguration
from trafficcop.config.pending import pending_warnings
from trafficcop.config.static_sources import LoadedStatic, load_static
from trafficcop.control.compile import compile as compile_plan
from trafficcop.providers.file import FileProvider

ROOT = Path(__file__).parent.parent
SAMPLES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "config").glob("*.*"))
SPLIT = "config/split/traefik.yml"


def load(path: str) -> LoadedStatic:
    loaded = load_static([f"--configFile={path}"], {})
    assert [str(issue) for issue in loaded.issues] == []
    return loaded


def check(loaded: LoadedStatic, dynamic: DynamicConfiguration) -> set[str]:
    """The names of its routers, all of which are in force."""
    assert [str(issue) for issue in pending_warnings(loaded.static, {"file": dynamic})] == []
    _, report = compile_plan(loaded.static, {"file": dynamic}, ())
    assert [str(issue) for issue in report.issues] == []
    objects = {**report.routers, **report.services, **report.middlewares}
    objects |= {**report.tcp_routers, **report.tcp_services, **report.tcp_middlewares}
    objects |= {**report.udp_routers, **report.udp_services, **report.udp_middlewares}
    assert {name: info.errors for name, info in objects.items() if info.status != "enabled"} == {}
    return {name for name in (*report.routers, *report.tcp_routers, *report.udp_routers) if name.endswith("@file")}


@pytest.mark.parametrize("path", SAMPLES)
def test_one_file(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    loaded = load(path)
    assert loaded.dynamic_document is not None
    decoded = decode_dynamic(loaded.dynamic_document)
    assert [str(issue) for issue in decoded.issues] == []
    assert check(loaded, decoded.value)


def test_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    loaded = load(SPLIT)
    assert loaded.static.providers.file is not None
    message = FileProvider(loaded.static.providers.file, environ={}).load()
    assert [str(issue) for issue in message.issues] == []
    names = check(loaded, message.configuration)
    assert names == {"site@file", "tenant-red@file", "tenant-green@file", "tenant-blue@file"}
