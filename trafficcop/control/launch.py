"""What the command line hands to the processes: the outcome of reading the static configuration."""

from __future__ import annotations

from collections.abc import Mapping

from trafficcop.config.document import Document
from trafficcop.config.lazy import dataclass
from trafficcop.config.static import StaticConfiguration


@dataclass(frozen=True, slots=True)
class Launch:
    """`static` is the effective configuration, with the entry points that Traefik adds.

    `document`: the dynamic sections of a file that holds both (the one-file form); `config_file`: that file.
    """

    static: StaticConfiguration
    environ: Mapping[str, str]
    config_file: str | None = None
    document: Document | None = None
