"""The text format of Prometheus (https://prometheus.io/docs/instrumenting/exposition_formats/)."""

from __future__ import annotations

from collections.abc import Iterable

# All names are ASCII letters and underscores, which is what an answer to an old scraper has to say.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"
COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"


def escaped(value: str) -> str:
    """The value of a label."""
    if "\\" in value or '"' in value or "\n" in value:
        return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
    return value


def labels_text(**labels: str) -> str:
    return ",".join([f'{name}="{escaped(labels[name])}"' for name in sorted(labels)])


def number_text(value: float) -> str:
    """As Go writes it: without a fraction when there is none."""
    return str(int(value)) if value == int(value) else repr(value)


def heading(name: str, kind: str, about: str) -> str:
    return f"# HELP {name} {about}\n# TYPE {name} {kind}\n"


def family(name: str, kind: str, about: str, rows: Iterable[tuple[str, float]]) -> str:
    """All series of one name; nothing when there is none."""
    lines = [f"{name}{{{text}}} {value}\n" if text else f"{name} {value}\n" for text, value in rows]
    return heading(name, kind, about) + "".join(lines) if lines else ""
