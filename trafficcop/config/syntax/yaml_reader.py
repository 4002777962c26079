"""The YAML reader: text → nested dicts, lists and strings, with libyaml doing the scanning.

Scalars stay the strings that were written (`1.10`, `010`, `yes`, a date): the declared type of an option decides what
they mean, as in Traefik, where every value passes through a string. Only a plain null becomes None.

Why PyYAML's events: a file of 10,000 routers and services (110,000 lines) is read in 0.3 s, most of it libyaml's own
time, and composing nodes first doubles that. It comes with libyaml 0.2.5, which reads `[http://a]` as go-yaml does;
ruamel.yaml's C reader is libyaml 0.1.7 and refuses it. rapidyaml parses in 0.08 s but hands its tree to Python only
node by node, which takes the gain back; it knows no duplicate keys, and copies what an alias stands for.
"""

from __future__ import annotations

import contextlib
import gc
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from yaml._yaml import CParser
from yaml.error import MarkedYAMLError, YAMLError
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from yaml.reader import ReaderError

from trafficcop.config.syntax.marks import Mark, line_and_column
from trafficcop.errors import ConfigurationError, Issue, Position

# No option lies deeper than twelve levels; the rest is room for the free-form settings of plugins.
DEEPEST = 100
# Nodes that aliases may stand for, beyond those that are written out (a document of ten lines can mean billions).
MOST_ALIASED = 1_000_000
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_MERGE = object()
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


def read_yaml(text: str, source: str) -> Any:
    """The first document of `text`: a dict, list, string or None; ConfigurationError when it is not YAML."""
    try:
        with _uncollected():
            return _Builder(text, source).build()
    except (YAMLError, UnicodeError) as error:
        raise ConfigurationError([_syntax_issue(error, text, source)]) from error


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Hundreds of thousands of containers are made and none is garbage: the collector would walk them for nothing."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class _Builder:
    """What is being built: the open container, the key it waits to fill, and the containers around it."""

    def __init__(self, text: str, source: str) -> None:
        self.text = text
        self.source = source
        self.next_event = CParser(text).get_event
        self.root: list[Any] = []
        self.container: Any = self.root
        self.key: Any = None
        self.stack: list[tuple[Any, Any, str | None, int]] = []
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.merges: list[tuple[Any, Any, Any]] = []
        self.count = 0
        self.aliased = 0

    def build(self) -> Any:
        while True:
            event = self._scalars()
            kind = type(event)
            if kind is MappingStartEvent:
                self._open({}, event)
            elif kind is SequenceStartEvent:
                self._open([], event)
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                self._close()
            elif kind is AliasEvent:
                self._alias(event)
            elif kind is DocumentEndEvent or kind is StreamEndEvent:
                # go-yaml decodes the first document of a stream and leaves the others unread.
                return self.root[0] if self.root else None

    def _scalars(self) -> Any:
        """Take in scalars until another event comes: most events are scalars, so this loop decides the speed."""
        next_event, container, key = self.next_event, self.container, self.key
        is_map = type(container) is dict
        while True:
            event = next_event()
            if type(event) is not ScalarEvent:
                self.key = key
                return event
            self.count += 1
            value: Any = event.value
            if is_map and key is None:
                if event.anchor is not None:
                    self.anchors[event.anchor] = (value, 1)
                if value in container:
                    self._refuse_duplicate(value, event)
                key = _MERGE if value == "<<" and event.implicit[0] else value
                continue
            if value in _NULLS and event.implicit[0]:
                value = None
            if event.anchor is not None:
                self.anchors[event.anchor] = (value, 1)
            if not is_map:
                container.append(value)
            elif key is _MERGE:
                self._merge(value, event)
                key = None
            else:
                container[key] = value
                key = None

    def _open(self, child: Any, event: Any) -> None:
        if type(self.container) is dict and self.key is None:
            self._refuse("a key must be a text, not a mapping or a list", event)
        if len(self.stack) >= DEEPEST:
            self._refuse(f"nested deeper than {DEEPEST} levels", event)
        self._put(child, event)
        self.count += 1
        self.stack.append((self.container, self.key, event.anchor, self.count))
        self.container, self.key = child, None

    def _close(self) -> None:
        child = self.container
        while self.merges and self.merges[-1][0] is child:
            self._apply(*self.merges.pop())
        self.container, _, anchor, before = self.stack.pop()
        self.key = None
        if anchor is not None:
            self.anchors[anchor] = (child, self.count - before + 1)

    def _alias(self, event: Any) -> None:
        known = self.anchors.get(event.anchor)
        if known is None:
            self._refuse(f"unknown anchor {event.anchor!r}", event)
        value, size = known
        self.count += size
        self.aliased += size
        if self.aliased > MOST_ALIASED:
            self._refuse("aliases stand for too many values", event)
        if type(self.container) is dict and self.key is None:
            if not isinstance(value, str):
                self._refuse("a key must be a text, not a mapping or a list", event)
            if value in self.container:
                self._refuse_duplicate(value, event)
            self.key = value
            return
        self._put(value, event)
        self.key = None

    def _put(self, value: Any, event: Any) -> None:
        """Hang a container or an alias below the open container."""
        if type(self.container) is list:
            self.container.append(value)
        elif self.key is _MERGE:
            self._merge(value, event)
        else:
            self.container[self.key] = value

    def _merge(self, value: Any, event: Any) -> None:
        if value is None:
            return
        if isinstance(value, str):
            self._refuse("a merge key (<<) needs a mapping or a list of mappings", event)
        # The value may still be empty: it is merged when the mapping around it ends, and written keys win.
        self.merges.append((self.container, value, event))

    def _apply(self, container: dict[str, Any], value: Any, event: Any) -> None:
        for part in value if isinstance(value, list) else (value,):
            if not isinstance(part, dict):
                self._refuse("a merge key (<<) needs a mapping or a list of mappings", event)
            for key, given in part.items():
                container.setdefault(key, given)

    def _refuse_duplicate(self, key: str, event: Any) -> NoReturn:
        path: list[str | int] = []
        for container, used, _, _ in self.stack[1:]:
            path.append(len(container) - 1 if isinstance(container, list) else used)
        first = compose(self.text).find((*path, key))
        self._refuse(f"the key {key!r} is given twice (first at line {first.line}, column {first.column})", event)

    def _refuse(self, message: str, event: Any) -> NoReturn:
        mark = event.start_mark
        raise ConfigurationError([Issue(message, position=Position(self.source, mark.line + 1, mark.column + 1))])


