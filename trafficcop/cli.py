"""The command line: which command is meant, its output and its exit code.

Modules are imported where they are used: `version` needs none of them, and the supervisor keeps none it does not use.
"""

from __future__ import annotations

import errno
import gc
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from trafficcop import __version__
from trafficcop.config.own_flags import BadFlagError

ROOT_NAMES = ("trafficcop", "traefik")
_HELP = frozenset(("-h", "-help", "--help"))
_VALIDATE = frozenset(("-validate", "--validate", "-validate=true", "--validate=true"))
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "i686": "386", "armv7l": "arm"}
_HEALTH_SECONDS = 5.0

USAGE = """\
trafficcop routes traffic by a Traefik configuration.

Usage: trafficcop [command] [flags]

Commands:
  version      print the version
  healthcheck  ask a running instance for its health (needs `ping`)
  explain      say which router takes a request, and why (--url https://host/path)
  config       print the static configuration as it acts, with the source of each value
  completion   print a script that completes commands and flags (bash, zsh, fish)
  whoami       serve a page that says what was asked, to route to while trying things (--port N)

Flags of our own:
  -c, --config, --configFile FILE  the static configuration; dynamic sections may stand in the same file
  --validate                       check the configuration, static and dynamic, and exit: 0 it is valid, 1 it is not
      --strict                     exit with 2 if it is valid, but there are warnings
      --format text|json           how to tell
  -h, --help                       print this

The static configuration comes from a file, else from flags, else from variables (TRAEFIK_… or TRAFFICCOP_…).
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    _open_streams()
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] in ROOT_NAMES:
        del arguments[0]
    command = arguments[0] if arguments and not arguments[0].startswith("-") else ""
    try:
        code = _run(command, arguments[1:] if command else arguments, os.environ)
        sys.stdout.flush()  # here, where it can be told if it fails
        return code
    except BadFlagError as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:  # `trafficcop --help | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"cannot write: {error.strerror}", file=sys.stderr)
        return 1


def _run(command: str, arguments: list[str], environ: Mapping[str, str]) -> int:
    if command == "whoami":
        from trafficcop import whoami

        return whoami.main(arguments)
    if command == "explain":
        return _explain(arguments, environ)
    if command == "config":
        return _show(arguments, environ)
    if command == "completion":
        return _complete(arguments)
    if command == "version":
        return _version(arguments)
    if command in ("", "healthcheck") and not _HELP.isdisjoint(arguments):
        return _print_help()
    if command == "healthcheck":
        return _check_health(arguments, environ)
    if command:
        return _refuse(command)
    if not _VALIDATE.isdisjoint(arguments):
        return _validate([word for word in arguments if word not in _VALIDATE], environ)
    return _start(arguments, environ)


def _refuse(command: str) -> int:
    from trafficcop.config.completion import COMMANDS
    from trafficcop.config.sections import suggestion

    print(f"command not found: {command}{suggestion(command, COMMANDS)}; see trafficcop --help", file=sys.stderr)
    return 1


def _print_help() -> int:
    from trafficcop.config.flags import describe_flags

    groups: dict[str, list[tuple[str, str, str, str]]] = {}
    for row in describe_flags():
        groups.setdefault(row[0].removeprefix("--").partition(".")[0], []).append(row)
    lines = [USAGE]
    for group, rows in groups.items():
        lines.append(f"{group}:")
        for flag, default, kind, description in rows:
            shown = f" (default {default})" if default else ""
            lines.append(f"  {flag} {kind}{shown}")
            if description:
                lines.append(f"      {description}")
        lines.append("")
    print("\n".join(lines))
    return 0


def _version(arguments: Sequence[str]) -> int:
    if not _HELP.isdisjoint(arguments):
        print("trafficcop version prints the version, in five lines.\n\nUsage: trafficcop version")
        return 0
    if arguments and not arguments[0].startswith("-"):
        print(f"command not found: {arguments[0]}", file=sys.stderr)
        return 1
    return _print_version()


def _print_version() -> int:
    """The five lines of `traefik version`; scripts read them by label."""
    import platform

    system, machine = platform.system().lower(), platform.machine()
    rows = (
        ("Version:", __version__),
        ("Codename:", "trafficcop"),
        ("Python version:", platform.python_version()),
        ("Built:", _built()),
        ("OS/Arch:", f"{system}/{_MACHINES.get(machine, machine)}"),
    )
    for label, value in rows:
        print(f"{label:<16}{value}")
    return 0


def _built() -> str:
    """When this copy was put where it is."""
    from datetime import UTC, datetime

    seconds = Path(__file__).stat().st_mtime
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _explain(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    from trafficcop.control.explain import command

    if not _HELP.isdisjoint(arguments):
        print(command.USAGE, end="")
        return 0
    return command.run(arguments, environ, sys.stdout)


def _validate(arguments: list[str], environ: Mapping[str, str]) -> int:
    gc.disable()  # it ends soon
    from trafficcop.config.own_flags import take_choice, take_switch
    from trafficcop.control.validation.validate import validate

    is_strict = take_switch(arguments, "strict")
    form = take_choice(arguments, "format", ("text", "json"))
    verdict = validate(arguments, environ)
    if form == "json":
        print(verdict.json())
    else:
        for line in verdict.lines():
            print(line, file=sys.stderr)
        print(verdict.summary())
    return verdict.exit_code(is_strict=is_strict)


def _show(arguments: list[str], environ: Mapping[str, str]) -> int:
    from trafficcop.config import show

    if not _HELP.isdisjoint(arguments):
        print(show.USAGE, end="")
        return 0
    return show.run(arguments, environ, sys.stdout, sys.stderr)


def _complete(arguments: Sequence[str]) -> int:
    from trafficcop.config.completion_scripts import SCRIPTS, USAGE

    if len(arguments) == 2 and arguments[0] == "--line":
        from trafficcop.config.completion import complete

        for candidate in complete(arguments[1]):
            print("\t".join(filter(None, candidate)))
        return 0
    if not _HELP.isdisjoint(arguments):
        print(USAGE, end="")
        return 0
    if len(arguments) == 1 and arguments[0] in SCRIPTS:
        print(SCRIPTS[arguments[0]], end="")
        return 0
    print(f"completion: name a shell: {', '.join(SCRIPTS)}", file=sys.stderr)
    return 1


def _open_streams() -> None:
    """Standard streams that whoever started us has closed lead nowhere.

    Left closed, the next files that are opened would take their numbers, and what is printed would end up there.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):  # in the order of their numbers
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 -- for as long as we run


