"""Location of the data."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "STERNA_DATA_DIR"


def data_dir(override: Path | None = None) -> Path:
    """Return the folder of the accounts' files, made (0700) when missing.

    ``override``, else what ``$STERNA_DATA_DIR`` says, else the system's place for such data.
    """
    named = override or (Path(value) if (value := os.environ.get(VARIABLE)) else None)
    if named is None:
        from platformdirs import user_data_path

        named = user_data_path("sterna", appauthor=False)
    folder = named.expanduser().absolute()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
