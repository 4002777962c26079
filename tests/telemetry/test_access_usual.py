"""The lines written at one go are those of the general format."""

from __future__ import annotations

from time import perf_counter_ns, time_ns
from typing import Any

import pytest

from tests.telemetry.exchanges import exchange, headers, line_of
from trafficcop.config.observability import AccessLogFields, AccessLogQueryParameters
from trafficcop.http.body import EMPTY, Body, Bytes
from trafficcop.http.messages import Peer
from trafficcop.telemetry.access_format import FieldModes, usual_line
from trafficcop.telemetry.access_record import AccessRecord, Seen
from trafficcop.telemetry.access_usual import is_plain
from trafficcop.telemetry.clock import Clock, Second

# A field that nobody sends: the general format has to look for it.
GENERAL = headers("drop", **{"X-Nobody": "keep"})

EXCHANGES = {
    "usual": exchange(),
    "no query": exchange(query=None),
    "post": exchange(b"POST", request_size=12),
    "no host": exchange(authority=b""),
    "ipv6 host": exchange(authority=b"[2001:db8::1]:80"),
    "odd method": exchange(b"BR\xffEW"),
    "odd path": exchange(path=b'/"\x01<>\\'),
    "ampersand": exchange(query=b"a=1&b=2"),
    "no router": exchange(is_routed=False),
    "user": exchange(notes={"ClientUsername": b"a b"}),
    "forwarded": exchange(forwarded_for=b"198.51.100.1, 10.0.0.1"),
    "http/1.0": exchange(version=b"1.0"),
    "http/2": exchange(version=b"2.0"),
    "ipv6": exchange(peer=Peer("2001:db8::9", 44)),
    "no port": exchange(peer=Peer("192.0.2.9")),
    "tls": exchange(peer=Peer("192.0.2.9", 5, is_tls=True), tls_version="1.3", tls_cipher="TLS_AES_128_GCM_SHA256"),
    "retried": exchange(notes={"RetryAttempts": 2}, retry_attempts=2),
    "into the next second": exchange(duration=900_000_000),
    "in no time": exchange(started=1_700_000_000_000_000_000, duration=0),
    "traced": exchange(trace_id="0af7651916cd43dd8448eb211c80319c", span_id="b7ad6b7169203331"),
}

USUAL = [
    EXCHANGES[name]
    for name in (
        "usual",
        "no query",
        "post",
        "no host",
        "ipv6 host",
        "into the next second",
        "in no time",
    )
]


@pytest.mark.parametrize("format_", ["common", "json"])
@pytest.mark.parametrize("record", EXCHANGES.values(), ids=list(EXCHANGES))
def test_usual_and_general_lines_are_the_same(record: AccessRecord, format_: str) -> None:
    modes = FieldModes(AccessLogFields())
    usual = usual_line(format_, modes, record.entry_point)
    assert usual is not None
    request = record.request
    route, server = request.route, request.server
    if not record.forwarded_for and is_plain(request) and not record.trace_id and route and server:
        asked = record.origin_duration
        line = usual(
            seen(record), route, server, record.downstream_status, record.downstream_size, record.duration, asked
        )
        assert line in (b"", line_of(record, format_).encode() + b"\n")
        assert line or record not in USUAL


def seen(record: AccessRecord) -> Seen:
    """What the pipeline would have kept of it."""
    started = 5 * 10**9
    second = Second(started - record.started % 10**9, record.started // 10**9)
    path, mark, query = record.original_target.partition(b"?")
    body: Body = Bytes(b"x" * record.request_size) if record.request_size else EMPTY
    return (
        started, record.request, record.original_method, body, "http", path, query if mark else None,
        record.original_authority, record.forwarded_for, record.request_count, second,
    )  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [
        {"default_mode": "drop"},
        {"names": {"RouterName": "drop", "StartUTC": "drop"}},
        {"query_parameters": AccessLogQueryParameters("drop")},
        {"headers": GENERAL},
    ],
)
@pytest.mark.parametrize("format_", ["common", "json"])
def test_other_fields_are_left_to_the_general_format(fields: dict[str, Any], format_: str) -> None:
    assert usual_line(format_, FieldModes(AccessLogFields(**fields)), "web") is None


def test_the_generic_format_has_no_usual_line() -> None:
    assert usual_line("genericCLF", FieldModes(AccessLogFields()), "web") is None


def test_the_clock_follows_moments() -> None:
    clock = Clock()
    for moment in (perf_counter_ns(), perf_counter_ns() + 2 * 10**9, perf_counter_ns()):
        second = clock.second_of(moment)
        assert second.start <= moment < second.end
        assert abs(second.number * 10**9 + moment - second.start - (time_ns() + moment - perf_counter_ns())) < 10**9
        assert clock.second_of(second.start) is second
