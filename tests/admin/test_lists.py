"""The API: lists with filters, sorting and pages."""

import pytest

from tests.admin.sample import client

ROUTERS = ["a/b@rest", "api@internal", "broken@docker", "web@file"]


@pytest.mark.parametrize(
    ("kind", "query", "names"),
    [
        ("http/routers", "", ROUTERS),
        ("http/routers", "page=1", ROUTERS),
        ("http/routers", "search=EXAMPLE", ["web@file"]),
        ("http/routers", "search=broken", ["broken@docker"]),
        ("http/routers", "status=Disabled", ["broken@docker"]),
        ("http/routers", "status=none", []),
        ("http/routers", "serviceName=app@file", ["web@file"]),
        ("http/routers", "serviceName=app", ["web@file"]),
        ("http/routers", "serviceName=gone@file", ["broken@docker"]),
        ("http/routers", "serviceName=gone", []),
        ("http/routers", "middlewareName=auth@file", ["web@file"]),
        ("http/routers", "middlewareName=auth", []),
        ("http/routers", "search=host&status=enabled", ["web@file"]),
        ("http/routers", "search=%zz&status=Disabled", ["broken@docker"]),
        ("http/routers", "search=zzz;x&status=Disabled", ["broken@docker"]),
        ("http/routers", "search=web%40+&search=", []),
        ("http/routers", "search=web%40", ["web@file"]),
        ("http/routers", "direction=desc", ROUTERS[::-1]),
        ("http/routers", "sortBy=unknown", ROUTERS),
        ("http/routers", "sortBy=priority", ["broken@docker", "a/b@rest", "web@file", "api@internal"]),
        ("http/routers", "sortBy=priority&direction=desc", ["api@internal", "web@file", "a/b@rest", "broken@docker"]),
        ("http/routers", "sortBy=provider", ["broken@docker", "web@file", "api@internal", "a/b@rest"]),
        ("http/routers", "sortBy=status", ["broken@docker", "api@internal", "web@file", "a/b@rest"]),
        ("http/routers", "sortBy=rule", ["broken@docker", "web@file", "api@internal", "a/b@rest"]),
        ("http/routers", "sortBy=service", ["api@internal", "web@file", "broken@docker", "a/b@rest"]),
        ("http/routers", "sortBy=entryPoints", ["a/b@rest", "api@internal", "web@file", "broken@docker"]),
        ("http/services", "", ["api@internal", "app@file", "two@rest"]),
        ("http/services", "sortBy=servers&direction=desc", ["app@file", "two@rest", "api@internal"]),
        ("http/services", "sortBy=type", ["api@internal", "app@file", "two@rest"]),
        ("http/services", "search=APP", ["app@file"]),
        ("http/services", "serviceName=zzz", ["api@internal", "app@file", "two@rest"]),
        ("http/middlewares", "sortBy=type", ["prefix@docker", "auth@file", "plug@file", "limit@file"]),
        ("http/middlewares", "status=disabled", ["prefix@docker"]),
        ("tcp/routers", "search=hostsni", ["db@file"]),
        ("tcp/services", "search=x", []),
        ("tcp/middlewares", "", ["few@file"]),
        ("udp/routers", "middlewareName=x&sortBy=priority", ["dns@file"]),
        ("udp/routers", "serviceName=other", []),
        ("udp/services", "sortBy=servers", ["dns@file"]),
        ("certificates", "", []),
    ],
)
async def test_lists(kind, query, names):
    got = await client().get(f"/api/{kind}?{query}")
    assert got.status == 200
    assert [item["name"] for item in got.json()] == names


@pytest.mark.parametrize(
    ("query", "names", "following"),
    [
        ("per_page=2", ROUTERS[:2], "2"),
        ("per_page=2&page=2", ROUTERS[2:], "1"),
        ("per_page=3&page=2", ROUTERS[3:], "1"),
        ("per_page=4", ROUTERS, "1"),
        ("per_page=1&page=3&page=1", ROUTERS[2:3], "4"),
    ],
)
async def test_pages(query, names, following):
    got = await client().get(f"/api/http/routers?{query}")
    assert [item["name"] for item in got.json()] == names
    assert got.headers["X-Next-Page"] == following
