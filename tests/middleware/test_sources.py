"""ipAllowList, ipWhiteList and source criteria."""

from __future__ import annotations

import pytest

from tests.support import Origin, build, make_request, run
from trafficcop.config.middlewares import IPAllowList, IPStrategy, IPWhiteList, SourceCriterion
from trafficcop.middleware.source import ip_strategy, source_criterion


@pytest.mark.parametrize(
    ("ranges", "peer", "is_served"),
    [
        (("192.0.2.1",), "192.0.2.1", True),
        (("192.0.2.1",), "192.0.2.2", False),
        (("192.0.2.0/24",), "192.0.2.200", True),
        (("192.0.2.77/24",), "192.0.2.200", True),
        (("198.51.100.1", "192.0.2.0/24"), "192.0.2.200", True),
        (("2001:db8::/32",), "2001:db8::1", True),
        (("2001:db8::/32",), "2001:db9::1", False),
        (("fe80::/10",), "fe80::1%eth0", True),
        (("::ffff:192.0.2.1",), "192.0.2.1", True),
        (("192.0.2.1",), "::ffff:192.0.2.1", True),
        (("0.0.0.0/0",), "2001:db8::1", False),
        (("0.0.0.0/0", "::/0"), "@", False),
    ],
)
async def test_allow_list(ranges: tuple[str, ...], peer: str, is_served: bool) -> None:
    handler = build("ip_allow_list", IPAllowList(source_range=ranges), Origin())
    request = make_request(peer=peer)
    for _ in range(2):
        answer = await run(handler, request)
        assert answer == ((200, {}, b"hello") if is_served else (403, {}, b"Forbidden"))


@pytest.mark.parametrize(
    ("strategy", "forwarded", "is_served"),
    [
        (IPStrategy(depth=1), "198.51.100.1, 192.0.2.1", True),
        (IPStrategy(depth=2), "192.0.2.1 , 198.51.100.1", True),
        (IPStrategy(depth=2), "192.0.2.1", False),
        (IPStrategy(depth=1), None, False),
        (IPStrategy(depth=1), "192.0.2.1:1234", True),
        (IPStrategy(depth=1), "garbage", False),
        (IPStrategy(excluded_ips=("198.51.100.0/24",)), "192.0.2.1, 198.51.100.1, , 198.51.100.2", True),
        (IPStrategy(excluded_ips=("198.51.100.0/24",)), "192.0.2.1, 203.0.113.1", False),
        (IPStrategy(excluded_ips=("192.0.2.0/24",)), "192.0.2.1", False),
        (IPStrategy(1, excluded_ips=("192.0.2.0/24",)), "192.0.2.1", True),
    ],
)
async def test_strategies(strategy: IPStrategy, forwarded: str | None, is_served: bool) -> None:
    config = IPAllowList(strategy, 404, ("192.0.2.0/24",))
    headers = [] if forwarded is None else [("X-Forwarded-For", forwarded)]
    answer = await run(build("ip_allow_list", config, Origin()), make_request(peer="203.0.113.1", headers=headers))
    assert answer == ((200, {}, b"hello") if is_served else (404, {}, b"Not Found"))


async def test_white_list() -> None:
    handler = build("ip_white_list", IPWhiteList(source_range=("192.0.2.1",)), Origin())
    assert (await run(handler, make_request()))[0] == 200
    assert await run(handler, make_request(peer="192.0.2.2")) == (403, {}, b"Forbidden")


@pytest.mark.parametrize(
    ("kind", "config", "text"),
    [
        ("ip_allow_list", IPAllowList(), "sourceRange is empty, IPAllowLister not created"),
        ("ip_white_list", IPWhiteList(), "sourceRange is empty, IPWhiteLister not created"),
        ("ip_allow_list", IPAllowList(None, 299, ("192.0.2.1",)), "invalid HTTP status code 299"),
        (
            "ip_allow_list",
            IPAllowList(source_range=("192.0.2.1", "x")),
            "cannot parse CIDRs [192.0.2.1 x]: parsing CIDR trusted IPs <nil>: invalid CIDR address: x",
        ),
        (
            "ip_allow_list",
            IPAllowList(IPStrategy(ipv6_subnet=129), source_range=("192.0.2.1",)),
            "invalid IPv6 subnet 129 value, should be greater to 0 and lower or equal to 128",
        ),
    ],
)
def test_bad_lists(kind: str, config: object, text: str) -> None:
    with pytest.raises(ValueError) as failure:
        build(kind, config, Origin())
    assert str(failure.value) == text


@pytest.mark.parametrize(
    ("criterion", "expected"),
    [
        (None, "2001:db8::1:2"),
        (SourceCriterion(), "2001:db8::1:2"),
        (SourceCriterion(IPStrategy(ipv6_subnet=64)), "2001:db8::"),
        (SourceCriterion(IPStrategy(depth=1, ipv6_subnet=48)), "2001:db8:1::"),
        (SourceCriterion(IPStrategy(depth=2, ipv6_subnet=48)), "192.0.2.9"),
        (SourceCriterion(request_header_name="x-key"), "one"),
        (SourceCriterion(request_header_name="X-None"), ""),
        (SourceCriterion(request_host=True), "example.com:80"),
    ],
)
def test_criteria(criterion: SourceCriterion | None, expected: str) -> None:
    headers = [("X-Forwarded-For", "192.0.2.9, 2001:db8:1:2::3"), ("X-Key", "one"), ("X-Key", "two")]
    request = make_request(peer="2001:db8::1:2", host="example.com:80", headers=headers)
    assert source_criterion(criterion)(request) == expected


@pytest.mark.parametrize(
    ("criterion", "text"),
    [
        (SourceCriterion(IPStrategy(), "X"), "iPStrategy and RequestHeaderName are mutually exclusive"),
        (SourceCriterion(IPStrategy(), request_host=True), "iPStrategy and RequestHost are mutually exclusive"),
        (SourceCriterion(None, "X", True), "requestHost and RequestHeaderName are mutually exclusive"),
    ],
)
def test_exclusive_criteria(criterion: SourceCriterion, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        source_criterion(criterion)


def test_no_strategy_is_the_peer() -> None:
    assert ip_strategy(None)(make_request(peer="192.0.2.5")) == "192.0.2.5"
