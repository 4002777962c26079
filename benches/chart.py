"""A bar chart as SVG, readable on light and on dark pages."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

WIDTH = 720
_LABEL = 150
_BAR = 22
_GAP = 10
_TOP = 46
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#444}.t{font-weight:600;font-size:14px}"
    ".b{fill:#9aa7b4}.o{fill:#2f7d4f}@media(prefers-color-scheme:dark){text{fill:#ccc}.b{fill:#667}.o{fill:#4db37a}}"
)


def bars(title: str, unit: str, values: Mapping[str, float]) -> str:
    """One bar for each value, ours in another colour."""
    height = _TOP + len(values) * (_BAR + _GAP) + 8
    longest = max(values.values(), default=1.0) or 1.0
    room = WIDTH - _LABEL - 90
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        f'<text class="t" x="8" y="24">{escape(title)}</text>',
    ]
    for number, (name, value) in enumerate(values.items()):
        y = _TOP + number * (_BAR + _GAP)
        size = max(1.0, room * value / longest)
        kind = "o" if name.startswith("trafficcop") else "b"
        lines.append(f'<text x="{_LABEL - 10}" y="{y + 16}" text-anchor="end">{escape(name)}</text>')
        lines.append(f'<rect class="{kind}" x="{_LABEL}" y="{y}" width="{size:.1f}" height="{_BAR}" rx="3"/>')
        lines.append(f'<text x="{_LABEL + size + 8:.1f}" y="{y + 16}">{value:.1f} {escape(unit)}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"
