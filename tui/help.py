"""Every key, from the list of actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from .actions import key_names, sections

KEYS_WIDTH = 30
NARROW = 64
"""Below this width the sentence stands under its keys."""


class KeyList(Widget):
    """The keys of one section, beside or above what they do."""

    DEFAULT_CSS = "KeyList { height: auto; text-wrap: nowrap; }"

    def __init__(self, heading: str, rows: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._heading, self._rows = heading, rows

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Lines at that width."""
        return len(self._lines(width))

    def render(self) -> Content:
        """The heading and its rows."""
        return Content("\n").join(self._lines(self.content_size.width))

    def _lines(self, width: int) -> list[Content]:
        indent = KEYS_WIDTH if width >= NARROW else 2
        lines = [Content(""), Content.styled(self._heading, "bold")]
        for keys, sentence in self._rows:
            wrapped = wrap(sentence, max(8, width - indent)) or [""]
            if indent < KEYS_WIDTH or len(keys) >= indent:
                lines.append(Content.styled(keys, "$primary"))
            else:
                lines.append(Content.assemble((keys.ljust(indent), "$primary"), wrapped.pop(0)))
            lines += [Content(" " * indent + line) for line in wrapped]
        return lines


class HelpScreen(ModalScreen[None]):
    """Keys as they are now, remapped ones too."""

    CSS_PATH = "sheets.tcss"

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
                rows = [(key_names(self._keymap.get(one.id, one.key)), one.help) for one in actions]
                yield KeyList(heading, rows)
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
