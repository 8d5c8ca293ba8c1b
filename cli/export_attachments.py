"""Attached files of an export: beside the texts in a folder, or together with them in a zip file."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sterna.exporters.files import StoredFiles

from .output_files import new_file

if TYPE_CHECKING:
    from sterna.storage import Attachment, AttachmentFiles


def export_file(files: AttachmentFiles, attachment: Attachment, folder: Path) -> bool:
    """Copy an attachment into the folder of an export; return whether its file is here."""
    return bool(StoredFiles(files, folder).link(attachment))


@contextmanager
def new_zip(path: Path, *, force: bool) -> Iterator[Path]:
    """Yield an empty folder, whose content then appears at ``path`` as a zip file. Raises ClickException."""
    with TemporaryDirectory(prefix="sterna-") as name:
        folder = Path(name)
        yield folder
        with new_file(path, force=force) as file, zipfile.ZipFile(file.buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for member in sorted(folder.rglob("*")):
                if member.is_file():
                    archive.write(member, member.relative_to(folder))


def is_zip(path: Path | None) -> bool:
    """Return whether an output is to be a zip file."""
    return path is not None and path.suffix.lower() == ".zip"
