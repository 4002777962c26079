"""A configuration read and compiled as a start would do it, without starting anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trafficcop.config.document import STATIC
from trafficcop.config.dynamic import DynamicConfiguration
from trafficcop.config.lazy import dataclass
from trafficcop.config.static_sources import LoadedStatic, load_static
from trafficcop.control.compile import Compilation, begin
from trafficcop.control.file_places import FilePlaces
from trafficcop.control.pairs import PairBook
from trafficcop.control.places import Locate, Places
from trafficcop.control.rule_book import RuleBook
from trafficcop.errors import NOWHERE, Issue
from trafficcop.plan.model import Plan
from trafficcop.plan.report import Report
from trafficcop.providers.file import FileProvider


@dataclass(frozen=True, slots=True)
class Offline:
    """What the files say. `issues`: everything there is to tell about them, errors and warnings."""

    loaded: LoadedStatic
    configurations: Mapping[str, DynamicConfiguration]
    compilation: Compilation
    plan: Plan
    report: Report
    issues: tuple[Issue, ...]


def read_configuration(argv: Sequence[str], environ: Mapping[str, str]) -> Offline:
    """Read what a start with these arguments would use; other providers than files are not asked."""
    loaded = load_static(argv, environ)
    issues = list(loaded.issues)
    configurations: dict[str, DynamicConfiguration] = {}
    provider, places = _file_provider(loaded, environ, issues)
    told: tuple[Issue, ...] = ()
    if provider is not None:
        message = provider.load()
        configurations[message.provider] = message.configuration
        told = message.issues
    compilation = begin(loaded.static, configurations, told, places, RuleBook(), PairBook())
    plan, report = compilation.outcome(None)
    return Offline(loaded, configurations, compilation, plan, report, (*issues, *report.issues))


def _file_provider(
    loaded: LoadedStatic, environ: Mapping[str, str], issues: list[Issue]
) -> tuple[FileProvider | None, Places]:
    options = loaded.static.providers.file
    one_file = loaded.config_file or "" if loaded.dynamic_document is not None else ""
    if options is not None and not (options.filename or options.directory):
        position = NOWHERE if loaded.document is None else loaded.document.locate(("providers", "file"))
        issues.append(Issue("neither filename nor directory is set", "providers.file", position))
        options = None
    given = loaded.document
    locators: dict[str, Locate] = {} if given is None else {STATIC: given.locate}
    if options is None and not one_file:
        return None, Places(locators)
    provider = FileProvider(options, environ=environ, one_file=one_file)
    return provider, Places({**locators, provider.name: FilePlaces(options, environ, one_file)})
