"""The three formats of the access log, put together once from the configuration: `format(record) -> one line`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from trafficcop.config.observability import AccessLogFields
from trafficcop.http.headers import Field
from trafficcop.telemetry.access_fields import (
    JSON_FIELDS,
    OPTIONAL,
    Getter,
    client_host,
    client_username,
    logged_at,
    path_alone,
    path_with_query,
    protocol,
    router_name,
    service_url,
)
from trafficcop.telemetry.access_groups import GROUPS
from trafficcop.telemetry.access_record import AccessRecord
from trafficcop.telemetry.access_text import (
    NANOSECONDS,
    bare_text,
    clf_local,
    clf_utc,
    json_string,
    json_text,
    quoted,
    quoted_name,
    target_text,
)
from trafficcop.telemetry.access_usual import Lines, common_lines, json_lines

_CLF_FIELDS = (
    "ClientHost", "ClientUsername", "StartUTC", "RequestMethod", "RequestPath", "RequestProtocol", "DownstreamStatus",
    "DownstreamContentSize", "RequestCount", "RouterName", "ServiceURL", "Duration",
)  # fmt: skip
KEEP, DROP, REDACT = "keep", "drop", "redact"
REDACTED = b"REDACTED"
Format = Callable[[AccessRecord], bytes]
_MILLISECOND = 10**6
_MODES_LIMIT = 1024
# Go keeps these apart from the other header fields of a message.
_UNSEEN = frozenset(["Host", "Transfer-Encoding", "Trailer"])


def canonical(name: str) -> str:
    """`user-agent` as `User-Agent` (Go's `textproto.CanonicalMIMEHeaderKey`)."""
    if not name.isascii() or " " in name:
        return name
    return "-".join(part[:1].upper() + part[1:].lower() for part in name.split("-"))


class FieldModes:
    """Which fields, header fields and query strings are kept (Traefik `pkg/observability/types/logs.go`)."""

    def __init__(self, fields: AccessLogFields) -> None:
        self._default = fields.default_mode != DROP
        self._names = {name.lower(): mode for name, mode in fields.names.items()}
        headers = fields.headers
        self._header_default = _header_mode(headers.default_mode, KEEP)
        self._header_names = {
            canonical(name): _header_mode(mode, self._header_default) for name, mode in headers.names.items()
        }
        self.has_query = fields.query_parameters.default_mode != DROP

    def is_kept(self, field: str) -> bool:
        mode = self._names.get(field.lower(), "")
        return mode == KEEP or (mode != DROP and self._default)

    def header_mode(self, canonical_name: str) -> str:
        return self._header_names.get(canonical_name, self._header_default)

    def is_usual(self, fields: Iterable[str]) -> bool:
        """All of these with the query, and no header field."""
        return self.has_query and not self.has_headers and all(map(self.is_kept, fields))

    @property
    def has_headers(self) -> bool:
        return self._header_default != DROP or any(mode != DROP for mode in self._header_names.values())


def _header_mode(mode: str, default: str) -> str:
    return mode if mode in (KEEP, DROP, REDACT) else default


# === common and genericCLF ===


def clf(modes: FieldModes, *, is_generic: bool) -> Format:
    """`host - user [time] "method path protocol" status size "referer" "agent"`, then Traefik's own four columns."""
    template = (
        b'%b - %b [%b] "%b %b %b" %b %b %b %b\n'
        if is_generic
        else b'%b - %b [%b] "%b %b %b" %b %b %b %b %b %b %b %bms\n'
    )
    getters = _clf_getters(modes) + ([] if is_generic else _traefik_getters(modes))

    def line(record: AccessRecord) -> bytes:
        return template % tuple([get(record) for get in getters])

    return line


def _dash(record: AccessRecord) -> bytes:
    return b"-"


def _quoted_dash(record: AccessRecord) -> bytes:
    return b'"-"'


def _host(record: AccessRecord) -> bytes:
    # A list of addresses stays one word of the line.
    return bare_text(client_host(record).replace(b", ", b",")) or b"-"


def _username(record: AccessRecord) -> bytes:
    return bare_text(client_username(record)) or b"-"


def _start_utc(record: AccessRecord) -> bytes:
    return clf_utc(record.started // NANOSECONDS)


def _start_local(record: AccessRecord) -> bytes:
    return clf_local(record.started // NANOSECONDS)


def _method(record: AccessRecord) -> bytes:
    return target_text(record.original_method) or b"-"


def _status(record: AccessRecord) -> bytes:
    return b"%d" % record.downstream_status


def _size(record: AccessRecord) -> bytes:
    return b"%d" % record.downstream_size


def _count(record: AccessRecord) -> bytes:
    return b"%d" % record.request_count


def _router(record: AccessRecord) -> bytes:
    name = router_name(record)
    return quoted_name(name) if name else b'"-"'


def _url(record: AccessRecord) -> bytes:
    url = service_url(record)
    return quoted_name(url) if url else b'"-"'


def _milliseconds(record: AccessRecord) -> bytes:
    return b"%d" % (record.duration // _MILLISECOND)


def _zero(record: AccessRecord) -> bytes:
    return b"0"


def _clf_getters(modes: FieldModes) -> list[Getter]:
    start = _start_utc if modes.is_kept("StartUTC") else _start_local if modes.is_kept("StartLocal") else _dash
    path = path_with_query if modes.has_query else path_alone
    return [
        _host if modes.is_kept("ClientHost") else _dash,
        _username if modes.is_kept("ClientUsername") else _dash,
        start,
        _method if modes.is_kept("RequestMethod") else _dash,
        path if modes.is_kept("RequestPath") else _dash,
        protocol if modes.is_kept("RequestProtocol") else _dash,
        _status if modes.is_kept("DownstreamStatus") else _dash,
        _size if modes.is_kept("DownstreamContentSize") else _dash,
        _header_getter("Referer", modes),
        _header_getter("User-Agent", modes),
    ]


def _traefik_getters(modes: FieldModes) -> list[Getter]:
    return [
        _count if modes.is_kept("RequestCount") else _dash,
        _router if modes.is_kept("RouterName") else _quoted_dash,
        _url if modes.is_kept("ServiceURL") else _quoted_dash,
        _milliseconds if modes.is_kept("Duration") else _zero,
    ]


def _header_getter(name: str, modes: FieldModes) -> Getter:
    """A quoted request header field, as its mode has it."""
    mode = modes.header_mode(name)
    if mode == DROP:
        return _quoted_dash
    wanted, size = name.lower().encode(), len(name)

    def get(record: AccessRecord) -> bytes:
        values = [
            value for field, value in record.request_headers or () if len(field) == size and field.lower() == wanted
        ]
        if not values:
            return b'"-"'
        text = REDACTED if mode == REDACT else values[0] if len(values) == 1 else b",".join(values)
        return quoted(text) if text else b'"-"'

    return get


# === json ===


def json_line(modes: FieldModes) -> Format:
    """One object a line, its keys in order; `level`, `msg` and `time` stand among them."""
    template = b""
    getters: list[Getter] = []
    for text, getter in _members(modes):
        template += text
        if getter is not None:
            getters.append(getter)
    template = b"{" + template + b"}\n"

    def line(record: AccessRecord) -> bytes:
        return template % tuple([get(record) for get in getters])

    return line


def usual_lines(format_: str, modes: FieldModes) -> Lines | None:
    """What writes the lines of usual exchanges, if these fields are the usual ones."""
    if format_ == "json":
        return json_lines if modes.is_usual(JSON_FIELDS) else None
    return common_lines if format_ != "genericCLF" and modes.is_usual(_CLF_FIELDS) else None


_CONSTANTS: Mapping[str, bytes] = {"level": b'"info"', "msg": b'""'}
_HEADERS = {"downstream_": "downstream_headers", "origin_": "origin_headers", "request_": "request_headers"}


def _members(modes: FieldModes) -> Iterator[tuple[bytes, Getter | None]]:
    """Pieces of the template, each with what fills its one place."""
    kept = set(filter(modes.is_kept, JSON_FIELDS))
    grouped = {group[0]: (group, getter) for group, getter in GROUPS if kept.issuperset(group)}
    if not modes.has_query:
        grouped.pop("RequestAddr", None)  # that group writes the path with its query
    followers = {name for group, _ in grouped.values() for name in group[1:]}
    for name in sorted([*(kept - followers), *_CONSTANTS, "time", *(_HEADERS if modes.has_headers else ())]):
        key, comma = b'"%b":' % name.encode(), b"," if name != "time" else b""
        if name in grouped:
            yield b"%b", grouped[name][1]
        elif name in _CONSTANTS:
            yield key + _CONSTANTS[name] + comma, None
        elif name in _HEADERS:
            yield b"%b", _header_group(name, modes)
        elif name in OPTIONAL:
            yield b"%b", _optional(key, _getter(name, modes), is_last=name > "time")
        else:
            yield key + b"%b" + comma, _getter(name, modes)


def _path_alone(record: AccessRecord) -> bytes:
    return json_text(path_alone(record))


def _getter(name: str, modes: FieldModes) -> Getter:
    if name == "time":
        return logged_at
    return _path_alone if name == "RequestPath" and not modes.has_query else JSON_FIELDS[name]


def _optional(key: bytes, get: Getter, *, is_last: bool) -> Getter:
    """A member with its comma, or nothing. Behind `time`, the last constant member, the comma comes first."""
    before, after = (b"," + key, b"") if is_last else (key, b",")

    def member(record: AccessRecord) -> bytes:
        value = get(record)
        return before + value + after if value else b""

    return member


def _header_group(prefix: str, modes: FieldModes) -> Getter:
    attribute = _HEADERS[prefix]
    known: dict[bytes, tuple[str, str]] = {}

    def mode_of(name: bytes) -> tuple[str, str]:
        found = known.get(name)
        if found is None:
            spelled = canonical(name.decode("latin-1"))
            mode = DROP if spelled in _UNSEEN else modes.header_mode(spelled)
            found = (mode, spelled)
            if len(known) < _MODES_LIMIT:  # clients choose the names
                known[name] = found
        return found

    def members(record: AccessRecord) -> bytes:
        fields: Iterable[Field] | None = getattr(record, attribute)
        if not fields:
            return b""
        values: dict[str, bytes] = {}
        for name, value in fields:
            mode, spelled = mode_of(name)
            if mode == KEEP:
                values[spelled] = values[spelled] + b"," + value if spelled in values else value
            elif mode == REDACT:
                values[spelled] = REDACTED
        return b"".join([b"%b:%b," % (json_string(prefix + name), json_text(values[name])) for name in sorted(values)])

    return members
