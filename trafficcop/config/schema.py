"""How an option is declared: a dataclass field, and what the field's metadata may say.

The key of an option is its field name in camel case unless `key` says otherwise (`sniStrict` ↔ `sni_strict`,
but `rootCAs` ↔ `root_cas`). The decoder, the encoder, `--help` and the documentation all read these declarations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, field
from types import MappingProxyType
from typing import Any

_EMPTY: Mapping[str, Any] = MappingProxyType({})


def _metadata(
    key: str, may_be_empty: bool, deprecated: str, labels_only: bool, not_in_labels: bool, secret: bool
) -> dict[str, object]:
    return {
        "key": key,
        "may_be_empty": may_be_empty,
        "deprecated": deprecated,
        "labels_only": labels_only,
        "not_in_labels": not_in_labels,
        "secret": secret,
    }


def option(
    default: Any,
    *,
    key: str = "",
    may_be_empty: bool = False,
    deprecated: str = "",
    labels_only: bool = False,
    not_in_labels: bool = False,
    secret: bool = False,
) -> Any:
    """An option with more to say than its default value.

    `may_be_empty`: the section may be switched on by `{}`, `true` or an empty value. `deprecated`: the advice to print.
    `secret`: never shown by the API or the log.
    """
    return field(
        default=default,
        metadata=_metadata(key, may_be_empty, deprecated, labels_only, not_in_labels, secret),
    )


def present(section: type[Any], *, key: str = "", may_be_empty: bool = False) -> Any:
    """A section that exists, with its defaults, as soon as its parent does."""
    return field(default_factory=section, metadata=_metadata(key, may_be_empty, "", False, False, False))


def mapping(*, key: str = "", deprecated: str = "", not_in_labels: bool = False, may_be_empty: bool = False) -> Any:
    """A map of names to values or sections; empty unless given."""
    return field(
        default_factory=dict,
        metadata=_metadata(key, may_be_empty, deprecated, False, not_in_labels, False),
    )


def key_of(declared: Field[Any]) -> str:
    """The option's key as Traefik spells it: `forceSTSHeader`."""
    key = str(declared.metadata.get("key", ""))
    if key:
        return key
    first, *rest = declared.name.rstrip("_").split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def has_flag(declared: Field[Any], flag: str) -> bool:
    """Whether the declaration carries `may_be_empty`, `labels_only`, `not_in_labels` or `secret`."""
    return bool(declared.metadata.get(flag))
