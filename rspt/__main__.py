"""`python -m rspt` is the `rspt` command."""

import sys

from rspt.cli import main

if __name__ == "__main__":
    sys.exit(main())
