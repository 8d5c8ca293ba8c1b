"""Attached files of an export: in a folder beside the texts, inside of them, or named only."""

from __future__ import annotations

from pathlib import Path

from sterna.storage import Attachment, AttachmentFiles, read_pieces, safe_name

FOLDER = "attachments"


def export_name(attachment: Attachment) -> str:
    """Return the path of an attachment in an export: two files of one name do not meet."""
    return f"{FOLDER}/{attachment.id[:8]}-{safe_name(attachment.name)}"


class ExportFiles:
    """Attached files for the texts of an export. This one has none."""

    def link(self, attachment: Attachment, name: str = "") -> str:
        """Return the path of a file from the text, where it is there then; else an empty text. Raises OSError.

        ``name`` is for formats that find their files by it.
        """
        return ""

    def content(self, attachment: Attachment, most: int) -> bytes | None:
        """Return the bytes of a file; None where it is not here or has more than ``most``."""
        return None


class StoredFiles(ExportFiles):
    """The files that are kept beside the database; with a ``folder`` those that are linked are copied into it."""

    def __init__(self, files: AttachmentFiles, folder: Path | None = None) -> None:
        self._files = files
        self._folder = folder

    def link(self, attachment: Attachment, name: str = "") -> str:
        if self._folder is None or not self._files.has(attachment.id):
            return ""
        name = f"{FOLDER}/{name}" if name else export_name(attachment)
        target = self._folder / name
        target.parent.mkdir(mode=0o700, exist_ok=True)
        if not target.exists():
            target.touch(mode=0o600)
            with target.open("wb") as copy:
                for piece in read_pieces(self._files.path(attachment.id)):
                    copy.write(piece)
        return name

    def content(self, attachment: Attachment, most: int) -> bytes | None:
        if not self._files.has(attachment.id) or self._files.path(attachment.id).stat().st_size > most:
            return None
        return self._files.read(attachment.id)
