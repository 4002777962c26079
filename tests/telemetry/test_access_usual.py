"""The lines written at one go are those of the general format."""

from __future__ import annotations

from time import monotonic, time
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.telemetry.exchanges import FixedClock, exchange, headers, line_of
from trafficcop.config.observability import AccessLogFields, AccessLogQueryParameters
from trafficcop.http.messages import Peer, Route, Target
from trafficcop.telemetry.access_format import FieldModes, usual_lines
from trafficcop.telemetry.access_record import AccessRecord
from trafficcop.telemetry.access_usual import BYTES, Finished, Lines
from trafficcop.telemetry.clock import Clock
from trafficcop.tls.facts import TLSFacts

# A field that nobody sends: the general format has to look for it.
GENERAL = headers("drop", **{"X-Nobody": "keep"})


def secure(subject: str) -> Peer:
    """A client that came through TLS."""
    peer = Peer("192.0.2.9", 5, is_tls=True)
    engine: Any = SimpleNamespace(version=lambda: "TLSv1.3", cipher=lambda: ("TLS_AES_128_GCM_SHA256", "", 128))
    peer.tls = TLSFacts(engine, "default", "example.com")
    peer.tls._subject = subject
    return peer


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
    "http/3": exchange(version=b"3.0"),
    "ipv6": exchange(peer=Peer("2001:db8::9", 44)),
    "no port": exchange(peer=Peer("192.0.2.9")),
    "tls": exchange(
        peer=secure("CN=client"), tls_version="1.3", tls_cipher="TLS_AES_128_GCM_SHA256", tls_client_subject="CN=client"
    ),
    "tls without a certificate": exchange(peer=secure(""), tls_version="1.3", tls_cipher="TLS_AES_128_GCM_SHA256"),
    "retried": exchange(notes={"RetryAttempts": 2}, retry_attempts=2),
    "into the next second": exchange(duration=900_000_000),
    "in no time": exchange(started=1_700_000_000_000_000_000, duration=0),
    "large": exchange(
        b"PUT", request_size=123_456_789, downstream_size=10**12, origin_size=10**12, request_count=10**9
    ),
    "odd status": exchange(downstream_status=999, origin_status=999),
    "early in its second": exchange(started=1_700_000_000_000_123_457),
    "traced": exchange(trace_id="0af7651916cd43dd8448eb211c80319c", span_id="b7ad6b7169203331"),
}


NAMED = EXCHANGES["odd names"] = exchange()
NAMED.request.route = Route('w"\u00e9\u20acb@file', "app@file")
NAMED.request.server = Target('\u4e2d"@file', "http://[::1]:9000/\u00fc")


@pytest.mark.parametrize("format_", ["common", "json"])
def test_usual_and_general_lines_are_the_same(format_: str) -> None:
    lines = usual_lines(format_, FieldModes(AccessLogFields()))
    assert lines is not None
    usual = [record for record in EXCHANGES.values() if is_usual(record)]
    assert len(usual) == len(EXCHANGES) - 5
    clock = FixedClock()
    kept = [clock.finished(record) for record in usual]
    assert written(lines, kept, clock) == [line_of(record, format_) + "\n" for record in usual]


@pytest.mark.parametrize(("method", "status"), [(b"HEAD", 200), (b"GET", 204), (b"GET", 304)])
@pytest.mark.parametrize("format_", ["common", "json"])
def test_what_is_not_sent_has_no_size(format_: str, method: bytes, status: int) -> None:
    lines = usual_lines(format_, FieldModes(AccessLogFields()))
    assert lines is not None
    sizes = {"downstream_size": 0, "origin_size": 0}
    record = exchange(method, downstream_status=status, origin_status=status, **sizes)
    clock = FixedClock()
    kept = list(clock.finished(record))
    kept[11] = 70
    assert written(lines, [tuple(kept)], clock) == [line_of(record, format_) + "\n"]  # type: ignore[list-item]


def written(lines: Lines, kept: list[Finished], clock: Clock) -> list[str]:
    """As they stand in a file."""
    return [line.encode(BYTES).decode() for line in lines(kept, clock)]


@pytest.mark.parametrize("format_", ["common", "json"])
def test_more_targets_and_hosts_than_anybody_remembers(format_: str) -> None:
    lines = usual_lines(format_, FieldModes(AccessLogFields()))
    assert lines is not None
    for number in range(3000):
        record = exchange(path=b"/%d" % number * (number % 100), query=None, authority=b"h%d" % number)
        clock = FixedClock()
        assert written(lines, [clock.finished(record)], clock) == [line_of(record, format_) + "\n"]


def is_usual(record: AccessRecord) -> bool:
    """What the observer lets pass."""
    return not (record.forwarded_for or record.request.notes or record.trace_id or record.request.route is None)


@given(
    st.binary(max_size=8), st.binary(max_size=8), st.none() | st.binary(max_size=8), st.binary(max_size=12),
    st.integers(0, 10**9 - 1), st.integers(0, 5 * 10**9),
)  # fmt: skip
def test_whatever_a_client_sends_stands_in_both_alike(
    method: bytes, path: bytes, query: bytes | None, authority: bytes, into: int, duration: int
) -> None:
    path = path.replace(b"?", b"")
    record = exchange(
        method or b"GET", path, query, authority=authority, started=1_700_000_000_000_000_000 + into,
        duration=duration, origin_duration=duration // 2,
    )  # fmt: skip
    for format_ in ("common", "json"):
        lines = usual_lines(format_, FieldModes(AccessLogFields()))
        assert lines is not None
        clock = FixedClock()
        kept = [clock.finished(record)]
        assert written(lines, kept, clock) == [line_of(record, format_) + "\n"]


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
    assert usual_lines(format_, FieldModes(AccessLogFields(**fields))) is None


def test_the_generic_format_has_no_usual_line() -> None:
    assert usual_lines("genericCLF", FieldModes(AccessLogFields())) is None


def test_the_clock_follows_moments() -> None:
    clock = Clock()
    for moment in (monotonic(), monotonic() + 2, monotonic()):
        second = clock.second_of(moment)
        assert second.start <= moment < second.end
        assert abs(second.number + second.into(moment) / 1e9 - (time() + moment - monotonic())) < 0.5
        assert clock.second_of(second.start) is second
