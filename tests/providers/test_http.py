"""The HTTP provider against real little servers."""

from __future__ import annotations

import asyncio
import gzip
import logging
import ssl
from pathlib import Path

import pytest

from tests.live import Seen, backend, plain
from tests.tls_servers import authority, pair_for, server_context
from trafficcop.config.providers import HTTPProvider as Options
from trafficcop.config.scalars import Duration
from trafficcop.config.tls import ClientTLS
from trafficcop.providers import http
from trafficcop.providers.http import FetchError, HTTPProvider
from trafficcop.providers.message import Message

YAML = b"http: {routers: {r: {rule: 'Host(`a`)', service: s}}}\n"
JSON = b'{"http": {"routers": {"r": {"rule": "Host(`a`)", "service": "s"}}}}'


def options(port: int, **more) -> Options:
    given = {"poll_interval": Duration.of("1ms"), "endpoint": f"http://127.0.0.1:{port}/config"}
    return Options(**{**given, **more})


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(http, "_FIRST_PAUSE", 0.001)


async def messages(given: Options, count: int) -> list[Message]:
    """The first so many."""
    found: list[Message] = []
    provided = HTTPProvider(given).provide()
    async with asyncio.timeout(10):
        async for message in provided:
            found.append(message)
            if len(found) == count:
                break
    await provided.aclose()
    return found


async def failure(given: Options) -> str:
    """Why nothing could be fetched."""
    provider = HTTPProvider(given)
    async with provider._client() as client:
        with pytest.raises(FetchError) as caught:
            await provider._poll(client)
    return str(caught.value)


@pytest.mark.parametrize("body", [YAML, JSON])
async def test_yaml_and_json(body: bytes):
    async with backend(lambda n, head, _: plain(200, body)) as port:
        (message,) = await messages(options(port), 1)
    assert message.provider == "http"
    assert message.configuration.http.routers["r"].rule == "Host(`a`)"
    assert message.issues == ()


async def test_what_is_asked():
    seen = Seen()
    async with backend(lambda n, head, _: plain(200, YAML), seen) as port:
        await messages(options(port, headers={"Host": "config.example.com", "X-Token": "secret"}), 1)
    lines = seen.heads[0].split("\r\n")
    assert lines[0] == "GET /config HTTP/1.1"
    fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:] if line)}
    assert (fields["host"], fields["x-token"], fields["user-agent"]) == ("config.example.com", "secret", "trafficcop")


async def test_a_change_is_a_message_and_the_same_is_none(monkeypatch: pytest.MonkeyPatch):
    read = []
    real = HTTPProvider._read
    monkeypatch.setattr(HTTPProvider, "_read", lambda self, *given: read.append(given) or real(self, *given))
    async with backend(lambda n, head, _: plain(200, YAML if n < 5 else YAML.replace(b"r:", b"other:", 1))) as port:
        first, second = await messages(options(port), 2)
    assert [set(first.configuration.http.routers), set(second.configuration.http.routers)] != []
    assert first != second
    assert len(read) == 2


async def test_the_last_good_configuration_stays():
    bodies = [YAML, b"http: [", b"\xff", b"http: {routers: {q: {service: s}}}"]
    async with backend(lambda n, head, _: plain(200, bodies[min(n, 4) - 1])) as port:
        found = await messages(options(port), 4)
    assert [set(message.configuration.http.routers) for message in found] == [{"r"}, {"r"}, {"r"}, {"q"}]
    assert [bool(message.issues) for message in found] == [False, True, True, False]
    assert f"http://127.0.0.1:{port}/config:2:1: " in str(found[1].issues[0])
    assert "last good content" in str(found[1].issues[1])


async def test_failures_are_told_in_one_line_and_tried_again(caplog: pytest.LogCaptureFixture):
    def answer(n: int, head: str, _: bytes) -> bytes:
        return {1: plain(500), 2: b"", 3: b"nonsense\r\n\r\n"}.get(n, plain(200, YAML))

    caplog.set_level(logging.ERROR, http.__name__)
    async with backend(answer) as port:
        (message,) = await messages(options(port), 1)
    assert set(message.configuration.http.routers) == {"r"}
    assert len(caplog.messages) == 3
    assert caplog.messages[0].endswith("cannot fetch configuration: received non-ok response code: 500")
    assert all("\n" not in text for text in caplog.messages)


async def test_garbage_at_first(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.ERROR, http.__name__)
    async with backend(lambda n, head, _: plain(200, b"[1" if n < 3 else YAML)) as port:
        (message,) = await messages(options(port), 1)
    assert set(message.configuration.http.routers) == {"r"}
    assert len(caplog.messages) == 1  # the same mistake twice


