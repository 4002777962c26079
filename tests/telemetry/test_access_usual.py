"""The lines written at one go are those of the general format."""

from __future__ import annotations

import pytest

from tests.telemetry.exchanges import exchange, headers, line_of
from trafficcop.http.messages import Peer
from trafficcop.telemetry.access_record import AccessRecord

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
    "compressed": exchange(downstream_size=10),
    "retried": exchange(notes={"RetryAttempts": 2}, retry_attempts=2),
    "into the next second": exchange(duration=900_000_000),
    "in no time": exchange(started=1_700_000_000_000_000_000, duration=0),
    "traced": exchange(trace_id="0af7651916cd43dd8448eb211c80319c", span_id="b7ad6b7169203331"),
}


@pytest.mark.parametrize("format_", ["common", "json"])
@pytest.mark.parametrize("record", EXCHANGES.values(), ids=list(EXCHANGES))
def test_usual_and_general_lines_are_the_same(record: AccessRecord, format_: str) -> None:
    assert line_of(record, format_) == line_of(record, format_, headers=GENERAL)
