"""Which files a file provider reads, in which order, and where a change of them would show."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from trafficcop.errors import Issue, Position

FORMATS: Mapping[str, str] = {".toml": "toml", ".yaml": "yaml", ".yml": "yaml", ".json": "json"}

# In a directory JSON is somebody else's, such as the certificates of `acme.json`; a file that is named may be JSON.
_NOT_LISTED = ("", "json")

# The kernel follows at most so many symbolic links in one path (`man 7 path_resolution`).
_HOPS = 40


class Places:
    """The directories to watch: for each of them the names that matter, or None where every name does."""

    def __init__(self) -> None:
        self.names: dict[str, set[str] | None] = {}

    def add(self, directory: str, name: str | None) -> None:
        if name is None:
            self.names[directory] = None
            return
        known = self.names.setdefault(directory, set())
        if known is not None:
            known.add(name)

    def update(self, other: Places) -> None:
        for directory, names in other.names.items():
            for name in (None,) if names is None else names:
                self.add(directory, name)

    def trail(self, path: str) -> None:
        """Add every place where a change makes `path` mean another file: the file itself and each link on the way."""
        pending = _parts(os.path.abspath(path))
        current, hops = "/", 0
        while pending:
            name = pending.pop()
            step = os.path.normpath(os.path.join(current, name))
            mode = _mode(step)
            if not pending or mode == 0 or stat.S_ISLNK(mode):
                self.add(current, name)
            if mode == 0:
                return
            if not stat.S_ISLNK(mode):
                current = step
                continue
            hops += 1
            target = _link(step)
            if not target or hops > _HOPS:
                return
            current = "/" if target.startswith("/") else current
            pending.extend(_parts(target))


def _parts(path: str) -> list[str]:
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]


def _mode(path: str) -> int:
    try:
        return os.lstat(path).st_mode
    except OSError:
        return 0


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


@dataclass(slots=True)
class Listing:
    """The files in the order they are read. `unread`: directories that could not be listed, whose files stay."""

    files: list[str] = field(default_factory=list)
    places: Places = field(default_factory=Places)
    unread: list[str] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)

    def is_kept(self, path: str) -> bool:
        """Whether a file that is not listed stays, because nobody can say that it is gone."""
        return any(path.startswith(directory + os.sep) for directory in self.unread)


def format_of(path: str) -> str:
    """`yaml`, `toml` or `json` by the extension in any case; empty for a file that is none of ours."""
    return FORMATS.get(os.path.splitext(path)[1].lower(), "")


def list_file(path: str) -> Listing:
    """One file, whether it exists or not: reading it tells."""
    listing = Listing()
    if not format_of(path):
        known = ", ".join(FORMATS)
        listing.issues.append(Issue(f"unsupported file extension (known are {known})", position=Position(path)))
        return listing
    listing.files.append(path)
    listing.places.trail(path)
    return listing


def list_directory(directory: str) -> Listing:
    """Every YAML and TOML file below `directory`, entries in name order, sub-directories where their names stand."""
    listing = Listing()
    listing.places.trail(directory)
    _walk(directory, listing)
    return listing


def _walk(directory: str, listing: Listing) -> None:
    listing.places.add(os.path.abspath(directory), None)
    try:
        with os.scandir(directory) as found:
            entries = sorted(found, key=_name)
    except OSError as error:
        listing.unread.append(directory)
        problem = f"the directory cannot be read: {error.strerror}"
        listing.issues.append(Issue(problem, position=Position(directory)))
        return
    for entry in _visible(entries):
        if entry.is_dir(follow_symlinks=False):
            _walk(entry.path, listing)
        elif format_of(entry.name) not in _NOT_LISTED and not os.path.isdir(entry.path):
            listing.files.append(entry.path)
            if entry.is_symlink():
                listing.places.trail(entry.path)


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _visible(entries: Iterable[os.DirEntry[str]]) -> Iterable[os.DirEntry[str]]:
    """Without the `..data` of Kubernetes volumes, whose files are linked beside it, and the lock links of Emacs."""
    return (entry for entry in entries if not entry.name.startswith(("..", ".#")))
