"""basicAuth and chain."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from pathlib import Path

import bcrypt
import pytest

from tests.support import CONTEXT, Origin, build, make_request, run, values
from trafficcop.config.middlewares import BasicAuth, Chain
from trafficcop.http.messages import Handler
from trafficcop.middleware import MiddlewareContext, basic_auth
from trafficcop.middleware.credentials import is_password, md5_crypt

# `openssl passwd -apr1 -salt …` and `-1 -salt …`
HASHES = {
    "apr1": "$apr1$saltsalt$NBMPZFGR7yazCdGvlWJji1",
    "md5": "$1$saltsalt$tTWg0JeO/sYmHvtKmZE8c.",
    "sha": "{SHA}qUqP5cyxm6YcTAhz05Hph5gvu9M=",  # "test"
    "bcrypt": bcrypt.hashpw(b"test", bcrypt.gensalt(4)).decode(),
}


def authorization(user: str, password: str) -> tuple[str, str]:
    return "Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def bcrypted(password: bytes, version: bytes) -> str:
    return bcrypt.hashpw(password, bcrypt.gensalt(4)).replace(b"$2b$", version).decode()


@pytest.mark.parametrize("secret", [*HASHES.values(), bcrypted(b"test", b"$2y$"), bcrypted(b"test", b"$2a$")])
async def test_every_kind_of_hash(secret: str) -> None:
    handler = build("basic_auth", BasicAuth(users=(f"u:{secret}",)), Origin())
    assert (await run(handler, make_request(headers=[authorization("u", "test")])))[0] == 200
    assert (await run(handler, make_request(headers=[authorization("u", "Test")])))[0] == 401


@pytest.mark.parametrize("secret", ["test", "", "$2y$xx", "$2y$04$short", "{SHA}", "$apr1$x"])
def test_what_is_no_hash_lets_nobody_in(secret: str) -> None:
    assert not is_password(b"test", secret.encode())
    assert not is_password(b"", secret.encode())


def test_bcrypt_looks_at_72_bytes() -> None:
    secret = bcrypt.hashpw(b"a" * 72, bcrypt.gensalt(4))
    assert is_password(b"a" * 80, secret)
    assert not is_password(b"a" * 71, secret)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [authorization("u", "wrong")],
        [authorization("nobody", "test")],
        [authorization("", "test")],
        [("Authorization", "Bearer abc")],
        [("Authorization", "Basic !!!")],
        [("Authorization", "Basic " + base64.b64encode(b"no colon").decode())],
    ],
)
async def test_refusal(headers: list[tuple[str, str]]) -> None:
    origin = Origin()
    handler = build("basic_auth", BasicAuth(users=(f"u:{HASHES['sha']}",), realm="the realm"), origin)
    answer = await run(handler, make_request(headers=headers))
    assert answer == (
        401,
        {"Content-Type": "text/plain", "WWW-Authenticate": 'Basic realm="the realm"'},
        b"401 Unauthorized\n",
    )
    assert origin.requests == []


async def test_the_realm_has_a_default() -> None:
    handler = build("basic_auth", BasicAuth(users=(f"u:{HASHES['sha']}",), realm=""), Origin())
    _, headers, _ = await run(handler, make_request())
    assert headers["WWW-Authenticate"] == 'Basic realm="traefik"'


@pytest.mark.parametrize(("is_removed", "kept"), [(True, 0), (False, 1)])
async def test_what_the_server_sees(is_removed: bool, kept: int) -> None:
    origin = Origin()
    config = BasicAuth(users=(f"u:{HASHES['sha']}",), header_field="X-User", remove_header=is_removed)
    request = make_request(headers=[authorization("u", "test"), ("x-user", "forged")])
    assert (await run(build("basic_auth", config, origin), request))[0] == 200
    assert values(origin.last, "X-User") == ["u"]
    assert len(values(origin.last, "Authorization")) == kept
    assert origin.last.notes == {"ClientUsername": "u"}


@pytest.mark.parametrize(
    ("headers", "expected"), [([], ""), ([authorization("nobody", "x")], "nobody"), ([authorization("u", "x")], "u")]
)
async def test_the_access_log_learns_who_was_refused(headers: list[tuple[str, str]], expected: str) -> None:
    request = make_request(headers=headers)
    await run(build("basic_auth", BasicAuth(users=(f"u:{HASHES['sha']}",)), Origin()), request)
    assert request.notes == {"ClientUsername": expected}


async def test_good_credentials_are_checked_once_bad_ones_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = []

    def check(password: bytes, secret: bytes) -> bool:
        checks.append(password)
        return is_password(password, secret)

    monkeypatch.setattr(basic_auth, "is_password", check)
    handler = build("basic_auth", BasicAuth(users=(f"u:{HASHES['bcrypt']}",)), Origin())
    for password in ("test", "test", "wrong", "wrong", "test"):
        await run(handler, make_request(headers=[authorization("u", password)]))
    assert checks == [b"test", b"wrong", b"wrong"]
    await run(handler, make_request(headers=[authorization("nobody", "test")]))
    assert checks[3:] == [b"test"]
    assert (await run(handler, make_request(headers=[authorization("nobody", "test")])))[0] == 401


async def test_one_check_serves_those_who_ask_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = []

    def check(password: bytes, secret: bytes) -> bool:
        checks.append(password)
        return is_password(password, secret)

    monkeypatch.setattr(basic_auth, "is_password", check)
    handler = build("basic_auth", BasicAuth(users=(f"u:{HASHES['bcrypt']}",)), Origin())
    requests = [make_request(headers=[authorization("u", "test")]) for _ in range(5)]
    answers = await asyncio.gather(*(run(handler, request) for request in requests))
    assert [status for status, _, _ in answers] == [200] * 5
    assert len(checks) == 1


async def test_the_memory_of_good_credentials_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(basic_auth, "_REMEMBERED", 2)
    users = tuple(f"u{number}:{HASHES['sha']}" for number in range(4))
    handler = build("basic_auth", BasicAuth(users=users), Origin())
    for number in (0, 1, 2, 3, 0):
        assert (await run(handler, make_request(headers=[authorization(f"u{number}", "test")])))[0] == 200
    assert isinstance(handler, basic_auth.BasicAuth)
    assert len(handler._verified) == 2


async def test_users_file(tmp_path: Path) -> None:
    file = tmp_path / "users"
    file.write_text(f"# people\n\n  a:{HASHES['sha']}  \nb:{HASHES['sha']}\n")
    config = BasicAuth(users_file=str(file), users=(f"b:{HASHES['sha'].replace('q', 'x')}",))
    handler = build("basic_auth", config, Origin())
    assert (await run(handler, make_request(headers=[authorization("a", "test")])))[0] == 200
    assert (await run(handler, make_request(headers=[authorization("b", "test")])))[0] == 401


@pytest.mark.parametrize(
    ("config", "text"),
    [
        (BasicAuth(), "no users found in "),
        (BasicAuth(users_file="/nonexistent/users"), "open /nonexistent/users: no such file or directory"),
        (BasicAuth(users=("nobody",)), "error parsing BasicUser: nobody"),
        (BasicAuth(users=("a:b:c",)), "error parsing BasicUser: a:b:c"),
        (BasicAuth(users=(f"u:{HASHES['sha']}",), header_field="a b"), "invalid header name 'a b'"),
    ],
)
def test_bad_configurations(config: BasicAuth, text: str) -> None:
    with pytest.raises(ValueError) as failure:
        build("basic_auth", config, Origin())
    assert str(failure.value) == text


@pytest.mark.parametrize(
    ("password", "apache", "plain"),
    [
        ("", "a8ml/vK5HEjiZ5oypDWA7/", "5Jhcit4zN9UlGiA0txPkO0"),
        ("a", "OEnK0QmmvoDzFw9W2yFYT/", "MzDjbImyzEz2m0NTiPzNW/"),
        ("a longer one than a block of sixteen bytes", "5EsV08/lQbmGmBvrjQ.VF.", "qS0jG2AdmCUCBsO0mUlfG."),
    ],
)
def test_md5_crypt_as_openssl_computes_it(password: str, apache: str, plain: str) -> None:
    assert md5_crypt(password.encode(), b"saltsalt", b"$apr1$") == f"$apr1$saltsalt${apache}".encode()
    assert md5_crypt(password.encode(), b"saltsalt", b"$1$") == f"$1$saltsalt${plain}".encode()


async def test_chain_applies_in_order() -> None:
    built: list[str] = []

    def middleware(name: str, next: Handler) -> Handler:
        built.append(name)
        return next

    origin = Origin()
    context = MiddlewareContext("chain@file", CONTEXT.service, middleware)
    handler = build("chain", Chain(("a@file", "b@file")), origin, context)
    assert built == ["b@file", "a@file"]
    assert (await run(handler, make_request()))[0] == 200
    assert build("chain", Chain(), origin) is origin


async def test_the_users_file_is_read_again_when_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("trafficcop.middleware.credentials.monotonic", lambda: now)

    def sha(password: str) -> str:
        return "{SHA}" + base64.b64encode(hashlib.sha1(password.encode()).digest()).decode()

    async def status(password: str) -> int:
        credentials = base64.b64encode(f"u:{password}".encode()).decode()
        return (await run(handler, make_request(headers=[("Authorization", f"Basic {credentials}")])))[0]

    file = tmp_path / "users"
    file.write_text(f"u:{sha('old')}\n")
    handler = build("basic_auth", BasicAuth(users_file=str(file)), Origin())
    assert await status("old") == 200
    file.write_text(f"# changed\nu:{sha('new')}\n")
    assert await status("old") == 200  # looked at once a second
    now += 1.0
    assert await status("old") == 401
    assert await status("new") == 200
    for broken in ("broken\n", "", None):
        if broken is None:
            file.unlink()
        else:
            file.write_text(broken)
        now += 1.0
        assert await status("new") == 200  # what cannot be used changes nothing
    file.write_text(f"u:{sha('last')}\n")
    now += 1.0
    assert await status("last") == 200
