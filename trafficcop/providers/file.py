"""The file provider: dynamic configuration from one file, a directory, or the static file itself."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from trafficcop.config.dynamic import DynamicConfiguration
from trafficcop.config.providers import FileProvider as FileOptions
from trafficcop.errors import Issue
from trafficcop.providers.content import NOTHING, Content, Reader, refresh, remarks, template_reader
from trafficcop.providers.duplicates import put_together
from trafficcop.providers.listing import Listing, Places, list_directory, list_file
from trafficcop.providers.message import Message
from trafficcop.providers.one_file import OneFile

if TYPE_CHECKING:
    from trafficcop.providers.watching import Watching

# More text than this is read in a thread, so that the event loop goes on.
_LARGE = 128 * 1024


class _Source:
    """Some files that are listed and read in one way, with the last good content of each."""

    def __init__(self, listed: Callable[[], Listing], reader: Reader, *, is_watched: bool) -> None:
        self.is_watched = is_watched
        self._list = listed
        self._reader = reader
        self._contents: dict[str, Content] = {}
        self.listing = Listing()

    def read(self) -> None:
        listing = self._list()
        kept = [path for path in self._contents if path not in listing.files and listing.is_kept(path)]
        contents = {path: refresh(path, self._contents.get(path, NOTHING), self._reader) for path in listing.files}
        contents.update((path, self._contents[path]) for path in kept)
        self._contents = contents
        self.listing = listing

    def parts(self) -> Iterable[tuple[str, DynamicConfiguration]]:
        return ((path, content.configuration) for path, content in self._contents.items())

    def issues(self) -> Iterable[Issue]:
        yield from self.listing.issues
        for path, content in self._contents.items():
            yield from remarks(path, content)

    def size(self) -> int:
        return sum(_size(path) for path in self._contents)


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


class FileProvider:
    """Everything that stands in files, as one provider named `file` (Traefik `pkg/provider/file`).

    `options` is `providers.file`, or None where only the one-file form is used; `one_file` is the path of the static
    file when dynamic sections stand in it. Where Traefik refuses everything because of one bad file, that file keeps
    its last good content here and the others go on.
    """

    name = "file"

    def __init__(self, options: FileOptions | None, *, environ: Mapping[str, str], one_file: str = "") -> None:
        self._sources: list[_Source] = []
        if one_file:
            self._sources.append(_Source(partial(list_file, one_file), OneFile(), is_watched=True))
        if options is not None:
            reader = template_reader(environ, has_debug_log=options.debug_log_generated_template)
            self._sources.append(_Source(_lister(options), reader, is_watched=options.watch))
        self._is_forced = False
        self._touched = asyncio.Event()
        self._unwatched: tuple[Issue, ...] = ()

    def load(self) -> Message:
        """Read every file and say what they hold."""
        self._read(is_forced=True)
        return self._message()

    def reload(self) -> None:
        """Read every file again now, also those that are not watched (SIGHUP)."""
        self._is_forced = True
        self._touched.set()

    async def provide(self) -> AsyncIterator[Message]:
        """The configuration as it is now, and again whenever it has changed."""
        sent = self.load()
        yield sent
        watching = self._watch()
        try:
            # Once more when the watches stand, for what changed before they did.
            self._touched.set()
            while True:
                await self._touched.wait()
                await self._refresh(watching)
                message = self._message()
                if message != sent:
                    sent = message
                    yield message
        finally:
            if watching is not None:
                watching.close()

    def _watch(self) -> Watching | None:
        if not any(source.is_watched for source in self._sources):
            return None
        from trafficcop.providers.watching import Watching  # what the first Message does not have to wait for

        watching = Watching(self._touched.set)
        self._unwatched = watching.follow(self._places())
        return watching

    async def _refresh(self, watching: Watching | None) -> None:
        if watching is not None and not self._is_forced:
            await watching.rest()
        self._touched.clear()
        is_forced, self._is_forced = self._is_forced, False
        if sum(source.size() for source in self._sources) > _LARGE:
            await asyncio.to_thread(self._read, is_forced=is_forced)
        else:
            self._read(is_forced=is_forced)
        if watching is not None:
            self._follow(watching)

    def _follow(self, watching: Watching) -> None:
        places = self._places()
        if watching.is_following(places):
            return
        self._unwatched = watching.follow(places)
        # What appeared before its directory was watched is found by reading once more.
        self._touched.set()

    def _read(self, *, is_forced: bool) -> None:
        for source in self._sources:
            if source.is_watched or is_forced:
                source.read()

    def _places(self) -> Places:
        places = Places()
        for source in self._sources:
            if source.is_watched:
                places.update(source.listing.places)
        return places

    def _message(self) -> Message:
        parts = [part for source in self._sources for part in source.parts()]
        configuration, doubled = put_together(parts)
        issues = [issue for source in self._sources for issue in source.issues()]
        return Message(self.name, configuration, (*issues, *doubled, *self._unwatched))


def _lister(options: FileOptions) -> Callable[[], Listing]:
    if options.directory:
        return partial(list_directory, options.directory)
    return partial(list_file, options.filename)
