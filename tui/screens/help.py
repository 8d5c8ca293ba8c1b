"""Help screen: every key, from the list of actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap

from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from ..actions.bindings import key_names, leader_name
from ..actions.registry import SECTIONS
from ..dialogs.panels import Dialog, Page, sentence
from ..prompt.slash_commands import rows

KEYS_WIDTH = 30
NARROW = 64
"""Width below which the description stands under its keys."""


class KeyList(Widget):
    """Keys of one section, beside or above what they do."""

    DEFAULT_CSS = "KeyList { height: auto; margin: 0 0 1 0; text-wrap: nowrap; }"

    def __init__(self, heading: str, rows: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._heading, self._rows = heading, rows

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the number of lines at that width."""
        return len(self._lines(width))

    def render(self) -> Content:
        """Return the heading and its rows."""
        return Content("\n").join(self._lines(self.content_size.width))

    def _lines(self, width: int) -> list[Content]:
        indent = KEYS_WIDTH if width >= NARROW else 2
        lines = [Content.styled(self._heading, "bold $primary")]
        for keys, meaning in self._rows:
            wrapped = wrap(meaning, max(8, width - indent)) or [""]
            if indent < KEYS_WIDTH or len(keys) >= indent:
                lines.append(Content.styled(keys, "$primary"))
            else:
                lines.append(Content.assemble((keys.ljust(indent), "$primary"), wrapped.pop(0)))
            lines += [Content(" " * indent + line) for line in wrapped]
        return lines


def slash_rows() -> list[tuple[str, str]]:
    """Return each command of the prompt, with all its names."""
    return rows()


class HelpScreen(Dialog[None]):
    """Keys as they are remapped now."""

    BINDINGS = [
        Binding("escape,q,f1", "dismiss", "Close"),
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
        """Compose the sections of keys on one scrolling page."""
        with Page("Keys", keys="↑ ↓ scroll   esc close", classes="-sheet"):
            leader = leader_name(self._keymap)
            for heading, actions in SECTIONS:
                rows = [(key_names(self._keymap.get(action.id, action.key), leader), action.help) for action in actions]
                yield KeyList(heading, rows)
            yield KeyList("Commands in the prompt", slash_rows())
            yield sentence(
                "To send text that starts with a slash, type it twice: //. Tab moves between the parts. The mouse "
                "works everywhere. Change keys under [keys] in config.toml, "
                'for example "conversation.new" = "alt+w".',
                classes="note more",
            )

    def on_mount(self) -> None:
        """Focus the page, so that keys scroll it."""
        self.query_one(Page).focus()

    def action_scroll_by(self, lines: int) -> None:
        """Scroll the page."""
        self.query_one(Page).scroll_relative(y=lines, animate=False)
