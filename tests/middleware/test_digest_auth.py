"""`digestAuth`: each way of being wrong stays out."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support import CONTEXT, Origin, build, make_request, run
from trafficcop.config.middlewares import DigestAuth
from trafficcop.http.messages import Handler, Request
from trafficcop.middleware import digest_auth
from trafficcop.store.shared import SharedMemory, SharedStore


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


USER = f"me:traefik:{md5('me:traefik:secret')}"


def guarded(origin: Origin, **options: Any) -> Handler:
    return build("digest_auth", DigestAuth(**{"users": (USER,), **options}), origin)


async def challenge(handler: Handler) -> dict[str, str]:
    status, headers, body = await run(handler, make_request())
    assert (status, headers["Content-Type"], body) == (401, "text/plain", b"401 Unauthorized\n")
    value = headers["WWW-Authenticate"]
    pattern = r'Digest realm="[^"]*", nonce="[^"]+", opaque="[^"]+", (stale="true", )?algorithm="MD5", qop="auth"'
    assert re.fullmatch(pattern, value)
    return dict(re.findall(r'(\w+)="([^"]*)"', value))


def proof(told: dict[str, str], *, password: str = "secret", method: str = "GET", **changes: str) -> Request:
    given = {"username": "me", "uri": "/a?b", "nc": "00000001", "cnonce": "xyz", "qop": "auth", "algorithm": "MD5"}
    given |= {"realm": told["realm"], "nonce": told["nonce"], "opaque": told["opaque"], **changes}
    first, second = md5(f"{given['username']}:traefik:{password}"), md5(f"{method}:{given['uri']}")
    parts = (first, given["nonce"], given["nc"], given["cnonce"], given["qop"], second)
    given.setdefault("response", md5(":".join(parts)))
    text = ", ".join(f'{name}="{value}"' for name, value in given.items() if value)
    return make_request("/a?b", method=method, headers=[("Authorization", f"Digest {text}")])


async def test_who_knows_the_password_gets_in() -> None:
    origin = Origin()
    handler = guarded(origin, header_field="X-User", remove_header=True)
    told = await challenge(handler)
    request = proof(told)
    assert (await run(handler, request))[0] == 200
    assert list(request.headers) == [(b"X-User", b"me")]
    assert request.notes == {"ClientUsername": "me"}
    assert (await run(handler, proof(told, nc="00000002", method="POST")))[0] == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"password": "wrong"},
        {"username": "you"},
        {"username": ""},
        {"opaque": "other"},
        {"algorithm": "SHA-256"},
        {"qop": "auth-int"},
        {"qop": ""},
        {"uri": "/other"},
        {"uri": ""},
        {"uri": "/%zz"},
        {"nonce": "AAAA"},
        {"nonce": "no base64!"},
        {"nc": "x"},
        {"nc": ""},
        {"nc": "0"},
        {"response": "0"},
    ],
)
async def test_who_is_wrong_stays_out(changes: dict[str, str]) -> None:
    origin = Origin()
    handler = guarded(origin)
    request = proof(await challenge(handler), **changes)
    status, headers, body = await run(handler, request)
    assert (status, body) == (401, b"401 Unauthorized\n")
    assert "stale" not in headers["WWW-Authenticate"]
    name = changes.get("username", "me")
    assert request.notes == ({"ClientUsername": name} if name else None)
    assert not origin.requests


async def test_an_unknown_user_with_an_empty_secret() -> None:
    handler = guarded(Origin())
    told = await challenge(handler)
    for empty in ("", "\0"):
        parts = (empty, told["nonce"], "1", "xyz", "auth", md5("GET:/a?b"))
        request = proof(told, username="you", nc="1", response=md5(":".join(parts)))
        assert (await run(handler, request))[0] == 401


@pytest.mark.parametrize(
    ("changes", "status"), [({"algorithm": ""}, 200), ({"uri": "/"}, 200), ({"uri": "http://example.com/a?b"}, 200)]
)
async def test_what_clients_may_leave_out(changes: dict[str, str], status: int) -> None:
    handler = guarded(Origin())
    assert (await run(handler, proof(await challenge(handler), **changes)))[0] == status


async def test_a_count_goes_up() -> None:
    handler = guarded(Origin())
    told = await challenge(handler)
    assert (await run(handler, proof(told, nc="0000000a")))[0] == 200
    same = await run(handler, proof(told, nc="0000000a"))
    assert (same[0], "stale" in same[1]["WWW-Authenticate"]) == (401, False)
    lower = await run(handler, proof(told, nc="00000009"))
    assert (lower[0], 'stale="true"' in lower[1]["WWW-Authenticate"]) == (401, True)
    assert (await run(handler, proof(told, nc="0000000b")))[0] == 200


async def test_a_nonce_does_not_last(monkeypatch: pytest.MonkeyPatch) -> None:
    handler = guarded(Origin())
    told = await challenge(handler)
    monkeypatch.setattr(digest_auth, "_NONCE_SECONDS", 0)
    assert (await run(handler, proof(told)))[0] == 401


async def test_workers_know_the_nonces_of_each_other_and_how_often_they_were_used() -> None:
    memory = SharedMemory(2)
    handlers = []
    for worker in range(2):
        context = replace(CONTEXT, store=SharedStore(memory, worker), scope="1 1 digest@file")
        handlers.append(build("digest_auth", DigestAuth(users=(USER,)), Origin(), context))
    told = await challenge(handlers[0])
    assert (await run(handlers[1], proof(told)))[0] == 200
    assert (await run(handlers[0], proof(told)))[0] == 401
    assert (await run(handlers[0], proof(told, nc="00000002")))[0] == 200
    assert (await run(handlers[1], proof(told, nc="00000002")))[0] == 401


async def test_the_users_file_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("trafficcop.middleware.credentials.monotonic", lambda: now)
    file = tmp_path / "users"
    file.write_text(f"# us\n{USER}\n")
    handler = guarded(Origin(), users=(), users_file=str(file))
    told = await challenge(handler)
    assert (await run(handler, proof(told)))[0] == 200
    file.write_text(f"me:traefik:{md5('me:traefik:other')}\n# longer")
    assert (await run(handler, proof(told, nc="00000002")))[0] == 200  # not looked at again so soon
    now += 1.0
    assert (await run(handler, proof(told, nc="00000003")))[0] == 401
    assert (await run(handler, proof(told, nc="00000003", password="other")))[0] == 200


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"users": ()}, "no users found in "),
        ({"users": ("a:b",)}, "error parsing DigestUser: a:b"),
        ({"header_field": "a b"}, "invalid header name 'a b'"),
    ],
)
def test_bad_options(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError) as failure:
        guarded(Origin(), **options)
    assert str(failure.value) == text


def test_parameters_are_read_as_they_are_written() -> None:
    text = rb'DIGEST username="a\"b, c", realm = traefik,nc=00000001,  qop=auth,odd, uri="/?a=b"'
    expected = {b"username": b'a"b, c', b"realm": b"traefik", b"nc": b"00000001", b"qop": b"auth", b"uri": b"/?a=b"}
    assert digest_auth.decode_digest(text) == expected
    assert digest_auth.decode_digest(b"Basic abc=") == {}


@pytest.mark.parametrize("text", [b"a" * 300_000, b"a" + b" " * 300_000, b'a="' + b"\\x" * 150_000, b'a="\\"' * 60_000])
def test_long_credentials_take_no_longer_than_they_are(text: bytes) -> None:
    assert len(digest_auth.decode_digest(b"Digest " + text)) <= 1
