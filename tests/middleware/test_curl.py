"""Middlewares and curl: credentials in all the ways it sends them, and bodies that it unpacks."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import bcrypt
import pytest

from tests.live import Seen, backend, live, plain
from trafficcop.middleware.credentials import md5_crypt

TEXT = b'{"name": "value", "list": [1, 2, 3]}\n' * 2000
ROUTERS = """http:
  routers:
    basic: {{rule: 'PathPrefix(`/basic`)', service: s, middlewares: [basic]}}
    digest: {{rule: 'PathPrefix(`/digest`)', service: s, middlewares: [digest]}}
    packed: {{rule: 'PathPrefix(`/packed`)', service: s, middlewares: [packed]}}
  middlewares:
    basic: {{basicAuth: {{users: ['{users}'], headerField: X-User}}}}
    digest: {{digestAuth: {{users: ['{digest}'], headerField: X-User, removeHeader: true}}}}
    packed: {{compress: {{}}}}
  services: {{s: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{port}'}}]}}}}}}
"""
HASHES = {
    "bcrypt": bcrypt.hashpw(b"pass word:\xc3\xa4", bcrypt.gensalt(4)).decode(),
    "apr1": md5_crypt("pass word:ä".encode(), b"abcdefgh", b"$apr1$").decode(),
}
DIGEST = "user:traefik:" + hashlib.md5(b"user:traefik:pass word:\xc3\xa4", usedforsecurity=False).hexdigest()


def text(number: int, head: str, body: bytes) -> bytes:
    return plain(200, TEXT if head.startswith("GET /packed") else b"%d" % len(body), "Content-Type: text/plain\r\n")


@asynccontextmanager
async def served(seen: Seen, hashed: str = "bcrypt") -> AsyncIterator[str]:
    async with backend(text, seen) as server:
        users = f"user:{HASHES[hashed]}"
        async with live(ROUTERS.format(users=users, digest=DIGEST, port=server)) as port:
            yield f"http://127.0.0.1:{port}"


async def curl(*words: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        "curl", "-sS", *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    return (await process.communicate())[0]


STATUS = ("-o", "/dev/null", "-w", "%{http_code} ")


@pytest.mark.parametrize("hashed", ["bcrypt", "apr1"])
async def test_basic(hashed: str) -> None:
    seen = Seen()
    async with served(seen, hashed) as url:
        assert await curl(*STATUS, f"{url}/basic") == b"401 "
        assert await curl(*STATUS, "-u", "user:wrong", f"{url}/basic") == b"401 "
        assert await curl("-u", "user:pass word:ä", "-d", "12345", f"{url}/basic") == b"5"
        # Asked first which scheme it is, then with credentials, on one connection.
        assert await curl("--anyauth", "-u", "user:pass word:ä", f"{url}/basic", f"{url}/basic") == b"00"
    assert len(seen.heads) == 3
    assert all("X-User: user\r\n" in head for head in seen.heads)


async def test_digest() -> None:
    seen = Seen()
    async with served(seen) as url:
        assert await curl(*STATUS, f"{url}/digest") == b"401 "
        assert await curl(*STATUS, "--digest", "-u", "user:wrong", f"{url}/digest") == b"401 "
        assert not seen.heads
        words = ("--digest", "-u", "user:pass word:ä")
        assert await curl(*words, f"{url}/digest/a?b=c%20d") == b"0"
        assert await curl(*words, "-d", "12345", f"{url}/digest") == b"5"
        assert b" 200 " in await curl(*words, "-I", f"{url}/digest")
        # The second request on the connection counts on: nc=00000002.
        assert await curl(*words, *[f"{url}/digest"] * 5) == b"00000"
    assert len(seen.heads) == 8
    assert all("X-User: user\r\n" in head and "Authorization" not in head for head in seen.heads)


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [("gzip", b"gzip"), ("br", b"br"), ("zstd", b"zstd"), ("deflate, gzip, br, zstd", b"gzip"), ("deflate", None)],
)
async def test_bodies_are_unpacked(accepted: str, coding: bytes | None) -> None:
    async with served(Seen()) as url:
        answer = await curl("-i", "--compressed", "-H", f"Accept-Encoding: {accepted}", f"{url}/packed")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert body == TEXT
    assert (b"Content-Encoding: %b\r\n" % (coding or b"")) in head + b"\r\n" or coding is None
    assert (b"Content-Encoding" in head) is (coding is not None)
