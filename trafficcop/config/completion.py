"""What may follow on a command line: commands, flags and values, from the table of options.

Flags are completed step by step, as paths are: `--entryPoints.` before `--entryPoints.web.address=`.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from trafficcop.config.flags import FILE_FLAGS, describe_flags

FILES = ":files"  # stands for the files that the shell knows

COMMANDS = {
    "completion": "print a script that completes commands and flags, for bash, zsh or fish",
    "config": "print the static configuration as it acts",
    "explain": "say which router takes a request, and why",
    "healthcheck": "ask a running instance for its health",
    "version": "print the version",
    "whoami": "serve a page that says what was asked",
}
SHELLS = ("bash", "zsh", "fish")
_FORMAT = "how to tell"
_OWN: Mapping[str, Mapping[str, str]] = {
    "": {
        "-c": "the configuration file",
        "--validate": "check the configuration and exit",
        "--strict": "with --validate: exit with 2 if there are warnings",
        "--format=": _FORMAT,
    },
    "config": {"-c": "the configuration file", "--defaults": "print defaults as well", "--format=": _FORMAT},
    "explain": {
        "-c": "the configuration file",
        "--url": "what is asked for",
        "-X": "the method",
        "-H": "a header field",
        "--client-ip": "who asks",
        "--entry-point": "where it comes in",
        "--format=": _FORMAT,
    },
    "healthcheck": {"-c": "the configuration file"},
    "version": {},
    "whoami": {"--port": "where to listen"},
}
_VALUES: Mapping[str, Sequence[str]] = {
    "--accesslog.fields.defaultmode": ("keep", "drop"),
    "--accesslog.fields.headers.defaultmode": ("keep", "drop", "redact"),
    "--accesslog.format": ("common", "genericCLF", "json"),
    "--core.defaultrulesyntax": ("v3", "v2"),
    "--log.format": ("common", "json"),
    "--log.level": ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "PANIC"),
}
_FORMATS: Mapping[str, Sequence[str]] = {"config": ("yaml", "json")}
_FILE_OPTIONS = ("file", "filename", "directory", "filepath", "ca", "cert", "key", "certfile", "keyfile", "storage")


class Candidate(NamedTuple):
    """What may stand there. One that ends with `.` or `=` goes on: no space is to follow it."""

    text: str
    description: str = ""


def complete(line: str) -> list[Candidate]:
    """What may take the place of the last word of a line, up to the cursor."""
    words = _words(line)
    if len(words) < 2 or line[-1].isspace():
        words.append("")
    *before, word = words[1:] or [""]
    if before and before[0] in ("trafficcop", "traefik"):
        del before[0]
    command = before[0] if before and not before[0].startswith("-") else ""
    if command == "completion":
        return [Candidate(shell) for shell in SHELLS if shell.startswith(word)]
    if word.startswith("-"):
        name, equals, value = word.partition("=")
        if equals:
            return [_after(name, candidate) for candidate in _values(command, name, value)]
        return _flags(command, word, before)
    previous = before[-1] if before else ""
    if previous.startswith("-") and "=" not in previous and not _is_switch(previous):
        return _values(command, previous, word)
    if command or before:
        return []
    return [Candidate(name, text) for name, text in COMMANDS.items() if name.startswith(word)]


def _words(line: str) -> list[str]:
    """The words of an unfinished line; a quote that is still open ends where the line does."""
    for end in ("", '"', "'"):
        try:
            return shlex.split(line + end)
        except ValueError:
            continue
    return line.split()


def _after(name: str, candidate: Candidate) -> Candidate:
    return candidate if candidate.text == FILES else Candidate(f"{name}={candidate.text}", candidate.description)


def _is_switch(flag: str) -> bool:
    name = flag.lower()
    return name in ("--validate", "--strict", "--defaults", "-h", "--help") or _kind(name) in ("boolean", "section")


def _kind(name: str) -> str:
    """The type of an option, "" for one that does not exist."""
    wanted = name.split(".")
    return next((kind for flag, _, kind, _ in describe_flags() if _fits(flag.lower().split("."), wanted)), "")


def _fits(flag: Sequence[str], given: Sequence[str]) -> bool:
    return len(flag) == len(given) and all(map(_is_step, flag, given))


def _is_step(step: str, given: str) -> bool:
    """Whether a part of a flag is the one that was given: any name stands for `<name>`, any number for `[n]`."""
    if step.startswith("<"):
        return given != ""
    return step == given or (step.endswith("[n]") and given.partition("[")[0] == step[:-3] and given[-1:] == "]")


def _values(command: str, name: str, value: str) -> list[Candidate]:
    lowered = name.lower()
    if lowered.lstrip("-") in FILE_FLAGS or lowered.rpartition(".")[2] in _FILE_OPTIONS:
        return [Candidate(FILES)]
    if lowered == "--format":
        known: Iterable[str] = _FORMATS.get(command, ("text", "json"))
    else:
        known = _VALUES.get(lowered, ()) or (("true", "false") if _kind(lowered) in ("boolean", "section") else ())
    return [Candidate(one) for one in known if one.lower().startswith(value.lower())]


def _flags(command: str, word: str, before: Sequence[str]) -> list[Candidate]:
    """The flags that begin so, one step further than what was typed."""
    found = {flag: text for flag, text in _OWN[command].items() if flag.startswith(word)} if command in _OWN else {}
    if command in ("", "config", "explain", "healthcheck"):
        for candidate in _options(word, before):
            found.setdefault(candidate.text, candidate.description)
    return [Candidate(text, found[text]) for text in sorted(found, key=str.lower)]


def _options(word: str, before: Sequence[str]) -> Iterator[Candidate]:
    *done, last = word.split(".")
    lowered = [step.lower() for step in done]
    names = _names(lowered, before)
    for flag, default, kind, text in describe_flags():
        steps = flag.split(".")
        if len(steps) <= len(done) or not _fits([step.lower() for step in steps[: len(done)]], lowered):
            continue
        is_whole = len(steps) == len(done) + 1
        step = steps[len(done)]
        for choice in _named(names, last) if step.startswith("<") else [step.replace("[n]", "[0]")]:
            if choice.lower().startswith(last.lower()):
                end = "." if not is_whole else "" if kind in ("boolean", "section") else "="
                shown = f"{text} ({default})" if default and is_whole else text if is_whole else ""
                yield Candidate(".".join([*done, choice]) + end, shown)


def _named(names: Sequence[str], typed: str) -> Sequence[str]:
    """A new name is as good as those that are known; it is what was typed."""
    return names if not typed or any(name.startswith(typed) for name in names) else [typed]


def _names(done: Sequence[str], before: Sequence[str]) -> list[str]:
    """Names that other flags of this line have used at this place."""
    found: dict[str, None] = {}
    for flag in before:
        steps = flag.partition("=")[0].split(".")
        if [step.lower() for step in steps[: len(done)]] == list(done) and len(steps) > len(done):
            found[steps[len(done)]] = None
    return list(found)
