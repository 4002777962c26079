"""Readers of descriptors are taken off the event loop here.

uvloop gives None where asyncio gives whether there was one, and what mypyc compiles insists on a bool: it is not asked for.
"""

from __future__ import annotations

import asyncio
from typing import Any


def remove_reader(loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
    """The loop looks at this descriptor no more."""
    untyped: Any = loop
    untyped.remove_reader(descriptor)
