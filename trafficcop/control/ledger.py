"""The books of one compilation: every object with what is wrong with it, and everything there is to tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar

from trafficcop.config.document import STATIC, Path
from trafficcop.control.places import Places
from trafficcop.errors import Issue
from trafficcop.plan.report import Status

T = TypeVar("T")

Section = tuple[str, str]  # ("http", "routers")

_SUGGESTIONS = 20  # a search through thousands of names is worth it for the first mistakes only


class Entry(Generic[T]):
    """One object while it is compiled. `origin` is its name in the source, before it was split by entry point."""

    __slots__ = ("config", "errors", "is_disabled", "name", "origin", "section", "used_by")

    def __init__(self, section: Section, name: str, config: T, origin: str = "") -> None:
        self.section = section
        self.name = name
        self.origin = origin or name
        self.config = config
        self.errors: list[str] = []
        self.is_disabled = False
        self.used_by: list[str] = []

    def blame(self, text: str, *, is_critical: bool = True) -> None:
        """Note an error once; a critical one disables the object (`pkg/config/runtime`)."""
        if text not in self.errors:
            self.errors.append(text)
            self.is_disabled = self.is_disabled or is_critical

    @property
    def status(self) -> Status:
        if self.is_disabled:
            return "disabled"
        return "warning" if self.errors else "enabled"


class Ledger:
    """Collects Issues, each with the place of what it is about."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.issues: list[Issue] = []
        self._suggestions = 0

    def tell(self, entry: Entry[Any], text: str, *option: str | int, is_warning: bool = False) -> None:
        """Add an Issue about an option of an object."""
        self._add(entry, text, option, "", 0, is_warning)

    def tell_inside(self, entry: Entry[Any], text: str, option: str, value: str, column: int) -> None:
        """Add an Issue about one column of the text of an option."""
        self._add(entry, text, (option,), value, column, False)

    def tell_static(self, path: Path, text: str) -> None:
        """Add an Issue about a static option."""
        self.issues.append(Issue(text, dotted(path), self.places.key(STATIC, path)))

    def fail(self, entry: Entry[Any], text: str, *option: str | int) -> str:
        """Disable an object and say why; returns the text, for whoever depends on the object."""
        entry.blame(text)
        self._add(entry, text, option, "", 0, False)
        return text

    def _add(
        self, entry: Entry[Any], text: str, option: tuple[str | int, ...], value: str, column: int, is_warning: bool
    ) -> None:
        name, _, provider = entry.origin.rpartition("@")
        path = (*entry.section, name, *option)
        position = self.places.inside(provider, path, value, column)
        if not position.source:
            path = (*entry.section, entry.origin, *option)
        owner = () if is_warning else (*entry.section, entry.origin)
        self.issues.append(Issue(text, dotted(path), position, is_warning, owner))

    def suggest(self, name: str, known: Iterable[str]) -> str:
        """` (did you mean …?)` for a reference to nothing, or nothing."""
        if self._suggestions >= _SUGGESTIONS:
            return ""
        self._suggestions += 1
        # Without the providers: what the names have in common there says nothing.
        bare = {one.partition("@")[0]: one for one in known if not one.endswith("@internal")}
        import difflib  # here, for few names are wrong

        near = difflib.get_close_matches(name.partition("@")[0], bare, n=1)
        return f" (did you mean {bare[near[0]]}?)" if near else ""


def dotted(path: Iterable[str | int]) -> str:
    """`http.services.web.loadBalancer.servers[0].url`"""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text


def entries_of(
    section: Section, objects: Mapping[str, T], broken: Mapping[str, list[str]], empty: T
) -> dict[str, Entry[T]]:
    """An entry for every object, and a disabled one for every object that could not be decoded."""
    entries = {name: Entry(section, name, config) for name, config in objects.items()}
    for name, errors in broken.items():
        if name not in entries:
            entries[name] = Entry(section, name, empty)
            for error in errors:
                entries[name].blame(error)
    return entries
