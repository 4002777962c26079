"""Serves an ASGI application on a Unix socket; workers bring the requests there."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket

from trafficcop.admin.app import Application


async def serve(app: Application, unix_path: str, shutdown_event: asyncio.Event) -> None:
    """Answer on `unix_path`, readable by this user alone, until the event is set. OSError when it cannot be bound."""
    # Imported here: an instance without an API does without them.
    from hypercorn.asyncio import serve as serve_asgi
    from hypercorn.config import Config

    config = Config()
    config.bind = [f"fd://{_listening(unix_path).detach()}"]
    config.accesslog = None
    quiet = logging.getLogger("hypercorn.error")
    quiet.setLevel(logging.WARNING)
    config.errorlog = quiet
    config.graceful_timeout = 1.0
    config.include_server_header = False
    config.include_date_header = True
    try:
        await serve_asgi(app, config, shutdown_trigger=shutdown_event.wait, mode="asgi")  # type: ignore[arg-type]
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(unix_path)


def _listening(path: str) -> socket.socket:
    """A socket at `path`, in place of what a process that was killed may have left there."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o077)
    try:
        listener.bind(path)
        listener.listen(socket.SOMAXCONN)
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(mask)
    return listener
