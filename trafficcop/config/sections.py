"""Nested dict → typed data: keys in any case, unknown keys refused with a suggestion, every Issue with its place.

A plan is made once per class: a dict from key to the function that reads the value. Functions take what was given, the
path to it, and the list of what was found wrong; what is wrong leaves the option at its default, so that one pass finds
everything. The rules are those of Traefik's `paerser` (`parser/nodes_metadata.go`, `parser/element_fill.go`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from trafficcop.config.coerce import CONVERTERS, shown, to_bool, to_text
from trafficcop.config.document import Document
from trafficcop.config.removed import removal_advice
from trafficcop.config.shape import Kind, Option, Shape, options_of
from trafficcop.errors import Issue

KeyPath = tuple[str | int, ...]
ABSENT = object()


class Findings:
    """What one pass over a Document found: errors and warnings by path, without positions yet."""

    __slots__ = ("errors", "ignores_unknown", "items", "labels")

    def __init__(self, labels: bool = False, *, ignores_unknown: bool = False) -> None:
        self.labels = labels
        self.ignores_unknown = ignores_unknown
        self.errors = 0
        self.items: list[tuple[KeyPath, str, bool, tuple[str, ...]]] = []

    def error(self, path: KeyPath, message: str, owner: tuple[str, ...] = ()) -> None:
        self.errors += 1
        self.items.append((path, message, False, owner))

    def unknown(self, path: KeyPath, message: str) -> None:
        """An option that does not exist: an error, unless the source may have some."""
        if self.ignores_unknown:
            self.warn(path, f"{message}, ignored")
        else:
            self.error(path, message)

    def warn(self, path: KeyPath, message: str) -> None:
        self.items.append((path, message, True, ()))

    def own(self, since: int, owner: tuple[str, ...]) -> None:
        """Everything found since `since` items is about the object `owner`."""
        for index in range(since, len(self.items)):
            path, message, is_warning, _ = self.items[index]
            self.items[index] = (path, message, is_warning, owner)

    def issues(self, document: Document) -> tuple[Issue, ...]:
        return tuple(
            Issue(message, path_text(path), document.locate(path), is_warning, owner)
            for path, message, is_warning, owner in self.items
        )


Reader = Callable[[Any, KeyPath, Findings], Any]


def path_text(path: Iterable[str | int]) -> str:
    """A path in Traefik's words: `http.services.web.loadBalancer.servers[0].url`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    # An Issue is one line, whatever somebody uses as a name.
    return text if text.isprintable() else repr(text)[1:-1]


def suggestion(key: str, known: Iterable[str]) -> str:
    """` (did you mean "x"?)`, or nothing when no known key is near."""
    import difflib  # here, for few keys are wrong

    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(key.lower()[:100], by_lower, n=1, cutoff=0.6)
    return f' (did you mean "{by_lower[near[0]]}"?)' if near else ""


class Section:
    """The plan of one class. Its readers are made when the first section of it is read: most never are."""

    __slots__ = ("_readers", "cls")

    def __init__(self, cls: type[Any]) -> None:
        self.cls = cls
        self._readers: dict[str, tuple[str, str, Reader]] = {}

    def _make_readers(self) -> dict[str, tuple[str, str, Reader]]:
        readers: dict[str, tuple[str, str, Reader]] = {}
        for option in options_of(self.cls):
            entry = (option.name, option.key, _option_reader(option))
            readers[option.key] = entry
            readers[option.key.lower()] = entry
        self._readers = readers  # at once: large files are read in threads
        return readers

    def build(self, given: Mapping[Any, Any], path: KeyPath, findings: Findings) -> Any:
        """An instance with everything that could be read; it is made even when something could not."""
        readers = self._readers or self._make_readers()
        values: dict[str, Any] = {}
        errors, since = findings.errors, len(findings.items)
        for key, value in given.items():
            entry = readers.get(key) or readers.get(str(key).lower())
            if entry is None:
                advice = removal_advice((*path, str(key)))
                near = suggestion(str(key), self.known(findings))
                findings.unknown((*path, str(key)), advice or f"unknown option {shown(key)}{near}")
                continue
            if value is None:
                continue
            # The path is in Traefik's spelling, whatever the case of the key: positions are found in any case.
            name, spelled, read = entry
            if name in values:
                if isinstance(value, dict) and (whole := united(given)) is not given:
                    findings.errors = errors
                    del findings.items[since:]
                    return self.build(whole, path, findings)
                findings.error((*path, key), "given twice, in different cases")
                continue
            result = read(value, (*path, spelled), findings)
            if result is not ABSENT:
                values[name] = result
        return self.cls(**values)

    def known(self, findings: Findings) -> list[str]:
        hidden = "not_in_labels" if findings.labels else "labels_only"
        return [option.key for option in options_of(self.cls) if not getattr(option, hidden)]


