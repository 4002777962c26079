"""Environment variables → static options: `TRAEFIK_ENTRYPOINTS_WEB_ADDRESS=:80` (Traefik `paerser/env/env.go`)."""

from __future__ import annotations

from collections.abc import Mapping

from trafficcop.config.assign import Assembly, split_name
from trafficcop.config.shape import options_of
from trafficcop.config.static import StaticConfiguration

# Ours comes last: it wins where both prefixes name the same option.
PREFIXES = ("TRAEFIK_", "TRAFFICCOP_")
# With the section that is gone and forbids a start in every form (`pkg/cli/deprecation.go`).
_ROOTS = frozenset(["PILOT", *(option.key.upper() for option in options_of(StaticConfiguration))])


def static_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that name static options, one per option, in the order of the options.

    Only the first word after the prefix decides: `TRAEFIK_PORT` and other names that Kubernetes or an image
    sets are not ours.
    """
    chosen: dict[str, str] = {}
    for prefix in PREFIXES:
        for name in environ:
            option = name.upper().removeprefix(prefix)
            if option != name.upper() and option.split("_")[0] in _ROOTS:
                chosen[option] = name
    return {chosen[option]: environ[chosen[option]] for option in sorted(chosen)}


def assemble_environment(environ: Mapping[str, str]) -> Assembly:
    """The static options that the variables set; names are lower case, so keys of maps are, too."""
    assembly = Assembly(StaticConfiguration)
    for name, value in static_variables(environ).items():
        assembly.set(split_name(name.lower().replace("_", "."))[1:], value, name)
    return assembly