def _line(text: str) -> str:
    """One line for each thing there is to say, whatever a value holds."""
    return " ".join(text.split("\n"))


def _start(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    gc.disable()  # what is made until the processes run stays for good: each of them enables it in its time
    from trafficcop import supervisor
    from trafficcop.config.static_sources import load_static
    from trafficcop.control.launch import Launch
    from trafficcop.telemetry import log

    loaded = load_static(arguments, environ)
    for issue in loaded.errors:
        print(_line(str(issue)), file=sys.stderr)
    if loaded.errors:
        return 1
    try:
        log.configure(loaded.static.log)  # control, or the only process, will rotate it
    except OSError as error:
        print(f"log.filePath: cannot open {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    logger = log.get_logger(__name__)
    for issue in loaded.issues:
        logger.warning("%s", issue)
    logger.info("trafficcop version %s built on %s", __version__, _built())
    return supervisor.run(Launch(loaded.static, environ, loaded.config_file, loaded.dynamic_document))


def _check_health(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Ask the ping router of a running instance (`cmd/healthcheck/healthcheck.go`)."""
    from http.client import HTTPConnection, HTTPException

    from trafficcop.config.address import parse_address
    from trafficcop.config.static_sources import load_static

    loaded = load_static(arguments, environ)
    for issue in loaded.errors:
        print(_line(str(issue)), file=sys.stderr)
    if loaded.errors:
        return 1
    ping = loaded.static.ping
    if ping is None:
        return _unhealthy("Error calling healthcheck: please enable `ping` to use health check")
    name = ping.entry_point or "traefik"
    entry_point = loaded.static.entry_points.get(name)
    if entry_point is None:
        return _unhealthy(f"Error calling healthcheck: ping: missing {name} entry point")
    address = parse_address(entry_point.address)
    connection = HTTPConnection(address.host or "localhost", address.port, timeout=_HEALTH_SECONDS)
    try:
        connection.request("HEAD", "/ping")
        response = connection.getresponse()
    except (OSError, HTTPException) as error:
        reason = str(error.strerror).lower() if isinstance(error, OSError) and error.strerror else error
        return _unhealthy(f'Error calling healthcheck: Head "http://{address}/ping": dial tcp {address}: {reason}')
    finally:
        connection.close()
    if response.status != 200:
        return _unhealthy(f"Bad healthcheck status: {response.status} {response.reason}".rstrip())
    print(f"OK: http://{address}/ping")
    return 0


def _unhealthy(text: str) -> int:
    print(text)
    return 1
