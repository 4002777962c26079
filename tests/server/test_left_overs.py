"""What connections leave behind when they close."""

from __future__ import annotations

import gc

from tests.loopback import Scripted, fixed, router, until
from trafficcop.http.messages import Request
from trafficcop.proxy.h1 import ServerConnection
from trafficcop.server.connection import Connection

ASK = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def test_nothing_is_left_to_the_collector() -> None:
    """It looks at what has been open for a while hardly ever."""
    async with router(Scripted(fixed())) as loopback:
        assert (await (await loopback.client()).ask(ASK))[0] == 200
        gc.collect()
        gc.disable()
        gc.set_debug(gc.DEBUG_SAVEALL)
        try:
            for _ in range(10):
                client = await loopback.client()
                assert (await client.ask(ASK))[0] == 200
                client.close()
            await until(lambda: len(loopback.runtime.listeners["web"].connections) <= 1)
            gc.collect()
            assert [one for one in gc.garbage if isinstance(one, Connection | ServerConnection | Request)] == []
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
