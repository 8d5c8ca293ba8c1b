"""Attached files of an export: beside the texts in a folder, or together with them in a zip file."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sterna.storage import read_pieces, safe_name
from sterna.storage.conversations.documents import attachment_label, named_attachment

from .output_files import new_file

if TYPE_CHECKING:
    from sterna.storage import Attachment, AttachmentFiles

FOLDER = "attachments"


def export_name(attachment: Attachment) -> str:
    """Return the path of an attachment in an export: two files of one name do not meet."""
    return f"{FOLDER}/{attachment.id[:8]}-{safe_name(attachment.name)}"


def export_file(files: AttachmentFiles, attachment: Attachment, folder: Path) -> bool:
    """Copy an attachment into the folder of an export; return whether its file is here."""
    if not files.has(attachment.id):
        return False
    target = folder / export_name(attachment)
    target.parent.mkdir(mode=0o700, exist_ok=True)
    if not target.exists():
        target.touch(mode=0o600)
        with target.open("wb") as copy:
            for piece in read_pieces(files.path(attachment.id)):
                copy.write(piece)
    return True


def markdown_line(files: AttachmentFiles, attachment: Attachment, folder: Path | None) -> str:
    """Return the line about an attachment, which is a link where its file is in ``folder``."""
    if folder is None or not export_file(files, attachment, folder):
        return named_attachment(attachment)
    return f"- Attached: [{attachment_label(attachment)}](<{export_name(attachment)}>)\n"


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
