"""`python -m trafficcop`: the same as the console script."""

import sys

from trafficcop.cli import main

if __name__ == "__main__":
    sys.exit(main())
