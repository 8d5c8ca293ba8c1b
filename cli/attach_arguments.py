"""Arguments of ``--attach``: paths, and ``-`` for standard input."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .streams import read_input

if TYPE_CHECKING:
    from sterna.storage import Attachment, AttachmentFiles, StoreThread

STANDARD_INPUT = "-"
INPUT_NAME = "standard input"


async def attach_argument(store: StoreThread, name: str) -> Attachment:
    """Keep a file or standard input in the history. Raises StoreError."""
    from sterna.chat import attach, attach_bytes

    if name == STANDARD_INPUT:
        return await attach_bytes(store, INPUT_NAME, read_input())
    return await attach(store, Path(name))


def keep_argument(files: AttachmentFiles, name: str) -> Attachment:
    """Keep a file or standard input outside of any history. Raises StoreError."""
    from sterna.chat import keep_bytes, keep_file

    if name == STANDARD_INPUT:
        return keep_bytes(files, INPUT_NAME, read_input())
    return keep_file(files, Path(name))
