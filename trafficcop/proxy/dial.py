"""Opening a connection to a server."""

from __future__ import annotations

import asyncio
import errno

from trafficcop.errors import Kind, ProxyError
from trafficcop.proxy.connect import connect
from trafficcop.proxy.names import Names
from trafficcop.proxy.origin import Origin
from trafficcop.telemetry.log import get_logger
from trafficcop.tls.security import Choose, Security

_log = get_logger(__name__)


async def dial(origin: Origin, timeout: float, names: Names, security: Security | None, choose: Choose) -> None:
    """Connect what `choose` gives; ProxyError, retryable: no byte was sent. `timeout` is for TCP alone, 0 for none.

    Call it in a task.
    """
    try:
        await _dial(origin, timeout, names, security, choose)
    except ProxyError as error:
        # Only a mistake in a configuration lets a server be distrusted: somebody has to know.
        if error.kind is Kind.UNTRUSTED:
            _log.error("%s: %s", origin, error)
        else:
            _log.debug("%s: %s", origin, error)
        raise


async def _dial(origin: Origin, timeout: float, names: Names, security: Security | None, choose: Choose) -> None:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout or None):
            if origin.unix_path:
                await loop.create_unix_connection(lambda: choose(""), origin.unix_path)
                return
            sock = await connect(names, origin.host, origin.port)
        try:
            if security is not None:
                await security.start(sock, choose)
            else:
                await loop.create_connection(lambda: choose(""), sock=sock)
        except BaseException:
            sock.close()
            raise
    except TimeoutError:
        raise ProxyError(Kind.TIMEOUT, f"no connection to {origin} in time", is_retryable=True) from None
    except OSError as error:
        if error.errno == errno.ETIMEDOUT:
            raise ProxyError(Kind.TIMEOUT, f"{origin}: {error}", is_retryable=True) from None
        raise ProxyError(Kind.UNREACHABLE, f"{origin}: {error}", is_retryable=True) from None
