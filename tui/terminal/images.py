"""Pictures in a terminal: in their own pixels by textual-image, elsewhere as half cells of two colours.

Loading that library asks the terminal what it can, and waits for the answer on the keyboard's line, where Textual
listens already: the question would be typed into the prompt. So it is loaded without asking; what a terminal can is
known from its name. Everything here takes a while and belongs into a thread.
"""

from __future__ import annotations

import fcntl
import struct
import sys
import termios
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from textual.color import Color
from textual.content import Content
from textual.style import Style

if TYPE_CHECKING:
    from PIL.Image import Image

Protocol = Literal["kitty", "sixel", "cells"]

KITTY = ("kitty", "ghostty")
SIXEL = ("foot", "wezterm", "mlterm", "contour", "yaft", "iterm", "black-box", "rio")
LARGEST_SIDE = 2_000
"""Pixels to which a picture is scaled down before it is drawn."""
MOST_PIXELS = 100_000_000
"""A picture of more pixels is not opened: it could take all memory."""
UPPER_HALF = "▀"
CELL = (10, 20)
"""Pixels of a cell where the terminal does not say."""


class PictureError(Exception):
    """The picture cannot be shown; the sentence says why."""


def protocol(environ: Mapping[str, str]) -> Protocol:
    """Return how pictures are sent to this terminal: through a multiplexer only as coloured half cells."""
    if environ.get("TMUX") or environ.get("STY"):
        return "cells"
    name = f"{environ.get('TERM', '')} {environ.get('TERM_PROGRAM', '')}".lower()
    if any(each in name for each in KITTY):
        return "kitty"
    return "sixel" if any(each in name for each in SIXEL) else "cells"


def read_picture(data: bytes) -> Image:
    """Return a picture as it is meant to be seen, of a size for a screen. Raises PictureError."""
    from PIL import Image, ImageOps

    try:
        with Image.open(BytesIO(data)) as image:
            if image.width * image.height > MOST_PIXELS:
                raise PictureError("This picture is too large to be shown here.")
            image.draft("RGB", (LARGEST_SIDE, LARGEST_SIDE))
            turned = ImageOps.exif_transpose(image)
            turned.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
            return turned.convert("RGBA" if "A" in turned.getbands() or "transparency" in turned.info else "RGB")
    except PictureError:
        raise
    except Exception as error:  # Pillow's decoders raise whatever a broken file makes them meet
        raise PictureError("This picture cannot be read.") from error


def cell_size(width: int, height: int, most_columns: int, most_rows: int) -> tuple[int, int]:
    """Return the columns and rows in which a picture of so many pixels keeps its proportions."""
    columns, rows = most_columns, height * most_columns * CELL[0] / (width * CELL[1])
    if rows > most_rows:
        columns, rows = round(width * most_rows * CELL[1] / (height * CELL[0])), most_rows
    return max(1, columns), max(1, round(rows))


def half_cells(image: Image, most_columns: int, most_rows: int) -> list[Content]:
    """Return a picture as rows of half cells, each with two of its pixels one above the other."""
    columns, rows = cell_size(image.width, image.height, most_columns, most_rows)
    pixels: Any = image.convert("RGB").resize((columns, 2 * rows)).load()
    return [
        Content.assemble(*((UPPER_HALF, _style(pixels[x, 2 * y], pixels[x, 2 * y + 1])) for x in range(columns)))
        for y in range(rows)
    ]


def picture_widget(image: Image, how: Literal["kitty", "sixel"]) -> Any:
    """Return a widget that draws a picture in its own pixels."""
    _load()
    widget = import_module("textual_image.widget")
    return (widget.TGPImage if how == "kitty" else widget.SixelImage)(image)


def _style(upper: tuple[int, int, int], lower: tuple[int, int, int]) -> Style:
    return Style(background=Color(*lower), foreground=Color(*upper))


@cache
def _load() -> None:
    """Import textual-image without a question to the terminal."""
    from textual_image import _terminal

    rows, columns, width, height = _window()
    size = (width // columns, height // rows) if rows and columns and width and height else CELL
    setattr(_terminal.get_cell_size, "_result", _terminal.CellSize(*size))  # noqa: B010
    asks = _terminal.capture_terminal_response
    _terminal.capture_terminal_response = _no_question
    try:
        import_module("textual_image.widget")
    finally:
        _terminal.capture_terminal_response = asks


def _window() -> tuple[int, int, int, int]:
    """Return rows, columns, width and height of the terminal; zeros where it does not say."""
    for stream in (sys.__stdout__, sys.__stderr__):
        try:
            if stream is not None:
                return struct.unpack("HHHH", fcntl.ioctl(stream.fileno(), termios.TIOCGWINSZ, b"\0" * 8))
        except (OSError, ValueError):
            continue
    return 0, 0, 0, 0


def _no_question(*_: object, **__: object) -> NoReturn:
    """Stand for a terminal that does not answer."""
    from textual_image._terminal import TerminalError

    raise TerminalError("not asked")
