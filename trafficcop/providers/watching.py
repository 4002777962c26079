"""Noticing that files change, and when they have come to rest."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable

from asyncinotify import Event, Inotify, Mask, Watch

from trafficcop.errors import Issue, Position
from trafficcop.providers.listing import Places, format_of

QUIET = 0.06  # so long nothing may happen before files are read
BURST = 0.6  # but so long after its first event even a burst without a pause is
HALF_WRITTEN = 2.0  # so long a writer that has not closed its file may pause
UNCLOSED = 6.0  # and so long it may write
# So long nothing is read after events that do not matter. A log beside our files is written to all the time, and to be
# woken for each write costs more than to write; of what waits meanwhile, equal events become one.
PAUSE = 0.25

_NAMES = Mask.CREATE | Mask.DELETE | Mask.MOVED_FROM | Mask.MOVED_TO
_CONTENT = Mask.MODIFY | Mask.CLOSE_WRITE | Mask.ATTRIB
_SELF = Mask.DELETE_SELF | Mask.MOVE_SELF
_MASK = _NAMES | _CONTENT | _SELF | Mask.ONLYDIR


Identity = tuple[int, int]


def identity_of(directory: str) -> Identity | None:
    """Tells one directory from another that has its path; None when there is none."""
    try:
        found = os.stat(directory)
    except OSError:
        return None
    return found.st_dev, found.st_ino


class Watching:
    """One inotify instance over a changing set of directories; calls `changed` at each event that matters."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._inotify = Inotify(sync_timeout=0)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._inotify.fd, self._on_readable)
        self._names: dict[int, set[str] | None] = {}
        self._wanted: dict[str, set[str] | None] = {}
        self._identities: dict[str, Identity | None] = {}
        self._writing: set[str] = set()
        self._first = self._last = 0.0
        self._resuming: asyncio.TimerHandle | None = None

    def close(self) -> None:
        self._loop.remove_reader(self._inotify.fd)
        if self._resuming is not None:
            self._resuming.cancel()
        self._inotify.close()

    def follow(self, places: Places) -> tuple[Issue, ...]:
        """Watch exactly `places` from now on. Returns what cannot be watched."""
        issues: list[Issue] = []
        # Two paths may lead to one directory, which has one watch: its names are the names of both.
        names: dict[int, set[str] | None] = {}
        identities = {directory: identity_of(directory) for directory in places.names}
        for directory, wanted in places.names.items():
            # Asked for each time: behind the same path there may be another directory now.
            try:
                watch = self._inotify.add_watch(directory, _MASK)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                problem = f"cannot be watched, changes will not be seen: {error.strerror}"
                issues.append(Issue(problem, position=Position(directory), is_warning=True))
                continue
            known = names.get(watch.wd, set())
            names[watch.wd] = None if wanted is None or known is None else wanted | known
        for old in self._inotify.watches:
            if old.wd not in names:
                self._forget(old)
        self._names = names
        self._identities = identities
        self._wanted = places.names
        return tuple(issues)

    def is_following(self, places: Places) -> bool:
        """Whether `places` are watched already, and each of them is still the directory it was."""
        return self._wanted == places.names and all(
            identity_of(directory) == identity for directory, identity in self._identities.items()
        )

    def _forget(self, watch: Watch) -> None:
        try:
            self._inotify.rm_watch(watch)
        except OSError:
            return  # the kernel has dropped it already, with the directory it was for

    async def rest(self) -> None:
        """Return when nothing has changed for a moment and nobody is in the middle of a file, or it takes too long."""
        while True:
            self._read()
            remaining = self._remaining(time.monotonic())
            if remaining <= 0:
                break
            await asyncio.sleep(min(remaining, QUIET))
        self._first = self._last = 0.0
        self._writing.clear()

    def _remaining(self, now: float) -> float:
        pause, longest = (HALF_WRITTEN, UNCLOSED) if self._writing else (QUIET, BURST)
        return min(self._last + pause, self._first + longest) - now

    def _on_readable(self) -> None:
        if not self._read():
            self._loop.remove_reader(self._inotify.fd)
            self._resuming = self._loop.call_later(PAUSE, self._resume)

    def _resume(self) -> None:
        self._resuming = None
        self._loop.add_reader(self._inotify.fd, self._on_readable)

    def _read(self) -> bool:
        """Take in what has happened; whether any of it matters."""
        has_found = False
        while (event := self._inotify.sync_get()) is not None:
            if self._matters(event):
                self._note(event)
                has_found = True
        return has_found

    def _matters(self, event: Event) -> bool:
        if event.watch is None or event.name is None:
            # The queue overflowed, or a watched directory itself moved away.
            return not event.mask & Mask.IGNORED
        name = str(event.name)
        names = self._names.get(event.watch.wd, set())
        if names is None:
            return bool(event.mask & _NAMES) or bool(format_of(name))
        return name in names

    def _note(self, event: Event) -> None:
        self._last = time.monotonic()
        self._first = self._first or self._last
        if event.watch is not None and event.name is not None:
            path = os.path.join(event.watch.path, event.name)
            if event.mask & Mask.MODIFY:
                self._writing.add(path)
            else:
                # Closed, gone, or replaced by a file that is whole.
                self._writing.discard(path)
        self._changed()
