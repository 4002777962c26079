"""`trafficcop config`: prints the static configuration as it acts, with the source of each value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TextIO

from trafficcop.config.inventory import Inventory, plain, sources
from trafficcop.config.own_flags import take_choice, take_switch
from trafficcop.config.static_sources import load_static
from trafficcop.config.syntax.yaml_writer import write_yaml

USAGE = """\
trafficcop config prints the static configuration as it acts, each value with its source: file:line, a flag, a
variable, `implied` by other options, or a default. Secrets are masked.

Usage: trafficcop config [flags] [-c FILE | options]

Flags:
  --defaults          print the defaults of what is configured as well
  --format yaml|json  json: one object with `configuration` and, by path, `sources`
  -h, --help          print this

The configuration is found as when trafficcop starts: in a file, else in flags, else in variables.
"""


def run(arguments: list[str], environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """The exit code: 1 if the configuration is not valid, which is told instead."""
    has_defaults = take_switch(arguments, "defaults")
    form = take_choice(arguments, "format", ("yaml", "json"))
    loaded = load_static(arguments, environ)
    for issue in loaded.issues:
        if issue.is_warning != bool(loaded.errors):  # warnings alone, or errors alone
            print(f"{'warning: ' if issue.is_warning else ''}{issue}".replace("\n", " "), file=err)
    if loaded.errors:
        return 1
    nodes = Inventory(loaded.document, has_defaults=has_defaults).of(loaded.static)
    if form == "json":
        found = {"configuration": plain(nodes), "sources": sources(nodes)}
        print(json.dumps(found, indent=2, ensure_ascii=False), file=out)
    else:
        out.write(write_yaml(nodes))
    return 0
