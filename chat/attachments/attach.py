"""Attaching: a file or some bytes are checked, kept beside the history and noted in it, in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

from sterna.storage import Attachment, AttachmentFiles, Attachments, Invalid, Store, StoreThread

from . import inspection


async def attach(store: StoreThread, path: Path) -> Attachment:
    """Keep a copy of a file and return it, ready for :meth:`Turns.begin` or a draft. Raises StoreError."""
    return await _noted(store, lambda files: keep_file(files, path))


async def attach_bytes(store: StoreThread, name: str, content: bytes) -> Attachment:
    """Keep some bytes under a name, as :func:`attach` does."""
    return await _noted(store, lambda files: keep_bytes(files, name, content))


async def _noted(store: StoreThread, keep: Callable[[AttachmentFiles], Attachment]) -> Attachment:
    attachment = await asyncio.to_thread(keep, await store.run(_files))
    await store.run(Attachments.add, attachment)
    return attachment


def keep_file(files: AttachmentFiles, path: Path) -> Attachment:
    """Keep a copy of a file in a folder without a history. Raises StoreError; call it in a thread."""
    return _keep(files, inspection.shown_name(path), lambda: inspection.open_file(path))


def keep_bytes(files: AttachmentFiles, name: str, content: bytes) -> Attachment:
    """Keep some bytes as :func:`keep_file` does."""
    return _keep(files, inspection.shown_name(name), lambda: _pieces(inspection.shown_name(name), content))


def _keep(files: AttachmentFiles, name: str, pieces: Callable[[], Iterable[bytes]]) -> Attachment:
    """Copy the content, then look at the copy: the file may change meanwhile."""
    kept = files.add(pieces())
    try:
        return Attachment(kept.id, name, check(files, name, kept.id), kept.size)
    except BaseException:
        if kept.is_new:
            files.remove(kept.id)
        raise


def check(files: AttachmentFiles, name: str, attachment_id: str) -> str:
    """Return the media type of a file that is kept. Raises Invalid for one that cannot be sent to a model."""
    content = files.read(attachment_id)
    media_type = inspection.media_type_of(name, content)
    if media_type in inspection.IMAGES:
        from . import images

        images.check(name, content, media_type)
    elif media_type == inspection.PDF:
        pdf_text(files, name, attachment_id)
    return media_type


def pdf_text(files: AttachmentFiles, name: str, attachment_id: str) -> str:
    """Return the text of a PDF file. Raises Invalid where there is none."""

    def extract() -> str:
        from .pdf_text import SENTENCES
        from .pdf_text import extract as extract_in_process

        text, problem = extract_in_process(files.path(attachment_id))
        if problem:
            raise Invalid(SENTENCES.get(problem, SENTENCES["damaged"]).format(name=name))
        return text

    return files.text(attachment_id, extract)


def _pieces(name: str, content: bytes) -> Iterable[bytes]:
    if not content:
        raise Invalid(f"{name} is empty.")
    if len(content) > inspection.MAX_BYTES:
        raise Invalid(inspection.too_large(name, len(content), inspection.MAX_BYTES))
    return (content,)


def _files(store: Store) -> AttachmentFiles:
    return store.attachment_files
