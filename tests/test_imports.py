"""What a small configuration does not use is not imported: it would cost time at every start, and memory for ever."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SMALL = """\
entryPoints: {web: {address: ":8000"}}
http:
  routers: {r: {rule: "Host(`a.localhost`) && PathPrefix(`/b`)", service: s}}
  services: {s: {loadBalancer: {servers: [{url: "http://127.0.0.1:9001"}]}}}
"""

VERSION = "from trafficcop.cli import main; main(['version'])"
WORKER = "import trafficcop.worker.main"
SUPERVISOR = """
import trafficcop.supervisor
from trafficcop.config.static_sources import load_static
assert not load_static(["-c", sys.argv[1]], {}).errors
"""
CONTROL = (
    SUPERVISOR
    + """
import trafficcop.control.main
from trafficcop.control.compile import compile
from trafficcop.providers.file import FileProvider
static = load_static(["-c", sys.argv[1]], {}).static
plan, report = compile(static, {"file": FileProvider(None, environ={}, one_file=sys.argv[1]).load().configuration})
assert len(plan.routers) == 1 and not report.issues
"""
)
RARE = {
    *("lark", "re2", "bcrypt", "cryptography", "hypercorn", "starlette", "asyncinotify", "tomli", "h11", "wsproto"),
    *("http.client", "email", "tempfile", "difflib", "multiprocessing", "trafficcop.gotemplate.execute"),
    *(
        "trafficcop.server.h2",
        "trafficcop.proxy.h2",
        "trafficcop.telemetry.access",
        "trafficcop.server.observed_pipeline",
    ),
}


def modules_of(code: str, *arguments: str) -> set[str]:
    """The modules there are after `code` has run in a new interpreter."""
    program = f"import sys, json\n{code}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program, *arguments], check=True, capture_output=True, text=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture
def small(tmp_path: Path) -> str:
    path = tmp_path / "small.yml"
    path.write_text(SMALL)
    return str(path)


def test_version_imports_nothing() -> None:
    found = modules_of(VERSION)
    assert not found & {"asyncio", "yaml", "trafficcop.config.static", "trafficcop.supervisor", *RARE}


@pytest.mark.parametrize("code", [SUPERVISOR, CONTROL, WORKER], ids=["supervisor", "control", "worker"])
def test_rare_libraries_are_not_imported(code: str, small: str) -> None:
    assert not modules_of(code, small) & RARE


def test_http_2_is_there_before_the_first_browser() -> None:
    code = """
from trafficcop.tls.contexts import Contexts
from trafficcop.worker.link_tls import TLSLinker
linker = TLSLinker(Contexts())
%s
linker.table()
"""
    assert "trafficcop.server.h2" in modules_of(code % "linker.hosts('web').add(('a.example.com',), 'default')")
    assert "trafficcop.server.h2" not in modules_of(code % "")


def test_a_worker_knows_nothing_of_configuration_files() -> None:
    found = modules_of(WORKER)
    assert not {name for name in found if name.startswith(("trafficcop.control", "trafficcop.providers", "yaml"))}
    assert not found & {"trafficcop.config.decode", "trafficcop.config.static_sources"}


def test_the_supervisor_has_no_event_loop(small: str) -> None:
    found = modules_of(SUPERVISOR, small)
    assert not {name for name in found if name.startswith(("trafficcop.control.main", "trafficcop.worker", "uvloop"))}
