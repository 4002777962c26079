"""Command-line flags → static options, and the list of them for `--help` (Traefik `paerser/flag/flagparser.go`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

from trafficcop.config.assign import Assembly, resolve, split_name
from trafficcop.config.descriptions import describe
from trafficcop.config.lazy import dataclass
from trafficcop.config.scalars import Duration
from trafficcop.config.shape import Kind, Option, Shape, options_of
from trafficcop.config.static import StaticConfiguration
from trafficcop.errors import Issue, Position

FILE_FLAGS = frozenset(("c", "config", "configfile", "traefik.configfile"))


@dataclass(frozen=True, slots=True)
class Arguments:
    """A command line taken apart: the configuration file it names, and the flags (name, value, as written)."""

    config_file: str = ""
    flags: tuple[tuple[str, str, str], ...] = ()
    issues: tuple[Issue, ...] = ()


def split_arguments(argv: Sequence[str]) -> Arguments:
    """Take a command line apart, without its program name and sub-command."""
    words = list(argv)
    config_file = ""
    flags: list[tuple[str, str, str]] = []
    issues: list[Issue] = []
    while words:
        word = words.pop(0)
        if word == "--":
            issues.extend(_unexpected(rest) for rest in words)
            break
        if len(word) < 2 or not word.startswith("-"):
            issues.append(_unexpected(word))
            continue
        body = word[2:] if word.startswith("--") else word[1:]
        if not body or body[0] in "-=":
            issues.append(Issue(f"bad flag syntax: {word}"))
            continue
        name, has_value, value = body.partition("=")
        if not has_value:
            taken = _following_value(name, words)
            if taken is None:
                issues.append(Issue("the flag needs a value", position=Position(word)))
                continue
            value = taken
        if name.lower() in FILE_FLAGS:
            config_file = value
        else:
            flags.append((name, value, word[: len(word) - len(body)] + name))
    return Arguments(config_file, tuple(flags), tuple(issues))


def _unexpected(word: str) -> Issue:
    return Issue(f"unexpected argument {word!r} (a value is given as --name=value)")


def _following_value(name: str, words: list[str]) -> str | None:
    """The value of a flag written without `=`: `true` for a switch, else the next word, which is taken."""
    if name.lower() not in FILE_FLAGS:
        resolved = resolve(StaticConfiguration, split_name(name))
        if resolved.error:
            # An unknown flag is reported as such; a word that follows it would only be reported a second time.
            return words.pop(0) if words and not words[0].startswith("-") else ""
        if resolved.takes_no_value:
            return "true"
    return words.pop(0) if words else None


def assemble_flags(arguments: Arguments) -> Assembly:
    """The static options that the flags set."""
    assembly = Assembly(StaticConfiguration)
    for name, value, written in arguments.flags:
        assembly.set(split_name(name), value, written)
    return assembly


def describe_flags() -> list[tuple[str, str, str, str]]:
    """Every static option as (flag, default, type, description), sorted by flag."""
    rows = [("--configfile", "", "string", describe("configFile"))]
    rows.extend(_rows("", options_of(StaticConfiguration)))
    return sorted(rows, key=lambda row: row[0].lower())


def _rows(prefix: str, options: Sequence[Option]) -> Iterator[tuple[str, str, str, str]]:
    for option in options:
        name = f"{prefix}{option.key}"
        yield from _rows_of(name, option.shape, _default_text(option), option)


def _rows_of(name: str, shape: Shape, default: str, option: Option) -> Iterator[tuple[str, str, str, str]]:
    item = cast("Shape", shape.item)
    if shape.kind is Kind.MAP:
        yield from _rows_of(f"{name}.<name>", item, "", option)
    elif shape.kind is Kind.LIST and item.kind is Kind.SECTION:
        yield from _rows(f"{name}[n].", options_of(item.type))
    elif shape.kind is Kind.SECTION:
        if option.may_be_empty or name.endswith(">"):
            yield f"--{name}", default, "section", describe(name)
        yield from _rows(f"{name}.", options_of(shape.type))
    else:
        yield f"--{name}", default, _type_text(shape), _description(name, option)


def _description(name: str, option: Option) -> str:
    return f"deprecated: {option.deprecated}" if option.deprecated else describe(name)


def _type_text(shape: Shape) -> str:
    if shape.kind is Kind.LIST:
        return f"list of {_type_text(cast('Shape', shape.item))}s"
    names: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean", Duration: "duration"}
    return names.get(shape.type, "string")


def _default_text(option: Option) -> str:
    if option.shape.kind in (Kind.SECTION, Kind.MAP):
        return "false" if option.shape.kind is Kind.SECTION and option.may_be_empty else ""
    value = option.make_default()
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
