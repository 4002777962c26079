"""What a provider hands over: its whole configuration, every time anew."""

from __future__ import annotations

from trafficcop.config.dynamic import DynamicConfiguration
from trafficcop.config.lazy import dataclass
from trafficcop.errors import Issue


@dataclass(frozen=True, slots=True)
class Message:
    """The configuration of one provider as it stands now, and everything there is to say about it.

    What an error Issue is about is left out of `configuration`, or stands there with its last good content.
    """

    provider: str
    configuration: DynamicConfiguration
    issues: tuple[Issue, ...] = ()
