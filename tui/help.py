"""Every key, from the list of actions."""

from __future__ import annotations

from collections.abc import Mapping

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from .actions import key_names, sections

KEYS_WIDTH = 30


class HelpScreen(ModalScreen[None]):
    """Keys as they are now, remapped ones too."""

    BINDINGS = [
        Binding("escape,q,f1", "dismiss", "Back"),
        Binding("j,down", "scroll_by(1)", show=False),
        Binding("k,up", "scroll_by(-1)", show=False),
        Binding("space,pagedown,ctrl+d", "scroll_by(12)", show=False),
        Binding("pageup,ctrl+u", "scroll_by(-12)", show=False),
        Binding("g,home", "scroll_by(-9999)", show=False),
        Binding("G,end", "scroll_by(9999)", show=False),
    ]

    def __init__(self, keymap: Mapping[str, str]) -> None:
        super().__init__()
        self._keymap = keymap

    def compose(self) -> ComposeResult:
        """Sections of keys, in one scrolling page."""
        with VerticalScroll(classes="sheet"), Vertical():
            yield Static(Content("Keys"), classes="title")
            for heading, actions in sections():
                yield Static(Content(heading), classes="section")
                for action in actions:
                    keys = key_names(self._keymap.get(action.id, action.key))
                    yield Static(
                        Content.assemble((keys.ljust(KEYS_WIDTH), "$primary"), action.help),
                        classes="row",
                        name=action.id,
                    )
            yield Static(
                Content(
                    "Tab moves between the parts; the mouse works everywhere. Keys are changed under [keys] in "
                    "config.toml: “conversation.new” = “ctrl+n”."
                ),
                classes="note",
            )

    def on_mount(self) -> None:
        """Let the keys scroll at once."""
        self.query_one(VerticalScroll).focus()

    def action_scroll_by(self, lines: int) -> None:
        """Move the page."""
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)
