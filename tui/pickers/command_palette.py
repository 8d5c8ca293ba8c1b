"""Command palette in the frame of the other sheets."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.command import CommandInput, CommandList, CommandPalette, SearchIcon
from textual.containers import Horizontal, Vertical
from textual.widgets import LoadingIndicator

from ..dialogs.menu import Menu


class PaletteList(CommandList, Menu, can_focus=False):
    """List of commands with a bar beside the highlighted one."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"menu--bar"}


class Palette(CommandPalette):
    """Finds commands and conversations by name."""

    CSS_PATH = str(Path(__file__).with_name("palette.tcss"))

    def compose(self) -> ComposeResult:
        """Compose the frame, the field and the list."""
        with Vertical(id="--container") as frame:
            frame.border_title = "Commands"
            frame.border_subtitle = "enter run   esc close"
            with Horizontal(id="--input"):
                yield SearchIcon()
                yield CommandInput(placeholder="Find a command or a conversation", select_on_focus=False)
            with Vertical(id="--results"):
                yield PaletteList(classes="-driven")
                yield LoadingIndicator()