async def test_a_broken_object_is_left_out_and_the_others_live():
    body = b"http: {routers: {r: {service: s}, bad: {nope: 1}}}"
    async with backend(lambda n, head, _: plain(200, body)) as port:
        (message,) = await messages(options(port), 1)
    assert set(message.configuration.http.routers) == {"r"}
    assert message.issues[0].owner == ("http", "routers", "bad")


@pytest.mark.parametrize(("limit", "is_taken"), [(len(YAML), True), (len(YAML) - 1, False), (0, False), (-1, True)])
async def test_the_limit_of_the_body(limit: int, is_taken: bool):
    async with backend(lambda n, head, _: plain(200, YAML)) as port:
        given = options(port, max_response_body_size=limit)
        if is_taken:
            assert len(await messages(given, 1)) == 1
        else:
            assert await failure(given) == f"response body too large: more than {limit} bytes"


async def test_a_body_that_grows_when_it_is_unpacked():
    bomb = gzip.compress(b"#" * 50_000_000)
    async with backend(lambda n, head, _: plain(200, bomb, "Content-Encoding: gzip\r\n")) as port:
        assert "too large" in await failure(options(port, max_response_body_size=1_000_000))


async def test_gzip():
    packed = gzip.compress(YAML)
    async with backend(lambda n, head, _: plain(200, packed, "Content-Encoding: gzip\r\n")) as port:
        assert len(await messages(options(port), 1)) == 1


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhttp:", b"HTTP/1.1 200 OK\r\nContent-Le"]
)
async def test_no_whole_answer_in_time(answer: bytes):
    async with backend(lambda n, head, _: answer) as port:
        assert (await failure(options(port, poll_timeout=Duration.of("50ms")))).endswith("no answer within 0.05s")


async def test_nobody_there():
    async with backend(lambda n, head, _: b"") as port:
        pass
    assert f"http://127.0.0.1:{port}/config" in await failure(options(port))


async def test_redirects_are_followed_up_to_ten():
    def answer(n: int, head: str, _: bytes) -> bytes:
        return plain(200, YAML) if "/there" in head else plain(302, b"", "Location: /there\r\n")

    async with backend(answer) as port:
        assert len(await messages(options(port), 1)) == 1
    async with backend(lambda n, head, _: plain(302, b"", "Location: /again\r\n")) as port:
        assert "redirects" in await failure(options(port))


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (Options(), "non-empty endpoint is required"),
        (Options(endpoint="http://a", poll_interval=Duration(0)), "poll interval must be greater than 0"),
        (Options(endpoint="ftp://a"), "is not a URL with http:// or https:// and a host"),
        (Options(endpoint="http://"), "is not a URL"),
        (Options(endpoint="config"), "is not a URL"),
        (Options(endpoint="http://a:b"), "endpoint: "),
        (Options(endpoint="https://a", tls=ClientTLS(cert="x")), "needs both cert and key, key is missing"),
        (Options(endpoint="https://a", tls=ClientTLS(ca="/nowhere")), "tls.ca: neither a file nor PEM text"),
        (Options(endpoint="https://a", tls=ClientTLS(ca="-----BEGIN CERTIFICATE-----\nx")), "client TLS configuration"),
    ],
)
def test_options_that_cannot_work(given: Options, text: str):
    with pytest.raises(ValueError, match=text.replace("(", "\\(")):
        HTTPProvider(given)


# === TLS ===


async def over_tls(context: ssl.SSLContext, tls: ClientTLS) -> str:
    """Why a fetch fails, "" when it does not."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(plain(200, YAML))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        provider = HTTPProvider(options(port, endpoint=f"https://127.0.0.1:{port}/", tls=tls))
        async with provider._client() as client:
            try:
                message = await provider._poll(client)
            except FetchError as error:
                return str(error)
    assert message is not None
    return ""


def trusted() -> str:
    return authority().pem.decode()


async def test_a_server_that_our_authority_vouches_for(tmp_path: Path):
    context = server_context(tmp_path, pair_for("127.0.0.1"))
    (tmp_path / "ca.pem").write_text(trusted())
    for ca in (trusted(), str(tmp_path / "ca.pem")):
        assert await over_tls(context, ClientTLS(ca=ca)) == ""
    assert await over_tls(context, ClientTLS(insecure_skip_verify=True)) == ""
    assert "certificate verify failed" in (await over_tls(context, ClientTLS())).lower()


async def test_a_certificate_for_another_name(tmp_path: Path):
    context = server_context(tmp_path, pair_for("www.example.com"))
    assert "certificate verify failed" in (await over_tls(context, ClientTLS(ca=trusted()))).lower()


async def test_a_server_that_wants_to_know_us(tmp_path: Path):
    context = server_context(tmp_path, pair_for("127.0.0.1"))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=trusted())
    cert, key = pair_for("client.example.com").write(tmp_path, "client")
    assert await over_tls(context, ClientTLS(ca=trusted(), cert=cert, key=key)) == ""
    assert await over_tls(context, ClientTLS(ca=trusted())) != ""
