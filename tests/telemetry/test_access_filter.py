"""Filters of the access log by router, entry point, method, path and client, with negation."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.control.given import static
from tests.telemetry.exchanges import exchange
from trafficcop.config.observability import AccessLogFilters
from trafficcop.http.messages import Peer
from trafficcop.telemetry.access_filter import filter_of

_log = logging.getLogger(__name__)


def is_kept(text: str, **changes: object) -> bool:
    """Whether the line of an exchange passes filters written as YAML."""
    log = static(f"accessLog: {{filters: {{{text}}}}}").access_log
    assert log is not None
    found = filter_of(log.filters, _log.error)
    return found is None or found.is_kept(exchange(**changes))  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("retryAttempts: false", True),
        ("routers: [web]", True),
        ("routers: web@file", True),
        ("routers: [web@other]", False),
        ("routers: ['w*']", True),
        ("routers: ['*@file', other]", True),
        ("routers: ['!web']", False),
        ("routers: ['!other']", True),
        ("routers: ['*', '!w*@file']", False),
        ("entryPoints: [web]", True),
        ("entryPoints: [websecure]", False),
        ("entryPoints: ['!websecure']", True),
        ("methods: [get]", True),
        ("methods: [POST, PUT]", False),
        ("methods: ['!GET']", False),
        ("paths: [/a]", True),
        ("paths: ['/a?b=1']", False),
        ("paths: [/]", False),
        ("paths: ['/*']", True),
        ("paths: ['!/a']", False),
        ("paths: ['! /health', '!/ping*']", True),
        ("paths: ['/.']", False),
        ("clientIPs: [192.0.2.1]", True),
        ("clientIPs: [192.0.2.0/24, '2001:db8::/32']", True),
        ("clientIPs: [10.0.0.0/8]", False),
        ("clientIPs: ['!192.0.2.0/24']", False),
        ("clientIPs: [192.0.2.0/24, '!192.0.2.1']", False),
        # All of these must hold, of Traefik's any.
        ("paths: [/a], methods: [POST]", False),
        ("statusCodes: [500-599], minDuration: 1ms", True),
        ("statusCodes: [500-599], minDuration: 1s", False),
        ("statusCodes: [200], paths: ['!/a']", False),
        ("statusCodes: [200], paths: [/a]", True),
    ],
)
def test_filters(text: str, kept: bool) -> None:
    assert is_kept(text) is kept


@pytest.mark.parametrize(("text", "kept"), [("routers: ['*']", False), ("routers: ['!web']", True)])
def test_a_request_that_no_router_took(text: str, kept: bool) -> None:
    assert is_kept(text, is_routed=False) is kept


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"forwarded_for": b"198.51.100.1, 192.0.2.1"}, True),
        ({"forwarded_for": b"192.0.2.1, 198.51.100.1"}, False),
        ({"forwarded_for": b"nobody"}, False),
        ({"peer": Peer("::ffff:198.51.100.7", 5)}, True),
        ({"peer": Peer("2001:db8::1", 5)}, False),
        ({"peer": Peer("", 0)}, False),
    ],
)
def test_whose_address(changes: dict[str, object], kept: bool) -> None:
    assert is_kept("clientIPs: [198.51.100.0/24]", **changes) is kept


def test_an_address_that_cannot_be_told_is_not_left_out() -> None:
    assert is_kept("clientIPs: ['!198.51.100.0/24']", forwarded_for=b"unknown")


def test_what_is_not_an_address_is_told(caplog: pytest.LogCaptureFixture) -> None:
    assert is_kept("clientIPs: [example.com]")
    (record,) = caplog.records
    assert record.message == "invalid client IPs in the access log filters"
    assert "example.com" in str(record.__dict__)


@given(st.text(), st.binary())
def test_no_pattern_and_no_path_is_too_odd(pattern: str, path: bytes) -> None:
    found = filter_of(AccessLogFilters(paths=(f"*{pattern}*",), methods=(pattern, "!GET")), _log.error)
    assert found is not None
    assert not found.is_kept(exchange(path=path, query=None))  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(
    ("pattern", "path", "kept"),
    [
        ("/a*b*c", b"/abbcc", True),
        ("/a*b*c", b"/acb", False),
        ("*b*b*", b"/abab", True),
        ("*b*b*", b"/ab", False),
        ("**", b"", True),
        ("*ab*ab", b"/ab", False),
        ("*foo*bar*baz", b"/" + b"foobar" * 50_000, False),
        ("*foo*bar*baz", b"/" + b"foobar" * 50_000 + b"baz", True),
    ],
)
def test_many_stars(pattern: str, path: bytes, kept: bool) -> None:
    found = filter_of(AccessLogFilters(paths=(pattern,)), _log.error)
    assert found is not None
    assert found.is_kept(exchange(path=path, query=None)) is kept  # type: ignore[no-untyped-call]
