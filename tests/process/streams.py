"""What tests of TCP through whole instances have in common: a server, and an instance with its clients."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
from contextlib import ExitStack
from pathlib import Path

from tests.certificates import make
from tests.process.instance import PATIENCE, Instance, free_port, until
from tests.secure import certificates_of, client_context

PIECE = bytes(range(256)) * 256
PIECES = 400  # 25 MB: more than all buffers on the way hold


class _Talk(socketserver.BaseRequestHandler):
    """Says its name, and then what it hears; after `pour` as much as it was asked for."""

    server: Echo

    def handle(self) -> None:
        sock: socket.socket = self.request
        sock.sendall(self.server.word)
        try:
            while data := sock.recv(65536):
                if data == b"pour":
                    for _ in range(min(PIECES, self.server.dies_after)):
                        sock.sendall(PIECE)
                    if self.server.dies_after < PIECES:
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                sock.sendall(data)
        except ConnectionError:  # cut off, as some tests want it
            return


class Echo(socketserver.ThreadingTCPServer):
    """The server behind the router. `dies_after`: so many pieces, if they are fewer than all."""

    daemon_threads = True
    request_queue_size = 100

    def __init__(self, word: bytes) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.word = word
        self.dies_after = PIECES
        self.port = self.server_address[1]
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class Edge:
    """An instance with an entry point without TLS and one with, and its clients."""

    def __init__(self, directory: Path, grace: str, transport: str = "") -> None:
        self.plain, self.secure = free_port(), free_port()
        self._directory = directory
        self._certificates = certificates_of(directory, own=make("db.example.com"))
        self._version = 0
        self._transport = f"transport: {{lifeCycle: {{graceTimeOut: {grace}}}, {transport}}}"
        self._clients = ExitStack()
        self.instance: Instance | None = None

    def configure(self, server: Echo | None, most: int = 1000) -> None:
        """Routers to this server, or none; at most so many connections of one client address."""
        self._version += 1
        routers = "" if server is None else self._routers(server, most)
        (self._directory / "fresh.yml").write_text(f"tls:\n{self._certificates}{routers}\n")
        (self._directory / "fresh.yml").rename(self._directory / "dynamic.yml")
        if self.instance is not None:
            until(lambda: f"Configuration {self._version}" in self._log(), "the reload")

    def _routers(self, server: Echo, most: int) -> str:
        return f"""
tcp:
  routers:
    plain: {{entryPoints: [plain], rule: 'HostSNI(`*`)', service: s, middlewares: [few]}}
    secure: {{entryPoints: [secure], rule: 'HostSNI(`db.example.com`)', service: s, middlewares: [few], tls: {{}}}}
  middlewares: {{few: {{inFlightConn: {{amount: {most}}}}}}}
  services: {{s: {{loadBalancer: {{servers: [{{address: '127.0.0.1:{server.port}'}}]}}}}}}
"""

    def _log(self) -> str:
        return "" if self.instance is None else self.instance.log()

    def start(self) -> Instance:
        life = self._transport
        config = self._directory / "static.yml"
        config.write_text(
            f"workers: 2\nentryPoints:\n  plain: {{address: '127.0.0.1:{self.plain}', {life}}}\n"
            f"  secure: {{address: '127.0.0.1:{self.secure}', {life}}}\n"
            f"providers: {{providersThrottleDuration: 0s, file: {{filename: '{self._directory}/dynamic.yml'}}}}\n"
        )
        self.instance = Instance(config)
        self.instance.wait_serving()
        return self.instance

    def client(self, *, is_tls: bool = False) -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self.secure if is_tls else self.plain), PATIENCE)
        if is_tls:
            sock = client_context().wrap_socket(sock, server_hostname="db.example.com")
        return self._clients.enter_context(sock)

    def stop(self) -> None:
        self._clients.close()
        if self.instance is not None:
            self.instance.stop()


def hear(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (piece := sock.recv(size - len(data))):
        data += piece
    return data


def has(sock: socket.socket, word: bytes) -> bool:
    """Whether the stream is alive."""
    sock.sendall(word)
    return hear(sock, len(word)) == word
