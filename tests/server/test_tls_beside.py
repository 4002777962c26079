"""TLS beside what else an entry point does: WebSockets, redirections, PostgreSQL's way to begin, the PROXY protocol."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

from tests.certificates import make
from tests.live import backend, live, plain
from tests.secure import PATIENCE, ask, certificates_of, client_context, exchange
from trafficcop.server.postgres import SSL_REQUEST


async def test_a_web_socket_over_tls() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        heads.append(head)
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        while data := await reader.read(1000):
            writer.write(data.upper())
        writer.close()

    def talk(port: int) -> bytes:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sock:
            with client_context().wrap_socket(sock, server_hostname="a.example.com") as tls:
                tls.sendall(
                    b"GET /x HTTP/1.1\r\nHost: a.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
                )
                answer = b""
                while not answer.endswith(b"\r\n\r\n"):
                    answer += tls.recv(1000)
                for word in (b"hello", b"again" * 20000):
                    tls.sendall(word)
                    size = len(answer) + len(word)
                    while len(answer) < size:
                        answer += tls.recv(65536)
                tls.shutdown(socket.SHUT_WR)
                return answer

    heads: list[bytes] = []
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        text = f"""
http:
  routers: {{r: {{rule: 'Host(`a.example.com`)', service: s, tls: {{}}}}}}
  services: {{s: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{server.sockets[0].getsockname()[1]}'}}]}}}}}}
"""
        async with live(text) as port:
            answer = await asyncio.to_thread(talk, port)
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert answer.endswith(b"HELLO" + b"AGAIN" * 20000)
    assert b"X-Forwarded-Proto: wss\r\n" in heads[0]


async def test_hsts_is_for_tls_alone() -> None:
    async with backend(lambda n, head, body: plain(200)) as server:
        text = f"""
http:
  routers:
    secure: {{rule: 'PathPrefix(`/`)', service: s, tls: {{}}, middlewares: [m]}}
    open: {{rule: 'PathPrefix(`/`)', service: s, middlewares: [m]}}
  middlewares: {{m: {{headers: {{stsSeconds: 100}}}}}}
  services: {{s: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{server}'}}]}}}}}}
"""
        async with live(text) as port:
            assert b"Strict-Transport-Security: max-age=100\r\n" in (await ask(port, "a")).answer
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            assert b"Strict-Transport-Security" not in await reader.read()
            writer.close()


async def test_redirection_to_https_and_what_answers_there() -> None:
    static = """
entryPoints:
  web: {address: '127.0.0.1:0', http: {redirections: {entryPoint: {to: websecure}}}}
  websecure: {address: '127.0.0.1:8443'}
"""
    async with live("http: {}", static) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /x HTTP/1.1\r\nHost: a.example.com\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 301 ")
        assert b"Location: https://a.example.com:8443/x\r\n" in answer
        # The redirection is for plain HTTP: TLS on the same port finds nothing.
        assert (await ask(port, "a.example.com")).status == 404


def postgres(port: int, name: str) -> tuple[bytes, bytes]:
    """What a client of PostgreSQL does: its certificate, and the answer to `query`."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sock:
        for part in (SSL_REQUEST[:3], SSL_REQUEST[3:]):
            sock.sendall(part)
        assert sock.recv(1) == b"S"
        with client_context().wrap_socket(sock, server_hostname=name or None) as tls:
            tls.sendall(b"query")
            return tls.getpeercert(binary_form=True) or b"", tls.recv(100)


async def test_postgres_terminated_and_passed_through(tmp_path: Path) -> None:
    own, behind = make("own.example.com"), make("behind.example.com")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*behind.write(tmp_path, "behind"))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.readexactly(5)
        if first == SSL_REQUEST[:5]:
            await reader.readexactly(3)
            writer.write(b"S")
            await writer.start_tls(context)
            first = await reader.readexactly(5)
        writer.write(first.upper())
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        text = f"""
tcp:
  routers:
    own: {{rule: 'HostSNI(`own.example.com`)', service: s, tls: {{}}}}
    behind: {{rule: 'HostSNI(`behind.example.com`)', service: s, tls: {{passthrough: true}}}}
  services: {{s: {{loadBalancer: {{servers: [{{address: '{address}'}}]}}}}}}
http:
  routers: {{r: {{rule: 'Host(`web.example.com`)', service: noop@internal, tls: {{}}}}}}
tls:
{certificates_of(tmp_path, own=own)}
"""
        async with live(text) as port:
            assert await asyncio.to_thread(postgres, port, "own.example.com") == (own.der, b"QUERY")
            assert await asyncio.to_thread(postgres, port, "behind.example.com") == (behind.der, b"QUERY")
            # HTTPS routers are not for PostgreSQL.
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(SSL_REQUEST + b"GET / HTTP/1.1\r\n\r\n")
            assert await reader.read() == b"S"
            writer.close()


async def test_the_proxy_protocol_in_front_of_tls(tmp_path: Path) -> None:
    static = "entryPoints: {web: {address: '127.0.0.1:0', proxyProtocol: {insecure: true}}}"
    named, local = make("a.example.com"), make("10.9.9.9")
    async with backend(lambda n, head, body: plain(200, head.encode())) as server:
        text = f"""
http:
  routers: {{r: {{rule: 'ClientIP(`10.1.2.3`)', service: s, tls: {{}}}}}}
  services: {{s: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{server}'}}]}}}}}}
tls:
{certificates_of(tmp_path, named=named, local=local)}
"""

        def talk(port: int, name: str) -> tuple[bytes, bytes]:
            with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sock:
                sock.sendall(b"PROXY TCP4 10.1.2.3 10.9.9.9 1234 443\r\n")
                with client_context().wrap_socket(sock, server_hostname=name or None) as tls:
                    tls.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                    answer = b""
                    while piece := tls.recv(4096):
                        answer += piece
                    return tls.getpeercert(binary_form=True) or b"", answer

        async with live(text, static) as port:
            certificate, answer = await asyncio.to_thread(talk, port, "a.example.com")
            assert certificate == named.der
            assert b"X-Forwarded-For: 10.1.2.3\r\n" in answer
            # A client without a name gets the certificate of the address that it came to.
            assert (await asyncio.to_thread(talk, port, ""))[0] == local.der


async def test_pipelined_requests() -> None:
    async with backend(lambda n, head, body: plain(200, head.split(" ")[1].encode())) as server:
        text = f"""
http:
  routers: {{r: {{rule: 'PathPrefix(`/`)', service: s, tls: {{}}}}}}
  services: {{s: {{loadBalancer: {{servers: [{{url: 'http://127.0.0.1:{server}'}}]}}}}}}
"""
        requests = b"".join(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number for number in range(30))
        last = b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        async with live(text) as port:
            answer = await asyncio.to_thread(exchange, port, "a", requests + last)
            assert answer.count(b"HTTP/1.1 200 OK") == 31
            assert answer.endswith(b"/last")
