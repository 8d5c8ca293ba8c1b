"""Snippets: short texts that are inserted into the prompt by name, one file each in the folder ``snippets``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .errors import ConfigError
from .paths import config_dir
from .text_files import read, text_files

FOLDER = "snippets"
SUFFIXES = (".md", ".txt")


@dataclass(frozen=True, slots=True)
class Snippets:
    """Texts by name, and a sentence for each file that cannot be used."""

    texts: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    folder: Path = Path(FOLDER)


def load_snippets(config_folder: Path | None = None) -> Snippets:
    """Return all snippets. A file that cannot be read is a sentence, and the others are there."""
    folder = config_dir(config_folder) / FOLDER
    texts: dict[str, str] = {}
    problems: list[str] = []
    for name, path in text_files(folder, SUFFIXES):
        try:
            text = read(name, path).removesuffix("\n")
            if name in texts:
                raise ConfigError(f"{path}: there is another snippet {name}. Rename one of the files.")
            texts[name] = text
        except ConfigError as error:
            problems.append(str(error))
    return Snippets(texts, tuple(problems), folder)
