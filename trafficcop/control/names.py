"""Names of dynamic objects: always `name@provider` once they are merged (`pkg/server/provider`)."""

from __future__ import annotations

from collections.abc import Iterable

from trafficcop.config.providers import Providers

# What decides between routers of equal priority when `providers.precedence` is not given: earlier wins.
PRECEDENCE = Providers().precedence


def qualify(name: str, provider: str) -> str:
    """The full name of what an object of `provider` refers to."""
    return name if "@" in name else f"{name}@{provider}"


def qualify_all(names: Iterable[str], provider: str) -> tuple[str, ...]:
    return tuple(qualify(name, provider) for name in names)


def provider_of(name: str) -> str:
    """The provider that references of this object resolve to: what stands after the first `@`."""
    parts = name.split("@", 2)
    return parts[1] if len(parts) > 1 else ""


def is_internal(name: str) -> bool:
    return name.endswith("@internal")


def normalise(name: str) -> str:
    """Letters and digits, everything else becomes one `-` between them (`pkg/provider/configuration.go`)."""
    return "-".join("".join(c if c.isalpha() or c.isnumeric() else " " for c in name).split())


class Ranks:
    """The place of every provider in the order of precedence; who is not in it comes last."""

    __slots__ = ("_places",)

    def __init__(self, precedence: Iterable[str] = ()) -> None:
        self._places = {name.lower(): place for place, name in enumerate(tuple(precedence) or PRECEDENCE)}

    def of(self, name: str) -> int:
        """The rank of an object by its qualified name; a name with two `@` has no provider here."""
        provider = name.rpartition("@")[2] if name.count("@") == 1 else ""
        return self._places.get(provider, len(self._places))
