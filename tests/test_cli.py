"""The command line as a user meets it: a process, its output and its exit code."""

from __future__ import annotations

import http.server
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from trafficcop import __version__

ROOT = Path(__file__).parents[1]


def run(*arguments: str, cwd: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": "/nonexistent", **environ}
    command = [sys.executable, "-m", "trafficcop", *arguments]
    return subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, timeout=30, check=False)


def test_version_in_five_lines():
    done = run("version")
    labels = [line.split(":")[0] for line in done.stdout.splitlines()]
    assert labels == ["Version", "Codename", "Python version", "Built", "OS/Arch"]
    assert re.search(rf"^Version: +{re.escape(__version__)}$", done.stdout, re.MULTILINE)
    assert re.search(r"^OS/Arch: +linux/\w+$", done.stdout, re.MULTILINE)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("arguments", [("--help",), ("-h",), ("traefik", "--help"), ("healthcheck", "-help")])
def test_help_lists_every_flag_with_its_default(arguments: tuple[str, ...]):
    done = run(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--validate" in done.stdout
    assert "--entryPoints.<name>.address string\n" in done.stdout
    assert "--providers.providersThrottleDuration duration (default 2s)\n" in done.stdout


@pytest.mark.parametrize(
    ("command", "meant"),
    [("serve", ""), ("confg", ' (did you mean "config"?)'), ("helthcheck", ' (did you mean "healthcheck"?)')],
)
def test_an_unknown_command_is_one_line(command: str, meant: str):
    done = run(command)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"command not found: {command}{meant}; see trafficcop --help\n"


def test_a_bad_flag_is_one_line_and_no_start(tmp_path: Path):
    done = run("--entryPoints.web.adress=:80", "--log.levl=INFO", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert "adress" in lines[0]
    assert "did you mean" in lines[0]
    assert "levl" in lines[1]


GOOD = """\
entryPoints: {web: {address: ":8000"}}
http:
  routers: {r: {rule: "Host(`a.example.com`)", service: s, middlewares: [m]}}
  services: {s: {loadBalancer: {servers: [{url: "http://127.0.0.1:1"}]}}}
  middlewares: {m: {addPrefix: {prefix: /a}}}
"""


@pytest.mark.parametrize(
    "arguments",
    [("--validate", "-c", "t.yml"), ("-c", "t.yml", "--validate"), ("traefik", "--configFile=t.yml", "-validate")],
)
def test_validate_anywhere_in_the_arguments(tmp_path: Path, arguments: tuple[str, ...]):
    (tmp_path / "t.yml").write_text(GOOD)
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("1 entry point, 1 router, 1 service, 1 middleware: valid, ")
    assert all(line.startswith("warning: ") for line in done.stderr.splitlines())


def test_validate_with_flags_and_with_variables(tmp_path: Path):
    done = run("--entryPoints.web.address=:81", "--validate", cwd=tmp_path)
    assert done.stdout.startswith("1 entry point, 0 routers")
    assert done.returncode == 0
    done = run("--validate", cwd=tmp_path, TRAEFIK_ENTRYPOINTS_WEB_ADDRESS="nope")
    assert done.returncode == 1
    assert "address" in done.stderr


def test_validate_tells_everything_at_once(tmp_path: Path):
    (tmp_path / "t.yml").write_text(
        "entryPoints:\n  web: {address: ':8000'}\nproviders:\n  docker: {}\n  file: {filename: d.yml}\n"
    )
    (tmp_path / "d.yml").write_text(
        "http:\n"
        "  routers:\n"
        "    r:\n"
        "      rule: Host(`a`) && Pth(`/x`)\n"
        "      service: s\n"
        "      entryPoints: [wbe]\n"
        "      middlewares: [auht]\n"
        "  middlewares:\n"
        "    auth: {redirectScheme: {permanent: true}}\n"
        "tls:\n"
        "  certificates:\n"
        "    - certFile: /nonexistent/a.crt\n"
        "      keyFile: /nonexistent/a.key\n"
    )
    done = run("--validate", "-c", "t.yml", cwd=tmp_path)
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if not line.startswith("warning: ")]
    assert errors == [
        "d.yml:4:26: http.routers.r.rule: unsupported function: Pth (did you mean Path?)",
        'd.yml:5:7: http.routers.r.service: the service "s@file" does not exist',
        'd.yml:6:21: http.routers.r.entryPoints[0]: entryPoint "wbe" doesn\'t exist (did you mean web?)',
        'd.yml:7:21: http.routers.r.middlewares[0]: middleware "auht@file" does not exist (did you mean auth@file?)',
        "d.yml:9:12: http.middlewares.auth.redirectScheme: you must provide a target scheme",
        "d.yml:12:7: tls.certificates[0].certFile: there is no file /nonexistent/a.crt",
        "d.yml:13:7: tls.certificates[0].keyFile: there is no file /nonexistent/a.key",
    ]
    assert (
        "warning: t.yml:4:3: providers.docker: what this provider delivers is not checked, only files are"
        in done.stderr
    )
    assert done.stdout.startswith("1 entry point, 1 router, 0 services, 1 middleware: 7 errors, ")


HEAD = "entryPoints: {web: {address: ':8000'}}\n"
ROUTER = "http:\n  routers:\n    r:\n      rule: Host(`a`)\n      service: noop@internal\n"
# A whole file, and how its one line of complaint goes on after the name of the file.
BAD = [
    ("entryPoints: {web: {address: ':8000x'}}\n", ":1:21: entryPoints.web.address: invalid port"),
    ("entryPoints: {web: {address: ':80', asDefalt: true}}\n", ":1:37: entryPoints.web.asDefalt: "),
    ("entryPoints: {web: {address: ':80'\n", ":"),
    (HEAD + "log: {level: INFO, level: DEBUG}\n", ":2:"),
    (HEAD + "providers: {file: {}}\n", ""),
    (HEAD + "providers: {file: {filename: nowhere.yml}}\n", ""),
    (HEAD + "providers: {providersThrottleDuration: 2x}\n", ":2:13: providers.providersThrottleDuration: "),
    (HEAD + ROUTER + "      priority: high\n", ":7:7: http.routers.r.priority: "),
    (HEAD + ROUTER + "      prio: 1\n", ":7:7: http.routers.r.prio: "),
    (HEAD + ROUTER + "      tls: {options: strict}\n", ":7:13: http.routers.r.tls.options: "),
    (HEAD + ROUTER + "      parentRefs: [p]\n", ":7:20: http.routers.r.parentRefs[0]: parent router"),
    (HEAD + ROUTER.replace("`a`", "`a"), ":5:18: http.routers.r.rule: string literal not terminated"),
    (HEAD + ROUTER.replace("Host(`a`)", "'Host(`a`) &&'"), ":5:26: http.routers.r.rule: "),
    (HEAD + ROUTER.replace("Host(`a`)", "HostRegexp(`[`)"), ":5:24: http.routers.r.rule: "),
    (HEAD + ROUTER.replace("noop@", "nope@"), ":6:7: http.routers.r.service: unknown internal service"),
    (HEAD + "tcp: {routers: {t: {rule: 'HostSNI(`a`)', service: x}}, services: {x: {loadBalancer: {servers: []}}}}\n",
     ":2:21: tcp.routers.t.rule: invalid rule"),
    (HEAD + "udp: {routers: {u: {service: x}}, services: {x: {loadBalancer: {servers: []}}}}\n",
     ":2:17: udp.routers.u: no valid entryPoint"),
    (HEAD + "tls: {options: {o: {cipherSuites: [TLS_NONE]}}}\n", ":2:21: tls.options.o.cipherSuites"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "start"), BAD)
def test_each_mistake_is_one_clear_line(tmp_path: Path, text: str, start: str, monkeypatch: pytest.MonkeyPatch):
    from trafficcop.control.validation.validate import validate

    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.yml").write_text(text)
    verdict = validate(["-c", "t.yml"], {})
    lines = [str(issue) for issue in verdict.errors]
    assert len(lines) == 1, lines
    assert "\n" not in lines[0]
    assert lines[0].startswith(f"t.yml{start}" if start else ""), lines


class Pong(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_HEAD(self) -> None:
        self.send_response(self.status if self.path == "/ping" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def pong() -> Iterator[int]:
    server = http.server.HTTPServer(("127.0.0.1", 0), Pong)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_healthcheck(pong: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    flags = ("--ping", f"--entryPoints.traefik.address=127.0.0.1:{pong}")
    done = run("healthcheck", *flags, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"OK: http://127.0.0.1:{pong}/ping\n")
    monkeypatch.setattr(Pong, "status", 503)
    done = run("healthcheck", *flags, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "Bad healthcheck status: 503 Service Unavailable\n")


def test_healthcheck_without_ping(tmp_path: Path):
    done = run("healthcheck", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (
        1,
        "Error calling healthcheck: please enable `ping` to use health check\n",
    )
    done = run("healthcheck", "--ping.entryPoint=web", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "Error calling healthcheck: ping: missing web entry point\n")


def test_healthcheck_of_nobody(tmp_path: Path):
    done = run("healthcheck", "--ping", "--entryPoints.traefik.address=127.0.0.1:1", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith("Error calling healthcheck: ")


def test_version_needs_none_of_the_heavy_modules():
    code = (
        "import sys; from trafficcop.cli import main; main(['version']);"
        "print([name for name in ('lark', 'ruamel', 'uvloop', 'cryptography', 'asyncio') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_validate_as_json_and_strictly(tmp_path: Path):
    (tmp_path / "t.yml").write_text(GOOD)
    assert run("--validate", "--strict", "-c", "t.yml", cwd=tmp_path).returncode == 0
    (tmp_path / "t.yml").write_text(GOOD.replace(", middlewares: [m]", ""))
    done = run("--validate", "--format", "json", "--strict", "-c", "t.yml", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "")
    assert json.loads(done.stdout)["summary"]["valid"] is True
    (tmp_path / "t.yml").write_text(GOOD.replace("Host(", "Hst("))
    done = run("--validate", "--format=json", "--strict", "-c", "t.yml", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads(done.stdout)["errors"][0]["path"] == "http.routers.r.rule"


@pytest.mark.parametrize("words", [("--format", "yaml"), ("--format=",), ("--format",)])
def test_a_format_that_is_not_known(tmp_path: Path, words: tuple[str, ...]):
    (tmp_path / "t.yml").write_text(GOOD)
    done = run("--validate", "-c", "t.yml", *words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"--format: '(yaml)?' is not known: use text or json\n", done.stderr)


def test_version_takes_no_command():
    done = run("version", "foo")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "command not found: foo\n")
    assert run("version", "--format", "json").stdout == run("version").stdout  # as in Traefik, flags are let pass
    assert run("version", "--help").stdout.startswith("trafficcop version prints the version")


def test_help_marks_what_is_deprecated():
    lines = run("--help").stdout.splitlines()
    place = lines.index("  --core.defaultRuleSyntax string (default v3)")
    assert lines[place + 1] == "      deprecated: write rules in the v3 syntax"


def test_config_prints_what_acts(tmp_path: Path):
    done = run("config", "--entryPoints.web.address=:81", "--log.level=INFO", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["entryPoints:"],
        ["web:"],
        ["address:", '":81"', "#", "--entryPoints.web.address"],
        ["log:"],
        ["level:", "INFO", "#", "--log.level"],
    ]
    assert run("config", "--help").stdout.startswith("trafficcop config prints")


def test_completion_scripts():
    for shell in ("bash", "zsh", "fish"):
        done = run("completion", shell)
        assert (done.returncode, done.stderr) == (0, "")
        assert "completion --line" in done.stdout
    done = run("completion", "csh")
    assert (done.returncode, done.stderr) == (1, "completion: name a shell: bash, zsh, fish\n")


@pytest.mark.parametrize("arguments", [("config", "--ping"), ("--validate", "--ping"), ("--help",)])
def test_output_that_cannot_be_written_is_one_line(arguments: tuple[str, ...], tmp_path: Path):
    command = [sys.executable, "-m", "trafficcop", *arguments]
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": "/nonexistent"}
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, env=environ, cwd=tmp_path, text=True, timeout=30, check=False
        )
    assert (done.returncode, done.stderr) == (1, "cannot write: No space left on device\n")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_lead_nowhere(closed: str):
    """Files that are opened later must not take their numbers."""
    told = "import os, sys, trafficcop.cli as cli; cli.main(['version']); sys.exit(os.open('/', os.O_RDONLY) < 3)"
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-c", told]
    done = subprocess.run(command, cwd=ROOT, timeout=30, check=False, stdout=subprocess.DEVNULL)
    assert done.returncode == 0
