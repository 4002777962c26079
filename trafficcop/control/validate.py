"""`--validate`: the static and the dynamic configuration checked together, without starting anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass

from trafficcop.config.lazy import dataclass
from trafficcop.config.schema import key_of
from trafficcop.config.static import StaticConfiguration
from trafficcop.control.offline import read_configuration
from trafficcop.control.startup import startup_warnings
from trafficcop.errors import Issue
from trafficcop.plan.report import Report


@dataclass(frozen=True, slots=True)
class Verdict:
    """Everything that is wrong, everything that is worth knowing, and how much there is of what."""

    errors: tuple[Issue, ...]
    warnings: tuple[Issue, ...]
    counts: Mapping[str, int]

    @property
    def is_valid(self) -> bool:
        return not self.errors

    def summary(self) -> str:
        """`2 entry points, 3 routers, 1 service, 0 middlewares: valid, 1 warning`"""
        objects = ", ".join(_counted(count, word) for word, count in self.counts.items())
        outcome = "valid" if self.is_valid else _counted(len(self.errors), "error")
        return f"{objects}: {outcome}, {_counted(len(self.warnings), 'warning')}"


def validate(argv: Sequence[str], environ: Mapping[str, str]) -> Verdict:
    """Check the configuration that a start with these arguments would use."""
    read = read_configuration(argv, environ)
    static = read.loaded.static
    issues = [*read.issues, *startup_warnings(static, read.configurations.values()), *unchecked_providers(static)]
    unique = sorted(dict.fromkeys(issues), key=_place)
    errors = tuple(issue for issue in unique if not issue.is_warning)
    warnings = tuple(issue for issue in unique if issue.is_warning)
    return Verdict(errors, warnings, _counts(static, read.report))


def unchecked_providers(static: StaticConfiguration) -> Iterable[Issue]:
    """Providers whose configuration is somewhere else, at this moment."""
    for declared in fields(static.providers):
        if declared.name != "file" and is_dataclass(getattr(static.providers, declared.name)):
            text = "what this provider delivers is not checked, only files are"
            yield Issue(text, f"providers.{key_of(declared)}", is_warning=True)


def _counts(static: StaticConfiguration, report: Report) -> dict[str, int]:
    """How many objects users have written; our own are not counted."""

    def own(*kinds: Iterable[str]) -> int:
        return sum(not name.endswith("@internal") for kind in kinds for name in kind)

    return {
        "entry point": len(static.entry_points),
        "router": own(report.routers, report.tcp_routers, report.udp_routers),
        "service": own(report.services, report.tcp_services, report.udp_services),
        "middleware": own(report.middlewares, report.tcp_middlewares),
    }


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _place(issue: Issue) -> tuple[bool, str, int, int]:
    """By source, then line; what has no place comes last, in the order it was found."""
    position = issue.position
    return (not position.source, position.source, position.line, position.column)
