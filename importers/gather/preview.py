"""What would be taken from a source, before anything is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sterna.storage.imports.gathered import SourceChoice

from ..registry import readers
from .places import Places
from .work import find


@dataclass(frozen=True, slots=True)
class FolderPreview:
    """Files of one folder."""

    path: str
    files: int
    size: int


@dataclass(frozen=True, slots=True)
class SourcePreview:
    """Files of one source."""

    name: str
    label: str
    folders: tuple[FolderPreview, ...]
    problems: tuple[str, ...] = ()

    @property
    def files(self) -> int:
        return sum(folder.files for folder in self.folders)

    @property
    def size(self) -> int:
        return sum(folder.size for folder in self.folders)


def preview(name: str, places: Places, choice: SourceChoice, projects: tuple[str, ...] = ()) -> SourcePreview:
    """Return which files of a source would be read. Nothing is opened."""
    found = find(name, places, choice, projects)
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for file in found.files.values():
        if file.is_history:
            folder = str(file.path.parent)
            counts[folder] += 1
            sizes[folder] += file.size
    folders = tuple(FolderPreview(short(folder, places), counts[folder], sizes[folder]) for folder in sorted(counts))
    reader = readers().named(name)
    return SourcePreview(name, reader.label if reader is not None else name, folders, tuple(found.problems))


def short(path: str, places: Places) -> str:
    """Return a path with ``~`` for home."""
    home = str(places.home)
    return "~" + path[len(home) :] if path == home or path.startswith(home + "/") else path
