"""Filtering, sorting and paging of the API's lists (Traefik `pkg/api/criterion.go`, `pkg/api/sort.go`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trafficcop.admin.representations import Object

PER_PAGE = 100
_LARGEST = 2**63 - 1
Query = Mapping[str, str]  # the first value of each parameter
SortKey = Callable[[Object], Any]


class BadPageError(Exception):
    """A page that cannot be shown; the text is for the client."""


def _integer(query: Query, key: str, default: int) -> int:
    text = query.get(key, "")
    if not text:
        return default
    value = int(text) if re.fullmatch(r"[+-]?[0-9]{1,4000}", text) else 0
    if not 0 < value <= _LARGEST:
        raise BadPageError(f"invalid request: {key}: {max(min(value, _LARGEST), -_LARGEST - 1)}")
    return value


def page_of(items: Sequence[Object], query: Query) -> tuple[Sequence[Object], int]:
    """The items of the page that was asked for, and the number of the next one (1 after the last).

    BadPageError for a page that is not there, or what is no number.
    """
    per_page = _integer(query, "per_page", PER_PAGE)
    page = _integer(query, "page", 1)
    start = (page - 1) * per_page
    if start and start >= len(items):
        raise BadPageError(f"invalid request: page: {page}, per_page: {per_page}")
    end = start + per_page
    return items[start:end], page + 1 if end < len(items) else 1


def is_wanted(item: Object, query: Query, *, searched: Sequence[str], is_router: bool) -> bool:
    """Whether an object passes every filter. `searched`: the members that `search` looks into."""
    status = query.get("status", "")
    if status and item["status"].casefold() != status.casefold():
        return False
    search = query.get("search", "").lower()
    if search and not any(search in text.lower() for key in searched for text in _texts(item.get(key, ""))):
        return False
    return not is_router or (_has_service(item, query) and _has_middleware(item, query))


def _texts(value: str | list[str]) -> Sequence[str]:
    return (value,) if isinstance(value, str) else value


def _has_service(item: Object, query: Query) -> bool:
    wanted, service = query.get("serviceName", ""), item.get("service", "")
    return not wanted or (wanted if "@" in service else wanted.partition("@")[0]) == service


def _has_middleware(item: Object, query: Query) -> bool:
    wanted = query.get("middlewareName", "")
    # UDP routers have none, and Traefik does not filter them by it.
    return not wanted or "priorityStr" not in item or wanted in item.get("middlewares", ())


def _member(key: str) -> SortKey:
    return lambda item: item.get(key, "")


_NAME = _member("name")


def _server_count(item: Object) -> int:
    return len(item.get("loadBalancer", {}).get("servers", ()))


ROUTER_KEYS: Mapping[str, SortKey] = {
    "provider": _member("provider"),
    "priority": lambda item: int(item.get("priorityStr", "0")),
    "status": _member("status"),
    "rule": _member("rule"),
    "service": _member("service"),
    "entryPoints": lambda item: len(item.get("entryPoints", ())),
}
SERVICE_KEYS: Mapping[str, SortKey] = {
    "type": _member("type"),
    "servers": _server_count,
    "provider": _member("provider"),
    "status": _member("status"),
}
MIDDLEWARE_KEYS: Mapping[str, SortKey] = {
    "type": _member("type"),
    "provider": _member("provider"),
    "status": _member("status"),
}
CERTIFICATE_KEYS: Mapping[str, SortKey] = {
    "cn": _member("commonName"),
    "name": _member("commonName"),
    "status": _member("status"),
    "issuer": lambda item: item.get("issuerOrg") or item.get("issuerCN", ""),
    "validUntil": _member("notAfter"),
}
CERTIFICATE_TEXTS = ("commonName", "issuerOrg", "issuerCN", "sans")


def arranged(items: Sequence[Object], query: Query, keys: Mapping[str, SortKey]) -> list[Object]:
    """Sorted by `sortBy`, then by name; by name alone when it is unknown. That of a certificate is its subject's."""
    by_name = keys.get("name", _NAME)
    key = keys.get(query.get("sortBy", ""), by_name)
    is_descending = (query.get("direction", "") or "asc") != "asc"
    return sorted(items, key=lambda item: (key(item), by_name(item), item["name"]), reverse=is_descending)
