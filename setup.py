"""The build option: with TRAFFICCOP_COMPILE=1 the hot modules become C extensions, the others stay as they are."""

import os
from glob import glob

from setuptools import setup

# What runs once or more per request. Everything here is typed strictly and keeps to what mypyc can compile.
HOT = [
    *sorted(glob("trafficcop/http/*.py")),
    *sorted(glob("trafficcop/http/h2/*.py")),
    *sorted(glob("trafficcop/server/*.py")),
    *sorted(glob("trafficcop/proxy/*.py")),
    *sorted(glob("trafficcop/router/*.py")),
    *sorted(glob("trafficcop/service/*.py")),
    *sorted(glob("trafficcop/middleware/*.py")),
    *sorted(glob("trafficcop/udp/*.py")),
    *sorted(glob("trafficcop/tcp/*.py")),
    "trafficcop/tls/client_hello.py",
    "trafficcop/tls/facts.py",
    "trafficcop/tls/store.py",
    "trafficcop/tls/stream.py",
    "trafficcop/tls/table.py",
    "trafficcop/rules/combine.py",
    "trafficcop/rules/conditions.py",
]
# mypyc cannot: classes inside functions, objects that weak references may point to.
COLD = ("__init__.py", "middleware/compress_codings.py", "service/rings.py")
HOT = [path for path in HOT if not path.endswith(COLD)]


def _extensions() -> list[object]:
    if os.environ.get("TRAFFICCOP_COMPILE") != "1":
        return []
    from mypyc.build import mypycify

    return list(mypycify(HOT, opt_level="3", debug_level="1"))


setup(ext_modules=_extensions())
