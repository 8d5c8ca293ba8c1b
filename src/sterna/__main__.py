"""``python -m sterna``: the same as the command ``sterna``."""

import sys

from .cli import main

sys.exit(main())
