"""Document → the static or the dynamic configuration, typed, with everything there is to say about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from trafficcop.config.document import Decoded, Document
from trafficcop.config.dynamic import DynamicConfiguration
from trafficcop.config.removed import advice_of_v1, removal_advice
from trafficcop.config.sections import (
    ABSENT,
    Findings,
    KeyPath,
    Reader,
    section_reader,
    suggestion,
    united,
    value_reader,
)
from trafficcop.config.shape import Kind, Option, Shape, options_by_key, options_of
from trafficcop.config.static import StaticConfiguration

T = TypeVar("T")
DYNAMIC_KEYS = frozenset(option.key for option in options_of(DynamicConfiguration))


def decode(cls: type[T], given: Document | Mapping[str, Any], *, labels: bool = False) -> Decoded[T]:
    """Decode a whole section; what is wrong in it stays at its default. `labels`: by the rules of container labels."""
    document = _document(given)
    findings = Findings(labels)
    value = section_reader(cls).build(dict(document.data), (), findings)
    return Decoded(cast("T", value), findings.issues(document))


def decode_static(given: Document | Mapping[str, Any]) -> Decoded[StaticConfiguration]:
    """The static configuration. Unknown keys at the top are named and ignored, below they are errors."""
    document = _document(given)
    findings = Findings()
    known = options_by_key(StaticConfiguration)
    sections: dict[str, Any] = {}
    for key, value in document.data.items():
        lowered = str(key).lower()
        advice = removal_advice((str(key),))
        if lowered in known:
            sections[key] = value
        elif advice:
            findings.error((str(key),), advice)
        elif lowered not in DYNAMIC_KEYS and not str(key).startswith(("x-", ".")):
            near = advice_of_v1(str(key)) or suggestion(str(key), [option.key for option in known.values()])
            findings.warn((str(key),), f"unknown option, ignored{near}")
    value = section_reader(StaticConfiguration).build(sections, (), findings)
    return Decoded(cast("StaticConfiguration", value), findings.issues(document))


def decode_dynamic(
    given: Document | Mapping[str, Any], *, labels: bool = False, ignores_unknown: bool = False
) -> Decoded[DynamicConfiguration]:
    """The dynamic configuration, object by object: a broken one is left out, its Issues name it as their `owner`."""
    document = _document(given)
    findings = Findings(labels, ignores_unknown=ignores_unknown)
    known = options_by_key(DynamicConfiguration)
    values: dict[str, Any] = {}
    for key, given_section in united(document.data).items():
        option = known.get(str(key).lower())
        if option is None:
            near = suggestion(str(key), DYNAMIC_KEYS)
            if near:
                findings.warn((str(key),), f"unknown option, ignored{near}")
            continue
        if given_section is None:
            continue
        if option.name in values:
            findings.error((key,), "given twice, in different cases")
            continue
        values[option.name] = _protocol(option, given_section, (option.key,), findings)
    return Decoded(DynamicConfiguration(**values), findings.issues(document))


def _document(given: Document | Mapping[str, Any]) -> Document:
    return given if isinstance(given, Document) else Document(given)


def _protocol(option: Option, given: Any, path: KeyPath, findings: Findings) -> Any:
    """One of `http`, `tcp`, `udp` and `tls`: kinds of objects by name (or, for certificates, in a list)."""
    cls = option.shape.type
    if not isinstance(given, dict):
        if given != "":
            findings.error(path, "expected a section with options")
        return cls()
    known = options_by_key(cls)
    values: dict[str, Any] = {}
    for key, objects in united(given).items():
        kind = known.get(str(key).lower())
        if kind is None or (findings.labels and kind.not_in_labels):
            near = suggestion(str(key), [item.key for item in known.values()])
            findings.unknown((*path, str(key)), f"unknown option{near}")
        elif kind.name in values:
            findings.error((*path, key), "given twice, in different cases")
        elif objects is not None and objects != "":
            values[kind.name] = _objects(kind, objects, (*path, kind.key), (option.key, kind.key), findings)
    return cls(**values)


def _objects(kind: Option, given: Any, path: KeyPath, owner: tuple[str, str], findings: Findings) -> Any:
    item = cast("Shape", kind.shape.item)
    read = value_reader(item, may_be_empty=True)
    if kind.shape.kind is Kind.LIST:
        if not isinstance(given, list):
            findings.error(path, "expected a list of sections")
            return ()
        listed = ((str(index), index, value) for index, value in enumerate(given))
        return tuple(_kept(listed, read, path, owner, findings).values())
    if not isinstance(given, dict):
        findings.error(path, "expected a mapping of names")
        return {}
    return _kept(((str(name), name, value) for name, value in given.items()), read, path, owner, findings)


def _kept(given: Any, read: Reader, path: KeyPath, owner: tuple[str, str], findings: Findings) -> dict[str, Any]:
    """The objects without an error, by name."""
    kept: dict[str, Any] = {}
    for name, step, value in given:
        if value is None:
            continue
        errors, since = findings.errors, len(findings.items)
        result = read(value, (*path, step), findings)
        if len(findings.items) > since:
            findings.own(since, (*owner, name))
        if findings.errors == errors and result is not ABSENT:
            kept[name] = result
    return kept