def _syntax_issue(error: Exception, text: str, source: str) -> Issue:
    if isinstance(error, MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        message = error.problem or error.context or "not YAML"
        if message.startswith("found character that cannot start any token"):
            line = text.splitlines()[mark.line] if mark is not None else ""
            if "\t" in line[: len(line) - len(line.lstrip())]:
                message = "a tab cannot indent YAML: use spaces"
        position = Position(source, mark.line + 1, mark.column + 1) if mark is not None else Position(source)
        return Issue(message, position=position)
    if isinstance(error, ReaderError):
        return Issue("control characters are not allowed", position=_control_position(text, source))
    if isinstance(error, UnicodeEncodeError):
        return Issue("not valid Unicode", position=line_and_column(text, error.start, source))
    return Issue(str(error) or "not YAML", position=Position(source))


def _control_position(text: str, source: str) -> Position:
    # libyaml's own offset counts bytes of its buffer, so the character is looked for again.
    found = _CONTROL.search(text)
    return line_and_column(text, found.start(), source) if found else Position(source)


def compose(text: str) -> Mark:
    """Where every key and list item of the first document stands; what follows a syntax error is missing."""
    root = Mark(1, 1)
    # The reader has reported a syntax error already; what stands before it can still be found.
    with contextlib.suppress(YAMLError, UnicodeError), _uncollected():
        _compose_into(root, CParser(text).get_event)
    return root


def _compose_into(root: Mark, next_event: Any) -> None:
    anchors: dict[str, Mark] = {}
    stack: list[tuple[Mark, bool]] = []
    holder, is_map, waiting = root, False, root
    while True:
        event = next_event()
        kind = type(event)
        if kind is DocumentEndEvent or kind is StreamEndEvent:
            return
        if kind is MappingEndEvent or kind is SequenceEndEvent:
            holder, is_map = stack.pop()
            waiting = root
            continue
        if kind not in (ScalarEvent, AliasEvent, MappingStartEvent, SequenceStartEvent):
            continue
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        if is_map and waiting is root:
            name = event.value if kind is ScalarEvent else None
            waiting = Mark(line, column)
            holder.add(name, waiting)
            continue
        here = waiting
        if not is_map and stack:
            here = Mark(line, column)
            holder.items.append(here)
        waiting = root
        if kind is AliasEvent:
            here.same = anchors.get(event.anchor)
            continue
        if event.anchor is not None:
            anchors[event.anchor] = here
        if kind is not ScalarEvent:
            stack.append((holder, is_map))
            holder, is_map = here, kind is MappingStartEvent
