"""The build option: with TRAFFICCOP_COMPILE=1 the hot modules become C extensions, the others stay as they are."""

import os

from setuptools import setup

# What runs once or more per request. Everything here is typed strictly and keeps to what mypyc can compile.
HOT = [
    "trafficcop/http/body.py",
    "trafficcop/http/drive.py",
    "trafficcop/http/headers.py",
    "trafficcop/http/messages.py",
]


def _extensions() -> list[object]:
    if os.environ.get("TRAFFICCOP_COMPILE") != "1":
        return []
    from mypyc.build import mypycify

    return list(mypycify(HOT, opt_level="3", debug_level="1"))


setup(ext_modules=_extensions())
