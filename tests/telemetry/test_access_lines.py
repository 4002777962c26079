"""Access log lines: formats, fields, modes and escaping."""

import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.telemetry.exchanges import COMMON, KEPT, START, exchange, headers, line_of
from trafficcop.config.observability import AccessLogFieldHeaders, AccessLogQueryParameters
from trafficcop.http.messages import Peer, Route
from trafficcop.telemetry import access_text
from trafficcop.telemetry.access_fields import JSON_FIELDS
from trafficcop.telemetry.access_format import canonical
from trafficcop.telemetry.access_groups import GROUPS


@pytest.fixture(autouse=True)
def zone(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    access_text.clf_local.cache_clear()
    access_text.iso_local.cache_clear()
    yield
    monkeypatch.undo()
    time.tzset()
    access_text.clf_local.cache_clear()
    access_text.iso_local.cache_clear()


@pytest.mark.parametrize(
    ("record", "fields", "line"),
    [
        (exchange(), {}, COMMON + ' 7 "web@file" "http://127.0.0.1:9000" 2ms'),
        (
            exchange(is_routed=False, downstream_status=404, downstream_size=19),
            {},
            '192.0.2.1 - - [14/Nov/2023:22:13:20 +0000] "GET /a?b=1 HTTP/1.1" 404 19 "-" "-" 7 "-" "-" 2ms',
        ),
        (
            exchange(),
            {"headers": KEPT},
            (
                '192.0.2.1 - - [14/Nov/2023:22:13:20 +0000] "GET /a?b=1 HTTP/1.1" 200 70 "http://example.com/" "curl/8"'
                ' 7 "web@file" "http://127.0.0.1:9000" 2ms'
            ),
        ),
        (
            exchange(),
            {"headers": AccessLogFieldHeaders(names={"user-agent": "redact"})},
            (
                '192.0.2.1 - - [14/Nov/2023:22:13:20 +0000] "GET /a?b=1 HTTP/1.1" 200 70 "-" "REDACTED"'
                ' 7 "web@file" "http://127.0.0.1:9000" 2ms'
            ),
        ),
        (
            exchange(),
            {"default_mode": "drop"},
            '- - - [-] "- - -" - - "-" "-" - "-" "-" 0ms',
        ),
        (
            exchange(),
            {"default_mode": "drop", "names": {"downstreamSTATUS": "keep", "startlocal": "keep"}},
            '- - - [15/Nov/2023:03:43:20 +0530] "- - -" 200 - "-" "-" - "-" "-" 0ms',
        ),
        (
            exchange(),
            {"names": {"ClientHost": "drop", "Duration": "nonsense"}},
            "-" + COMMON.removeprefix("192.0.2.1") + ' 7 "web@file" "http://127.0.0.1:9000" 2ms',
        ),
        (
            exchange(),
            {"query_parameters": AccessLogQueryParameters(default_mode="drop")},
            COMMON.replace("?b=1", "") + ' 7 "web@file" "http://127.0.0.1:9000" 2ms',
        ),
        (
            exchange(notes={"ClientUsername": "ann"}, forwarded_for=b"203.0.113.9, 10.0.0.1", version=b"2"),
            {},
            (
                '203.0.113.9,10.0.0.1 - ann [14/Nov/2023:22:13:20 +0000] "GET /a?b=1 HTTP/2.0" 200 70 "-" "-"'
                ' 7 "web@file" "http://127.0.0.1:9000" 2ms'
            ),
        ),
        (exchange(notes={"ClientUsername": ""}), {}, COMMON + ' 7 "web@file" "http://127.0.0.1:9000" 2ms'),
    ],
)
def test_common(record, fields, line):
    assert line_of(record, **fields) == line


def test_generic_clf_ends_with_the_user_agent():
    assert line_of(exchange(), "genericCLF") == COMMON


def test_what_came_in_is_logged_not_what_it_was_rewritten_to():
    record = exchange()
    record.request.raw_path, record.request.method, record.request.authority = b"/rewritten", b"PUT", b"other"
    event = json.loads(line_of(record, "json"))
    assert (event["RequestPath"], event["RequestMethod"], event["RequestAddr"]) == ("/a?b=1", "GET", "example.com:8080")


WHOLE = {
    "ClientAddr": "192.0.2.1:5000",
    "ClientHost": "192.0.2.1",
    "ClientPort": "5000",
    "ClientUsername": "-",
    "DownstreamContentSize": 70,
    "DownstreamStatus": 200,
    "Duration": 2_500_000,
    "OriginContentSize": 70,
    "OriginDuration": 2_000_000,
    "OriginStatus": 200,
    "Overhead": 500_000,
    "RequestAddr": "example.com:8080",
    "RequestContentSize": 0,
    "RequestCount": 7,
    "RequestHost": "example.com",
    "RequestMethod": "GET",
    "RequestPath": "/a?b=1",
    "RequestPort": "8080",
    "RequestProtocol": "HTTP/1.1",
    "RequestScheme": "http",
    "RetryAttempts": 0,
    "RouterName": "web@file",
    "ServiceAddr": "127.0.0.1:9000",
    "ServiceName": "app@file",
    "ServiceURL": "http://127.0.0.1:9000",
    "StartLocal": "2023-11-15T03:43:20.123456+05:30",
    "StartUTC": "2023-11-14T22:13:20.123456Z",
    "entryPointName": "web",
    "level": "info",
    "msg": "",
    "time": "2023-11-15T03:43:20+05:30",
}


def test_json_has_every_field_in_order():
    event = json.loads(line_of(exchange(), "json"))
    assert event == WHOLE
    assert list(event) == sorted(event)


def test_json_without_a_router():
    event = json.loads(line_of(exchange(is_routed=False, downstream_size=19), "json"))
    gone = {"RouterName", "ServiceAddr", "ServiceName", "ServiceURL"}
    assert set(WHOLE) - set(event) == gone
    assert (event["OriginStatus"], event["OriginDuration"], event["Overhead"]) == (0, 0, 2_500_000)
    assert event["GzipRatio"] == 0


def test_json_with_everything_there_can_be():
    record = exchange(
        peer=Peer("2001:db8::1", 443, is_tls=True),
        downstream_size=35,
        tls_version="1.3",
        tls_cipher="TLS_AES_128_GCM_SHA256",
        tls_client_subject="CN=ann",
        trace_id="0af7",
        span_id="b7ad",
        notes={"KubernetesIngressName": "in", "ClientUsername": "ann"},
        downstream_headers=[(b"content-type", b"text/html")],
        origin_headers=[(b"Server", b"x"), (b"server", b"y")],
    )
    line = line_of(record, "json", headers=KEPT)
    event = json.loads(line)
    assert list(event) == sorted(event)
    assert (
        event
        | {
            "ClientAddr": "[2001:db8::1]:443",
            "RequestScheme": "https",
            "GzipRatio": 2,
            "TLSVersion": "1.3",
            "TLSCipher": "TLS_AES_128_GCM_SHA256",
            "TLSClientSubject": "CN=ann",
            "TraceId": "0af7",
            "trace_id": "0af7",
            "SpanId": "b7ad",
            "span_id": "b7ad",
            "KubernetesIngressName": "in",
            "ClientUsername": "ann",
            "downstream_Content-Type": "text/html",
            "origin_Server": "x,y",
            "request_User-Agent": "curl/8",
            "request_X-Token": "secret",
        }
        == event
    )


@pytest.mark.parametrize("name", sorted(set(WHOLE) - {"level", "msg", "time"}))
def test_each_json_field_can_be_dropped_and_kept_alone(name):
    dropped = json.loads(line_of(exchange(), "json", names={name.upper(): "drop"}))
    assert dropped == {key: value for key, value in WHOLE.items() if key != name}
    alone = json.loads(line_of(exchange(), "json", default_mode="drop", names={name.lower(): "keep"}))
    assert alone == {key: WHOLE[key] for key in (name, "level", "msg", "time")}


@pytest.mark.parametrize("name", ["trace_id", "SpanId", "GzipRatio"])
def test_a_line_of_one_optional_field_parses(name):
    record = exchange(trace_id="1", span_id="2", downstream_size=35)
    alone = json.loads(line_of(record, "json", default_mode="drop", names={name: "keep"}))
    assert set(alone) == {name, "level", "msg", "time"}


@pytest.mark.parametrize(
    ("modes", "kept"),
    [
        (headers("drop"), {}),
        (headers("keep"), {"Referer": "http://example.com/", "User-Agent": "curl/8", "X-Token": "secret"}),
        (headers("redact"), {"Referer": "REDACTED", "User-Agent": "REDACTED", "X-Token": "REDACTED"}),
        (
            AccessLogFieldHeaders(default_mode="keep", names={"x-token": "redact", "referer": "drop"}),
            {"User-Agent": "curl/8", "X-Token": "REDACTED"},
        ),
        (AccessLogFieldHeaders(default_mode="drop", names={"X-TOKEN": "keep"}), {"X-Token": "secret"}),
        (
            AccessLogFieldHeaders(default_mode="nonsense", names={"x-token": "nonsense", "referer": "drop"}),
            {"User-Agent": "curl/8", "X-Token": "secret"},
        ),
    ],
)
def test_header_modes(modes, kept):
    event = json.loads(line_of(exchange(), "json", headers=modes))
    assert {key.removeprefix("request_"): event[key] for key in event if key.startswith("request_")} == kept


def test_host_and_framing_are_no_headers():
    record = exchange(request_headers=[(b"Host", b"x"), (b"transfer-encoding", b"chunked"), (b"Content-Length", b"1")])
    event = json.loads(line_of(record, "json", headers=KEPT))
    assert [key for key in event if key.startswith("request_")] == ["request_Content-Length"]


def test_query_is_dropped_from_json_too():
    dropped = AccessLogQueryParameters(default_mode="drop")
    assert json.loads(line_of(exchange(), "json", query_parameters=dropped))["RequestPath"] == "/a"


@pytest.mark.parametrize(
    ("authority", "parts"),
    [
        (b"example.com", ("example.com", "example.com", "-")),
        (b"[::1]:80", ("[::1]:80", "::1", "80")),
        (b"[::1]", ("[::1]", "[::1]", "-")),
        (b"a:b:c", ("a:b:c", "a:b:c", "-")),
        (b":80", (":80", "", "80")),
        (b"", (None, None, None)),
    ],
)
def test_request_address(authority, parts):
    event = json.loads(line_of(exchange(authority=authority), "json"))
    assert (event.get("RequestAddr"), event.get("RequestHost"), event.get("RequestPort")) == parts


@pytest.mark.parametrize(
    ("name", "spelled"),
    [("user-agent", "User-Agent"), ("X-FORWARDED-FOR", "X-Forwarded-For"), ("etag", "Etag"), ("a b", "a b")],
)
def test_canonical_header_names(name, spelled):
    assert canonical(name) == spelled


# === injection ===


@pytest.mark.parametrize(
    ("agent", "shown"),
    [
        (b'a" 200 "b', r"a\" 200 \"b"),
        (b"a\\", r"a\\"),
        (b"a\r\nb\x00\x1b[2J", r"a\x0d\x0ab\x00\x1b[2J"),
        (b"\xff\xfe", r"\xff\xfe"),
        ("žluťoučký".encode(), "žluťoučký"),
        ("a\u2028b\x85".encode(), r"a\u2028b\x85"),
    ],
)
def test_quoted_words_cannot_be_left(agent, shown):
    line = line_of(exchange(request_headers=[(b"User-Agent", agent)]), "genericCLF", headers=KEPT)
    assert line.endswith(f' "-" "{shown}"')


def test_target_is_percent_encoded_where_it_could_break_the_line():
    record = exchange(original_target=b'/a b"\x7f\xff\\?x=\n', original_method=b"G T")
    assert '"G%20T /a%20b%22%7F%FF%5C?x=%0A HTTP/1.1"' in line_of(record)


CLF = re.compile(
    r'\S+ - \S+ \[[^\]]+\] "\S+ \S+ \S+" \d+ \d+ "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*" \d+ "(?:[^"\\]|\\.)*" '
    r'"(?:[^"\\]|\\.)*" \d+ms'
)
FOREIGN = st.binary(max_size=30)


@given(FOREIGN, FOREIGN, FOREIGN, FOREIGN, st.text(max_size=9), st.text(max_size=9))
def test_every_line_parses_whatever_was_sent(target, agent, forwarded, authority, user, router):
    record = exchange(
        original_target=b"/" + target,
        original_authority=authority,
        forwarded_for=forwarded,
        request_headers=[(b"User-Agent", agent), (agent or b"x", target)],
        notes={"ClientUsername": user},
    )
    record.request.route = Route(router, "s")
    common = line_of(record, headers=KEPT)
    assert CLF.fullmatch(common)
    assert common.isprintable() or all(char.isprintable() or ord(char) >= 0xA0 for char in common)
    line = line_of(record, "json", headers=KEPT)
    assert len(line.splitlines()) == 1
    assert not set("<>&") & set(line)
    assert json.loads(line)["RouterName" if router else "level"] == (router or "info")


@pytest.mark.parametrize("names", [group for group, _ in GROUPS], ids=lambda names: names[0])
@pytest.mark.parametrize(
    "record",
    [
        exchange(),
        exchange(is_routed=False),
        exchange(peer=Peer("2001:db8::1", 9, is_tls=True), notes={"KubernetesServiceName": "s", "ClientUsername": "x"}),
        exchange(peer=Peer(""), authority=b"", forwarded_for=b"192.0.2.7", original_method=b"", retry_attempts=2),
        exchange(trace_id="7", started=START + 544_000),
        exchange(tls_version="1.3", tls_cipher="c", original_target=b"/<>?&", notes={}),
    ],
)
def test_groups_write_what_their_members_would(names, record):
    group = dict(GROUPS)[names](record)
    members = [(name, JSON_FIELDS[name](record)) for name in names]
    assert group == b"".join(b'"%b":%b,' % (name.encode(), value) for name, value in members if value)


def test_groups_hold_neighbours_in_order():
    order = sorted(JSON_FIELDS)
    for names, _ in GROUPS:
        start = order.index(names[0])
        assert tuple(order[start : start + len(names)]) == names
