"""Opening of attachments: images in the terminal, everything else in the desktop's programs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sterna import storage
from sterna.storage.text import clean

from .layout import MainLayout

if TYPE_CHECKING:
    from sterna.storage import Attachment, AttachmentFiles, Store


def open_attachments(layout: MainLayout, attachments: Sequence[Attachment]) -> None:
    """Open the only one, or ask which."""
    layout.start_worker("open attachment", _choose_and_open, layout, attachments)


async def _choose_and_open(layout: MainLayout, attachments: Sequence[Attachment]) -> None:
    chosen = attachments[0]
    if len(attachments) > 1:
        from ..dialogs.attach import ChooseAttachment

        answer = await layout.app.push_screen_wait(ChooseAttachment("Open an attachment", attachments))
        if answer is None:
            return
        chosen = answer
    from ..terminal.opener import open_file

    try:
        files = await layout.context.store.run(_files)
        if chosen.kind == "image" and not layout.context.is_ascii and not await _show(layout, files, chosen):
            return
        path = await asyncio.to_thread(files.copy_to_open, chosen.id, chosen.name)
    except storage.NotFound:
        layout.notify("That file is not on this device yet. Sync downloads it.", severity="warning")
    except storage.StoreError as error:
        layout.complain(str(error))
    else:
        if not await open_file(path, os.environ):
            layout.notify(f"No program could open it here. A copy is in {clean(str(path))}", timeout=20)


async def _show(layout: MainLayout, files: AttachmentFiles, image: Attachment) -> bool:
    """Show an image in the terminal; return whether it is to be opened in the desktop's program all the same."""
    from ..screens.picture import PictureScreen
    from ..terminal.images import PictureError

    try:
        data = await asyncio.to_thread(files.read, image.id)
        screen = await PictureScreen.of(image.name, data, layout.context.settings_file.environ)
    except PictureError:
        return True
    return await layout.app.push_screen_wait(screen) == "open"


def _files(store: Store) -> AttachmentFiles:
    return store.attachment_files