def united(given: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """Sections whose names differ in case alone put together (`[accessLog]`, `[accesslog.otlp]`); else `given`."""
    spelled: dict[str, Any] = {}
    whole: dict[Any, Any] = {}
    for key, value in given.items():
        known = spelled.setdefault(str(key).lower(), key)
        if known is key:
            whole[key] = value
        elif isinstance(value, dict) and isinstance(whole[known], dict):
            whole[known] = _joined(whole[known], value)
        else:
            whole[key] = value
    return whole if len(whole) < len(given) else given


def _joined(first: dict[Any, Any], second: dict[Any, Any]) -> dict[Any, Any]:
    joined = dict(first)
    for key, value in second.items():
        below = joined.get(key)
        joined[key] = _joined(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return joined


_sections: dict[type[Any], Section] = {}


def section_reader(cls: type[Any]) -> Section:
    """The plan of a class, made when it is first asked for."""
    section = _sections.get(cls)
    if section is None:
        section = _sections[cls] = Section(cls)
    return section


def _option_reader(option: Option) -> Reader:
    read = value_reader(option.shape, option.may_be_empty)
    if option.deprecated:
        read = _warning_reader(read, option)
    if option.labels_only or option.not_in_labels:
        read = _restricted_reader(read, option)
    return read


def _warning_reader(read: Reader, option: Option) -> Reader:
    advice = "deprecated" if option.deprecated == "deprecated" else f"deprecated: {option.deprecated.rstrip(';')}"

    def read_and_warn(value: Any, path: KeyPath, findings: Findings) -> Any:
        findings.warn(path, advice)
        return read(value, path, findings)

    return read_and_warn


def _restricted_reader(read: Reader, option: Option) -> Reader:
    def read_where_allowed(value: Any, path: KeyPath, findings: Findings) -> Any:
        if option.labels_only and not findings.labels:
            findings.error(path, "unknown option: it exists only as a label")
            return ABSENT
        if option.not_in_labels and findings.labels:
            findings.error(path, "unknown option: it cannot be set by a label")
            return ABSENT
        return read(value, path, findings)

    return read_where_allowed


def value_reader(shape: Shape, may_be_empty: bool = False) -> Reader:
    """The function that reads a value of this shape."""
    if shape.kind is Kind.SECTION:
        return _section_reader(section_reader(shape.type), may_be_empty)
    if shape.kind is Kind.MAP:
        return _map_reader(_entry_reader(cast("Shape", shape.item)))
    if shape.kind is Kind.LIST:
        item = cast("Shape", shape.item)
        if item.kind is Kind.SECTION:
            return _sections_reader(section_reader(item.type))
        return _scalars_reader(CONVERTERS[item.type])
    if shape.kind is Kind.ANY:
        return _read_any
    return _text_reader if shape.type is str else _scalar_reader(CONVERTERS[shape.type])


def _entry_reader(shape: Shape) -> Reader:
    """An entry of a map may be an empty section: `entryPoints: {web: {}}`."""
    return value_reader(shape, may_be_empty=shape.kind is Kind.SECTION)


def _section_reader(section: Section, may_be_empty: bool) -> Reader:
    def read_section(value: Any, path: KeyPath, findings: Findings) -> Any:
        if isinstance(value, dict):
            if value or may_be_empty:
                return section.build(value, path, findings)
            findings.error(path, "an empty section has no meaning here: give it options or remove it")
            return ABSENT
        if not may_be_empty:
            findings.error(path, f"expected a section with options, not {_given(value)}")
            return ABSENT
        return _switch(section, value, path, findings)

    return read_section


def _switch(section: Section, value: Any, path: KeyPath, findings: Findings) -> Any:
    """A section switched on or off by a scalar: `tls: true`."""
    try:
        is_on = value == "" or to_bool(value)
    except ValueError:
        # Of `entryPoints: {address: ":80"}` the name was forgotten.
        near = f" (is a name missing: <name>.{path[-1]}?)" if str(path[-1]) in section.known(findings) else ""
        findings.error(path, f"expected a section with options, or true or false, not {_given(value)}{near}")
        return ABSENT
    return section.build({}, path, findings) if is_on else ABSENT


def _given(value: Any) -> str:
    return "a list" if isinstance(value, list | tuple) else shown(value)


def _map_reader(read: Reader) -> Reader:
    def read_map(value: Any, path: KeyPath, findings: Findings) -> Any:
        if not isinstance(value, dict):
            findings.error(path, f"expected a mapping of names, not {_given(value)}")
            return ABSENT
        if not value:
            findings.error(path, "an empty section has no meaning here: give it options or remove it")
            return ABSENT
        result = {}
        for key, given in value.items():
            if given is None:
                continue
            item = read(given, (*path, key), findings)
            if item is not ABSENT:
                result[str(key)] = item
        return result

    return read_map


def _sections_reader(section: Section) -> Reader:
    read = _section_reader(section, may_be_empty=False)

    def read_sections(value: Any, path: KeyPath, findings: Findings) -> Any:
        if not value and isinstance(value, list | tuple | dict):
            return ABSENT  # `servers: {}` is a list without items, too
        if not isinstance(value, list | tuple):
            findings.error(path, "expected a list of sections")
            return ABSENT
        result = []
        for index, given in enumerate(value):
            item = ABSENT if given is None else read(given, (*path, index), findings)
            if item is not ABSENT:
                result.append(item)
        return tuple(result)

    return read_sections


def _scalars_reader(convert: Callable[[Any], Any]) -> Reader:
    def read_scalars(value: Any, path: KeyPath, findings: Findings) -> Any:
        if not value and not isinstance(value, int | float):
            return ABSENT  # an empty list is the same as none at all
        is_list = isinstance(value, list | tuple)
        try:
            items = value if is_list else to_text(value).split(",")
        except ValueError:
            findings.error(path, "expected a list, not a mapping")
            return ABSENT
        result = []
        for index, item in enumerate(items):
            if item is None:
                continue
            try:
                result.append(convert(item.strip() if type(item) is str else item))
            except ValueError as error:
                findings.error((*path, index) if is_list else path, str(error))
        return tuple(result)

    return read_scalars


def _scalar_reader(convert: Callable[[Any], Any]) -> Reader:
    def read_scalar(value: Any, path: KeyPath, findings: Findings) -> Any:
        try:
            return convert(value)
        except ValueError as error:
            findings.error(path, str(error))
            return ABSENT

    return read_scalar


def _text_reader(value: Any, path: KeyPath, findings: Findings) -> Any:
    if type(value) is str:
        return value
    try:
        return to_text(value)
    except ValueError as error:
        findings.error(path, str(error))
        return ABSENT


def _read_any(value: Any, path: KeyPath, findings: Findings) -> Any:
    return value
