"""`python -m kunobs` is the `kunobs` command."""

import sys

from kunobs.cli import main

sys.exit(main())
