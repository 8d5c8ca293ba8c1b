"""Picture that fills the screen, drawn as well as the terminal can."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.events import Resize
from textual.widget import Widget
from textual.widgets import Static

from ..dialogs.panels import Dialog, Panel
from ..terminal.images import cell_size, half_cells, picture_widget, protocol, read_picture

if TYPE_CHECKING:
    from PIL.Image import Image


class PictureScreen(Dialog[str | None]):
    """Returns "open" when the picture is to be opened in the desktop's program, else None."""

    BINDINGS = [Binding("escape,q,enter", "dismiss(None)", "Close"), Binding("o", "dismiss('open')", "Open outside")]

    def __init__(self, name: str, image: Image, environ: Mapping[str, str]) -> None:
        super().__init__()
        self._title, self._image = name, image
        how = protocol(environ)
        self._picture: Widget = Static() if how == "cells" else picture_widget(image, how)

    @classmethod
    async def of(cls, name: str, data: bytes, environ: Mapping[str, str]) -> PictureScreen:
        """Return the screen of a picture. Raises PictureError."""
        return cls(name, await asyncio.to_thread(read_picture, data), environ)

    def compose(self) -> ComposeResult:
        """Compose the picture in a frame."""
        size = f"{self._image.width} × {self._image.height}"
        with Panel(self._title, keys=f"{size}   o open outside   esc close"):
            yield self._picture

    def on_resize(self, event: Resize) -> None:
        """Fit the picture into the frame, in its proportions."""
        width, height = max(1, event.size.width - 2), max(1, event.size.height - 2)
        columns, rows = cell_size(self._image.width, self._image.height, width, height)
        self._picture.styles.width, self._picture.styles.height = columns, rows
        if isinstance(self._picture, Static):
            self._picture.update(Content("\n").join(half_cells(self._image, width, height)))
