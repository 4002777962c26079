"""The lines of usual exchanges with the usual fields: kept as they end, and written at one go for many.

A request about which nobody has anything to say, that a router took and a server answered; whatever else happens is
left to the general format, and a test holds the two against each other. A line written in between two requests costs
twice as much as one of a row: so they wait for one another.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar

from trafficcop.http.messages import Peer, Route, Target
from trafficcop.telemetry.access_fields import address_of, client_address, client_port, protocol_text, split_authority
from trafficcop.telemetry.access_text import (
    JSON_SAFE,
    TARGET_SAFE,
    bare_text,
    fraction,
    iso_local,
    json_name,
    json_text,
    quoted_name,
    target_text,
)
from trafficcop.telemetry.clock import Clock, Second

K = TypeVar("K")
V = TypeVar("V")

# Lines are texts, of characters that stand for the bytes with their numbers, so that none is lost: to put one together
# from texts takes two thirds of the time that it takes from bytes.
BYTES: Final = "latin-1"


def text_of(line: bytes) -> str:
    return line.decode(BYTES)


# What came in: the client, the version of HTTP, method, path, query and authority, its number, how much body. Where it
# went: router and server. What came of it: status and size of the answer. And when (`time.monotonic`): it came, the
# server was asked (if the format tells it), it was over.
Finished = tuple[
    Peer, bytes, bytes, bytes, bytes | None, bytes, int, int, Route, Target, int, int, float, float, float
]  # fmt: skip
Lines = Callable[[list[Finished], Clock], list[str]]

_MOST_KEPT = 1024
_LONGEST_KEPT = 256
_SECOND: Final = 1e9  # nanoseconds


class _Kept(dict[K, V]):
    """What clients choose and many requests have in common, as it is made to be written: thrown away when there is too
    much of it. Asked as `kept[name]`, which is quicker than any call."""

    def __init__(self, make: Callable[[K], V]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, name: K) -> V:
        if len(self) >= _MOST_KEPT:
            self.clear()
        made = self._make(name)
        if not isinstance(name, bytes) or len(name) <= _LONGEST_KEPT:
            self[name] = made
        return made


# A line is put together from as few pieces as it can be: what surrounds a value is part of it, if that is known before.

# === the common format ===

_NUMBERS = [str(number) for number in range(1024)]  # that come again and again
_MANY: Final = len(_NUMBERS)
_STARTED: Final = 12  # where this is in Finished


def common_lines(exchanges: list[Finished], clock: Clock) -> list[str]:
    """The common format with all of its fields and no header fields."""
    lines = []
    second = clock.second_of(exchanges[0][_STARTED])
    for (
        peer, version, method, path, query, _, number, _, route, server, status, size, started, _, ended,
    ) in exchanges:  # fmt: skip
        if started >= second.end or started < second.start:
            second = clock.second_of(started)
        if status == 204 or status == 304 or method == b"HEAD":
            size = 0
        target = path if query is None else b"%b?%b" % (path, query)
        took = int((ended - started) * 1e3)
        lines.append(
            f"{peer.clf or _client_clf(peer)}{second.clf}{_clf_methods[method]}{_clf_targets[target]}"
            f"{_clf_protocols[version]}{_NUMBERS[status]} "
            f'{_NUMBERS[size] if size < _MANY else size} "-" "-" {number}{route.clf or _route_clf(route)}'
            f"{server.clf or _server_clf(server)}{_NUMBERS[took] if took < _MANY else took}ms\n"
        )
    return lines


def _client_clf(peer: Peer) -> str:
    peer.clf = f"{text_of(bare_text(peer.ip)) or '-'} - - ["
    return peer.clf


def _route_clf(route: Route) -> str:
    route.clf = f" {text_of(quoted_name(route.name))} "
    return route.clf


def _server_clf(server: Target) -> str:
    server.clf = f"{text_of(quoted_name(server.url))} "
    return server.clf


_clf_methods = _Kept[bytes, str](lambda method: f"{text_of(target_text(method)) or '-'} ")
_clf_targets = _Kept[bytes, str](lambda target: text_of(target_text(target)))
_clf_protocols = _Kept[bytes, str](lambda version: f' {text_of(protocol_text(version))}" ')

# === JSON ===

_JSON_TARGET_SAFE = bytes(set(TARGET_SAFE) & set(JSON_SAFE))


def json_lines(exchanges: list[Finished], clock: Clock) -> list[str]:
    """The JSON format with all of its fields and no header fields."""
    lines = []
    second = clock.second_of(exchanges[0][_STARTED])
    for (
        peer, version, method, path, query, authority, number, received, route, server, status, size, started, asked,
        ended,
    ) in exchanges:  # fmt: skip
        if started >= second.end or started < second.start:
            second = clock.second_of(started)
        if status == 204 or status == 304 or method == b"HEAD":
            size = 0
        target = path if query is None else b"%b?%b" % (path, query)
        address, host, port = _authorities[authority]
        code, origin_code = _statuses[status]
        into, total = int((started - second.start) * _SECOND), int((ended - started) * _SECOND)
        origin = int((ended - asked) * _SECOND)
        length = _NUMBERS[size] if size < _MANY else str(size)
        part = f".{into}" if into >= 100_000_000 and into % 10 else fraction(into).decode()
        lines.append(
            f'{peer.json}{length}{code}{total},"OriginContentSize":{length}'
            f',"OriginDuration":{origin}{origin_code}{total - origin}{address}{received or "0"},"RequestCount":{number}'
            f"{host}{_json_methods[method]}{_json_targets[target]}{port}{_json_protocols[peer.is_tls][version]}"
            f"{route.json or _route_json(route)}{server.json or _server_json(server)}"
            f"{second.local}{part}{second.between}{part}{peer.json_end}"
            f"{second.json_end if ended < second.end else _json_end(second, ended)}"
        )
    return lines


def client_json(peer: Peer, entry_point: str) -> str:
    """The members that a client makes, the same for all requests of a connection: up to the size of the answer, and
    in `peer.json_end` from the end of StartUTC to the time of the line.

    To be asked for before a line is made, while the connection is there.
    """
    tls, members = peer.tls, [b'Z",']
    if tls is not None:
        named = ((b"TLSCipher", tls.cipher), (b"TLSClientSubject", tls.client_subject), (b"TLSVersion", tls.version))
        members += [b'"%b":%b,' % (key, json_name(value)) for key, value in named if value]
    members.append(b'"entryPointName":%b,"level":"info","msg":"","time":"' % json_name(entry_point))
    peer.json_end = text_of(b"".join(members))
    peer.json = text_of(
        b'{"ClientAddr":%b,"ClientHost":%b,"ClientPort":%b,"ClientUsername":"-","DownstreamContentSize":'
        % (client_address(peer), json_text(peer.ip), client_port(peer))
    )
    return peer.json


def _route_json(route: Route) -> str:
    route.json = f"{text_of(json_name(route.name))},"
    return route.json


def _server_json(server: Target) -> str:
    """The three members that a server makes."""
    server.json = text_of(
        b'"ServiceAddr":%b,"ServiceName":%b,"ServiceURL":%b,"StartLocal":"'
        % (address_of(server.url), json_name(server.service), json_name(server.url))
    )
    return server.json


def _json_end(second: Second, moment: float) -> str:
    """The time of a line that is written in a later second than this one."""
    return f'{text_of(iso_local(second.number + int(moment - second.start))[0])}{second.offset}"}}\n'


def _json_target(target: bytes) -> str:
    return text_of(target if not target.translate(None, _JSON_TARGET_SAFE) else json_text(target_text(target))[1:-1])


def _authority(authority: bytes) -> tuple[str, str, str]:
    """The three members that a Host makes, each with what is around it."""
    members = b"", b"", b""
    if authority:
        host, port = split_authority(authority)
        members = b'"RequestAddr":%b,' % json_text(authority), b'"RequestHost":%b,' % host, b'"RequestPort":%b,' % port
    address, name, number = map(text_of, members)
    return f',{address}"RequestContentSize":', f',{name}"RequestMethod":"', f'",{number}"RequestProtocol":"'


def _status(status: int) -> tuple[str, str]:
    """The members that a status makes: of the answer, and of the server's."""
    return f',"DownstreamStatus":{status},"Duration":', f',"OriginStatus":{status},"Overhead":'


def _json_protocol(version: bytes, scheme: str) -> str:
    return f'{text_of(protocol_text(version))}","RequestScheme":"{scheme}","RetryAttempts":0,"RouterName":'


_authorities = _Kept[bytes, tuple[str, str, str]](_authority)
_statuses = _Kept[int, tuple[str, str]](_status)
_json_methods = _Kept[bytes, str](lambda method: f'{text_of(json_text(method)[1:-1])}","RequestPath":"')
_json_targets = _Kept[bytes, str](_json_target)
_json_protocols = tuple(_Kept[bytes, str](partial(_json_protocol, scheme=scheme)) for scheme in ("http", "https"))
