"""Sprig's functions on paths, URLs, the environment and the network."""

from __future__ import annotations

import posixpath
import re
import secrets
import socket
import urllib.parse
from collections.abc import Mapping

from trafficcop.gotemplate.functions.registry import Family
from trafficcop.gotemplate.quoting import to_bytes
from trafficcop.gotemplate.values import FunctionError, Map, kind_name

PATHS = Family()
add = PATHS.add


@PATHS("clean osClean", "string")
def clean(path: str) -> str:
    made = posixpath.normpath(path) if path else "."
    return "/" + made.lstrip("/") if made.startswith("/") else made


@PATHS("base osBase", "string")
def base(path: str) -> str:
    if not path:
        return "."
    return path.rstrip("/").rsplit("/", 1)[-1] or "/"


@PATHS("ext osExt", "string")
def ext(path: str) -> str:
    name = path.rsplit("/", 1)[-1]
    return name[name.rindex(".") :] if "." in name else ""


add("dir osDir", "string", lambda path: clean(path[: path.rfind("/") + 1]))
add("isAbs osIsAbs", "string", lambda path: path.startswith("/"))

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_PARTS = ("scheme", "opaque", "host", "path", "query", "fragment", "userinfo")


@PATHS("urlParse", "string")
def url_parse(text: str) -> Map:
    if any(letter < " " or letter == "\x7f" for letter in text):
        raise FunctionError("unable to parse url: net/url: invalid control character in URL")
    rest, _, fragment = text.partition("#")
    scheme = _SCHEME.match(rest)
    if rest.startswith(":"):
        raise FunctionError("unable to parse url: missing protocol scheme")
    rest = rest[scheme.end() :] if scheme else rest
    made = dict.fromkeys((*_PARTS, "hostname"), "")
    rest, _, made["query"] = rest.partition("?")
    made["scheme"] = scheme[1].lower() if scheme else ""
    made["fragment"] = urllib.parse.unquote(fragment)
    if scheme and not rest.startswith("/"):
        made["opaque"] = rest
    elif rest.startswith("//"):
        authority, slash, path = rest[2:].partition("/")
        made["userinfo"], _, made["host"] = authority.rpartition("@")
        made["hostname"] = _hostname(made["host"])
        made["path"] = urllib.parse.unquote(slash + path)
    else:
        made["path"] = urllib.parse.unquote(rest)
    return Map(made)


def _hostname(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    name, _, port = host.rpartition(":")
    return name if name and (port.isdigit() or not port) else host


@PATHS("urlJoin", "map")
def url_join(parts: Map) -> str:
    given = {name: parts.get(name, "") for name in _PARTS}
    for name, value in given.items():
        if not isinstance(value, str):
            raise FunctionError(f"unable to parse {name} key, must be of type string, but {kind_name(value)} found")
    made = f"{given['scheme']}:" if given["scheme"] else ""
    if given["opaque"]:
        made += given["opaque"]
    else:
        path = urllib.parse.quote(to_bytes(given["path"]), safe="/$&+,:;=@!*'()~-._")
        if given["scheme"] or given["host"] or given["userinfo"]:
            user = given["userinfo"] + "@" if given["userinfo"] else ""
            has_authority = given["host"] or given["path"] or user
            made += f"//{user}{given['host']}" if has_authority else ""
            made += "/" if path and not path.startswith("/") and given["host"] else ""
        made += path
    made += f"?{given['query']}" if given["query"] else ""
    fragment = urllib.parse.quote(to_bytes(given["fragment"]), safe="/$&+,:;=@!*'()~-._?")
    return made + (f"#{fragment}" if fragment else "")


@PATHS("getHostByName", "string", cost=1000)
def host_by_name(name: str) -> str:
    """One of the addresses of a name."""
    found = sorted({str(entry[4][0]) for entry in socket.getaddrinfo(name, None)})
    return secrets.choice(found)


_REFERENCE = re.compile(r"\$(?:\{([^}]*)\}|([*#$@!?\-0-9])|(\w+))", re.ASCII)


def environment(environ: Mapping[str, str]) -> Family:
    """`env` and `expandenv` of one environment."""
    family = Family()
    family.add("env", "string", lambda name: environ.get(name, ""))
    family.add(
        "expandenv",
        "string",
        lambda text: _REFERENCE.sub(lambda found: environ.get(found[1] or found[2] or found[3] or "", ""), text),
    )
    return family
