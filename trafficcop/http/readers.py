"""Readers of descriptors are taken off the event loop here.

uvloop gives None where asyncio tells whether there was one; what mypyc compiles insists on a bool: none is asked for.
"""

from __future__ import annotations

import asyncio
from typing import Any


def remove_reader(loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
    """The loop looks at this descriptor no more."""
    untyped: Any = loop
    untyped.remove_reader(descriptor)
