"""The program under test: a static configuration from a file, then the supervisor. `python program.py CONFIG`."""

from __future__ import annotations

import logging
import os
import sys

from trafficcop.config.static_sources import load_static
from trafficcop.supervisor import Launch, run


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    loaded = load_static([f"--configFile={sys.argv[1]}"], os.environ)
    return run(Launch(loaded.static, os.environ, loaded.config_file, loaded.dynamic_document))


if __name__ == "__main__":
    if "LISTEN_FDS" in os.environ:  # systemd writes the number of the process it has just made
        os.environ["LISTEN_PID"] = str(os.getpid())
    sys.exit(main())
