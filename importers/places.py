"""Where a file of a history stands, for programs that keep theirs inside of the project."""

from __future__ import annotations

from .tree import FileTree


def project_of(tree: FileTree, path: str, levels: int = 1) -> str:
    """Return the folder that is so many levels above a file: on disk where it is there, else in the export."""
    name = path.rpartition("/")[2]
    with tree.local(path) as local:
        if local.name == name:  # no copy out of an archive
            return str(local.resolve().parents[levels - 1])
    return "/".join(path.split("/")[:-levels])
