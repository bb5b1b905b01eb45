"""``python -m rnnbp``: the command ``rnnbp``, for where its script is not on the path."""

import sys

from rnnbp_command import main

if __name__ == "__main__":
    sys.exit(main())
