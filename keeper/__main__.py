"""`python -m keeper`: the command line."""

import sys

from keeper.cli import main

sys.exit(main())
