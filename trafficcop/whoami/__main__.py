"""`python -m trafficcop.whoami`, the same as `trafficcop whoami`."""

import sys

from trafficcop.whoami import main

sys.exit(main(sys.argv[1:]))
