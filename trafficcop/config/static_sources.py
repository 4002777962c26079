"""The static configuration from where it is given: a file, else flags, else environment variables.

As in Traefik the three exclude one another, in this order, and a file in one of the usual places counts as given.
Unlike Traefik, a file that is named but does not exist is an error: silently using another one helps nobody.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from trafficcop.config.check_static import check_static
from trafficcop.config.decode import DYNAMIC_KEYS, decode_static
from trafficcop.config.document import Document
from trafficcop.config.effective import effective_static
from trafficcop.config.environment import assemble_environment, static_variables
from trafficcop.config.flags import Arguments, assemble_flags, split_arguments
from trafficcop.config.lazy import dataclass
from trafficcop.config.sections import suggestion
from trafficcop.config.shape import options_by_key
from trafficcop.config.sources import load_file
from trafficcop.config.static import StaticConfiguration
from trafficcop.errors import ConfigurationError, Issue, Position

PLACES = ("/etc/traefik/traefik", "$XDG_CONFIG_HOME/traefik", "$HOME/.config/traefik", "./traefik")
_EXTENSIONS = (".toml", ".yaml", ".yml")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


@dataclass(frozen=True, slots=True)
class LoadedStatic:
    """The static configuration as it acts, and what came with it.

    `dynamic_document`: the sections `http`, `tcp`, `udp` and `tls` that stood in the same file, if any.
    `config_file`: the file it was read from; None for flags, variables and nothing at all. `document`: what was given.
    """

    static: StaticConfiguration
    dynamic_document: Document | None = None
    config_file: str | None = None
    issues: tuple[Issue, ...] = ()
    document: Document | None = None

    @property
    def errors(self) -> tuple[Issue, ...]:
        """The Issues that forbid a start."""
        return tuple(issue for issue in self.issues if not issue.is_warning)


def load_static(argv: Sequence[str], environ: Mapping[str, str]) -> LoadedStatic:
    """Read the static configuration; what is wrong is in `issues`. `argv`: flags, no program name, no sub-command."""
    arguments = split_arguments(argv)
    named = _expand(arguments.config_file, environ).strip()
    path = named or find_file(environ)
    if path:
        return _with_issues(_load_config_file(path), (*arguments.issues, *_unused(arguments, path)))
    if arguments.flags or arguments.issues:
        assembly = assemble_flags(arguments)
        unused = [
            Issue("environment variables are ignored: flags are given", name, is_warning=True)
            for name in list(static_variables(environ))[:1]
        ]
        found = (*arguments.issues, *assembly.issues, *unused)
        return _with_issues(_loaded(assembly.document("flags")), found)
    assembly = assemble_environment(environ)
    return _with_issues(_loaded(assembly.document("environment")), tuple(assembly.issues))


def find_file(environ: Mapping[str, str]) -> str:
    """The first file in the usual places, or an empty text."""
    for place in PLACES:
        variable = _VARIABLE.match(place)
        if variable and not environ.get(variable[2]):
            continue
        for extension in _EXTENSIONS:
            path = _expand(place, environ) + extension
            if os.path.isfile(path):
                return path
    return ""


def _expand(text: str, environ: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda found: environ.get(found[1] or found[2], ""), text)


def _unused(arguments: Arguments, path: str) -> tuple[Issue, ...]:
    names = [written for _, _, written in arguments.flags]
    if not names:
        return ()
    return (Issue(f"flags are ignored, the configuration is in {path}", ", ".join(names), is_warning=True),)


def _with_issues(loaded: LoadedStatic, issues: tuple[Issue, ...]) -> LoadedStatic:
    return replace(loaded, issues=(*issues, *loaded.issues))


def _load_config_file(path: str) -> LoadedStatic:
    try:
        document = load_file(path)
    except ConfigurationError as error:
        return LoadedStatic(effective_static(StaticConfiguration()), None, path, error.issues)
    loaded = _loaded(document)
    dynamic = {key: value for key, value in document.data.items() if str(key).lower() in DYNAMIC_KEYS}
    issues = loaded.issues
    if not document.data:
        issues = (*issues, Issue("the file holds no configuration", position=Position(path)))
    elif not dynamic and not any(str(key).lower() in options_by_key(StaticConfiguration) for key in document.data):
        issues = (*issues, Issue(f"the file holds no known option{_nearest(document)}", position=Position(path)))
    dynamic_document = Document(dynamic, document.source, document.locate) if dynamic else None
    return LoadedStatic(loaded.static, dynamic_document, path, issues, document)


def _nearest(document: Document) -> str:
    """What the first key was meant to be, if any of them looks like something."""
    known = [*(option.key for option in options_by_key(StaticConfiguration).values()), *DYNAMIC_KEYS]
    return next(filter(None, (suggestion(str(key), known) for key in document.data)), "")


def _loaded(document: Document) -> LoadedStatic:
    decoded = decode_static(document)
    static = effective_static(decoded.value)
    # A check on top of a broken section would complain about the default that stands in for it.
    broken = {issue.path for issue in decoded.issues if not issue.is_warning}
    checks = (issue for issue in check_static(decoded.value, document.locate) if not _is_below(issue.path, broken))
    return LoadedStatic(static, issues=(*decoded.issues, *checks), document=document)


def _is_below(path: str, broken: set[str]) -> bool:
    return any(path == other or path.startswith((f"{other}.", f"{other}[")) for other in broken)
