"""nginx as a server that speaks HTTP/2, in plain and over TLS."""

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.loopback import router
from tests.process.instance import free_port
from tests.tls_servers import authority, pair_for
from trafficcop.tls.client import ServerTrust

TRUST = ServerTrust(roots=(authority().pem.decode(),))
CONFIGURATION = """
daemon off; worker_processes 1; pid {directory}/pid; error_log {directory}/error.log warn;
events {{ worker_connections 256; }}
http {{
  access_log off; http2_max_concurrent_streams 4; keepalive_requests 7;
  client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
  server {{
    listen 127.0.0.1:{plain} http2;
    listen 127.0.0.1:{secure} ssl http2;
    ssl_certificate {certificate}; ssl_certificate_key {key};
    location /file {{ alias {directory}/file; }}
    location / {{ return 200 "$server_protocol $request_method $request_uri $http_host $http_x_a $scheme"; }}
  }}
}}
"""


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    program = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")
    assert program is not None, "these tests need nginx: apt-get install nginx-light"
    directory = tmp_path_factory.mktemp("nginx")
    directory.chmod(0o755)
    certificate, key = pair_for("127.0.0.1").write(directory, "nginx")
    (directory / "file").write_bytes(bytes(range(256)) * 4096)
    plain, secure = free_port(), free_port()
    file = directory / "nginx.conf"
    file.write_text(
        "user root;" * (Path("/proc/self").owner() == "root")
        + CONFIGURATION.format(directory=directory, plain=plain, secure=secure, certificate=certificate, key=key)
    )
    process = subprocess.Popen([program, "-c", str(file), "-p", str(directory)], stderr=subprocess.DEVNULL)
    end = time.monotonic() + 15
    while True:
        try:
            socket.create_connection(("127.0.0.1", secure)).close()
            break
        except ConnectionRefusedError:
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.01)
    yield f"h2c://127.0.0.1:{plain}", f"https://127.0.0.1:{secure}"
    process.terminate()
    process.wait()


@pytest.mark.parametrize("is_secure", [False, True])
async def test_what_nginx_is_asked(urls: tuple[str, str], is_secure: bool) -> None:
    async with router(urls[is_secure], trust=TRUST) as loopback:
        status, _, body = await loopback.ask(b"GET /x?y=1 HTTP/1.1\r\nHost: Example.com\r\nX-A: b\r\n\r\n")
        scheme = b"https" if is_secure else b"http"
        assert (status, body) == (200, b"HTTP/2.0 GET /x?y=1 Example.com b " + scheme)
        status, _, body = await loopback.ask(b"GET /file HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (status, body) == (200, bytes(range(256)) * 4096)
        status, fields, body = await loopback.ask(b"HEAD /file HTTP/1.1\r\nHost: a\r\n\r\n", b"HEAD")
        assert (status, fields[b"content-length"], body) == (200, b"1048576", b"")


@pytest.mark.parametrize("is_secure", [False, True])
async def test_no_request_is_lost_when_connections_end(urls: tuple[str, str], is_secure: bool) -> None:
    """Every connection takes seven requests, four at once, and then says GOAWAY."""
    async with router(urls[is_secure], trust=TRUST) as loopback:

        async def ask(number: int) -> list[int]:
            client = await loopback.client()
            return [(await client.ask(b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n" % number))[0] for _ in range(20)]

        for statuses in await asyncio.gather(*(ask(number) for number in range(10))):
            assert statuses == [200] * 20
