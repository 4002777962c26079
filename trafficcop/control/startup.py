"""What is said once, when an instance starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trafficcop.config.dynamic import DynamicConfiguration
from trafficcop.config.pending import pending_warnings
from trafficcop.config.static import StaticConfiguration
from trafficcop.control.entry_point_models import is_udp
from trafficcop.control.places import Places
from trafficcop.errors import Issue


def startup_warnings(
    static: StaticConfiguration, configurations: Mapping[str, DynamicConfiguration], places: Places
) -> Sequence[Issue]:
    """Options that do not act yet, and defaults that are worth a thought."""
    return (*encoded_characters_notice(static), *pending_warnings(static, configurations, places.key))


def encoded_characters_notice(static: StaticConfiguration) -> tuple[Issue, ...]:
    """Encoded reserved characters pass unless they are forbidden: a server may read such a path differently."""
    names = [
        name for name, one in static.entry_points.items() if one.http.encoded_characters is None and not is_udp(one)
    ]
    if not names:
        return ()
    text = (
        "encoded reserved characters in paths (such as %2F) are let through on"
        f" {', '.join(sorted(names))}: forbid those that your servers would read differently"
    )
    return (Issue(text, "entryPoints.<name>.http.encodedCharacters", is_warning=True),)
