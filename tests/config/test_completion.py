"""Completion of command lines: what may follow, and that shells ask for it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficcop.config.completion import COMMANDS, FILES, complete
from trafficcop.config.completion_scripts import SCRIPTS
from trafficcop.config.flags import describe_flags

ROOT = Path(__file__).parents[2]


def texts(line: str) -> list[str]:
    return [candidate.text for candidate in complete(line)]


CASES = [
    ("trafficcop ", list(COMMANDS)),
    ("trafficcop co", ["completion", "config"]),
    ("trafficcop traefik co", ["completion", "config"]),
    ("trafficcop completion ", ["bash", "zsh", "fish"]),
    ("trafficcop completion z", ["zsh"]),
    ("trafficcop --pi", ["--ping", "--ping."]),
    ("trafficcop --PI", ["--ping", "--ping."]),
    ("trafficcop --ping.t", ["--ping.terminatingStatusCode="]),
    ("trafficcop --entryPoints.", []),
    ("trafficcop --entrypoints.web.ad", ["--entrypoints.web.address="]),
    ("trafficcop --entryPoints.web.address=:80 --entryPoints.w", ["--entryPoints.web", "--entryPoints.web."]),
    ("trafficcop --entryPoints.web.http.tls.dom", ["--entryPoints.web.http.tls.domains[0]."]),
    ("trafficcop --entryPoints.web.http.tls.domains[1].m", ["--entryPoints.web.http.tls.domains[1].main="]),
    ("trafficcop --log.format=", ["--log.format=common", "--log.format=json"]),
    ("trafficcop --log.level=w", ["--log.level=WARN"]),
    ("trafficcop --log.level w", ["WARN"]),
    ("trafficcop --api.insecure=", ["--api.insecure=true", "--api.insecure=false"]),
    ("trafficcop --api.insecure ", []),
    ("trafficcop --log.filePath=", [FILES]),
    ("trafficcop --configFile=x", [FILES]),
    ("trafficcop -c ", [FILES]),
    ("trafficcop config -c ", [FILES]),
    ("trafficcop config --format=", ["--format=yaml", "--format=json"]),
    ("trafficcop --validate --format ", ["text", "json"]),
    ("trafficcop --str", ["--strict"]),
    ("trafficcop config --def", ["--defaults"]),
    ("trafficcop explain --u", ["--url"]),
    ("trafficcop version --", []),
    ("trafficcop unknown --", []),
    ("trafficcop whoami --", ["--port"]),
    ("trafficcop --nothing.like.this", []),
    ("trafficcop --entryPoints.w", ["--entryPoints.w", "--entryPoints.w."]),
    ("trafficcop", list(COMMANDS)),
    ("", list(COMMANDS)),
]


@pytest.mark.parametrize(("line", "expected"), CASES)
def test_what_may_follow(line: str, expected: list[str]):
    assert texts(line) == expected


def test_every_flag_is_found_step_by_step():
    for flag, _, kind, _ in describe_flags():
        typed = flag.replace("<name>", "x").replace("[n]", "[0]")
        assert typed + ("" if kind in ("boolean", "section") else "=") in texts(f"trafficcop {typed}"), flag


def test_what_a_flag_is_for():
    (found,) = complete("trafficcop --log.lev")
    assert found.description == "TRACE, DEBUG, INFO, WARN, ERROR, FATAL or PANIC (ERROR)"


@given(st.text(max_size=40))
def test_any_line_has_an_answer(line: str):
    assert all(candidate.text and "\n" not in candidate.text for candidate in complete(f"trafficcop {line}"))


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """With a `trafficcop` on the PATH, and two files beside."""
    program = tmp_path / "bin" / "trafficcop"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m trafficcop "$@"\n')
    program.chmod(0o755)
    (tmp_path / "config.yml").touch()
    (tmp_path / "other.yml").touch()
    path = f"{program.parent}:{os.environ['PATH']}"
    return {"PATH": path, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "TERM": "dumb"}


BASH = """\
. <(trafficcop completion bash)
COMP_LINE="$1"; COMP_POINT=${#1}; read -ra COMP_WORDS <<< "$1"
[[ $1 == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_trafficcop
printf '%s\\n' "${COMPREPLY[@]}"
"""
FISH = 'trafficcop completion fish | source; complete --do-complete "$argv[1]"'
# A terminal with a shell in it: only there the completion system of zsh works.
ZSH = """\
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'PS1=; autoload -U compinit; compinit -u -D; . <(trafficcop completion zsh); echo is rea""dy'
zpty -r shell said '*is ready*'
zpty -w -n shell "$1"$'\\t'
zpty -r shell said "*$2*"
print -r -- "$2"
zpty -d shell
"""


def ask(shell: str, script: str, environ: dict[str, str], *arguments: str) -> list[str]:
    options = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[shell]
    words = [] if shell == "fish" else [shell]  # bash and zsh take the first one for the name of the script
    command = [shell, *options, "-c", script, *words, *arguments]
    done = subprocess.run(
        command, cwd=environ["HOME"], env=environ, capture_output=True, text=True, timeout=60, check=True
    )
    return [line.partition("\t")[0] for line in done.stdout.splitlines()]


# What bash replaces is only behind the last `=` or `:`, the others replace the whole word.
LINES = [
    ("trafficcop co", ["completion", "config"], ["completion", "config"]),
    ("trafficcop --log.level=w", ["WARN"], ["--log.level=WARN"]),
    ("trafficcop --entryPoints.web.ad", ["--entryPoints.web.address="], ["--entryPoints.web.address="]),
    ("trafficcop -c conf", ["config.yml"], ["config.yml"]),
    ("trafficcop --configFile=conf", ["config.yml"], ["--configFile=config.yml"]),
]
ASKED = [("bash", BASH, [line], expected) for line, expected, _ in LINES]
if shutil.which("fish"):
    ASKED += [("fish", FISH, [line], expected) for line, _, expected in LINES]
if shutil.which("zsh"):
    ASKED += [("zsh", ZSH, ["trafficcop --log.level=W", "=WARN"], ["=WARN"])]
    ASKED += [("zsh", ZSH, ["trafficcop -c conf", "config.yml"], ["config.yml"])]


@pytest.mark.parametrize(("shell", "script", "arguments", "expected"), ASKED)
def test_a_shell_completes(environ: dict[str, str], shell: str, script: str, arguments: list[str], expected: list[str]):
    assert ask(shell, script, environ, *arguments) == expected


def test_each_shell_has_a_script():
    assert set(SCRIPTS) == {"bash", "zsh", "fish"}
