"""A small server that tells what it was asked: something to route to while trying things, and in tests.

Its pages are those of the `traefik/whoami` container image, plus `/sse`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence

from trafficcop.whoami.connection import Connection
from trafficcop.whoami.pages import Pages


def main(argv: Sequence[str]) -> int:
    """Run `trafficcop whoami` until a signal ends it; 1 when it cannot listen."""
    options = _options().parse_args(argv)
    try:
        asyncio.run(_serve(options.host, options.port, options.name))
    except OSError as error:
        sys.stderr.write(f"whoami: cannot listen on {options.host}:{options.port}: {error.strerror or error}\n")
        return 1
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="trafficcop whoami", description="Answer every request by what it was.")
    parser.add_argument("--port", type=int, default=9000, help="the TCP port to listen on, 0 for a free one")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--name", default="", help="a name that the answers carry, to tell several servers apart")
    return parser


async def start(host: str, port: int, name: str = "") -> asyncio.Server:
    """Listen, for callers that have an event loop of their own."""
    pages = Pages(name)
    return await asyncio.get_running_loop().create_server(lambda: Connection(pages), host, port)


async def _serve(host: str, port: int, name: str) -> None:
    server = await start(host, port, name)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    for socket in server.sockets:
        address = socket.getsockname()
        sys.stdout.write(f"whoami {name or 'server'} on http://{address[0]}:{address[1]}\n")
    sys.stdout.flush()
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(server.close)
        await stop.wait()
