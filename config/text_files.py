"""Small text files of one folder, each named after what is in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from .errors import ConfigError

LONGEST_BYTES = 1_000_000

_NAME = re.compile(r"\w[\w.-]*")


def text_files(folder: Path, suffixes: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """Yield name and path of each file with one of these suffixes, by name. A folder that is missing has none."""
    try:
        paths = [
            path for path in folder.iterdir() if path.suffix.lower() in suffixes and path.stem[:1] not in ("", ".")
        ]
    except OSError:
        return
    yield from sorted((path.stem, path) for path in paths)


def read(name: str, path: Path) -> str:
    """Return the text of a file. Raises ConfigError with a sentence."""
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{path}: the name may have letters, digits, - _ and . only. Rename the file.")
    try:
        if not path.is_file():
            raise ConfigError(f"{path} is not a regular file.")
        if path.stat().st_size > LONGEST_BYTES:
            raise ConfigError(f"{path} is longer than {LONGEST_BYTES // 1_000_000} MB.")
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not text in UTF-8 (byte {error.start + 1}).") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}).") from None
