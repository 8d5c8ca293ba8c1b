"""Leader key: it begins a command of two keys, and a panel shows which keys may follow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from textual import events
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from ..actions.admission import Input
from ..actions.bindings import BY_ID, LEADER_ACTION, key_name, keys_of
from ..actions.sequences import second_key, sequence_key
from ..messages import ActionRequested

if TYPE_CHECKING:
    from ..actions.action import Action
    from .layout import MainLayout

COLUMNS = (26, 22, 19)
"""Cells of a column of the panel, the widest first: the first with which all keys fit on one page."""
MOST_OF_THE_SCREEN = 0.75
"""Part of the screen's rows that the panel may take; the rest is on a further page."""
CANCEL = ("escape", "backspace", "ctrl+c", "ctrl+g")
PAGES = {"pagedown": 1, "down": 1, "pageup": -1, "up": -1}


@dataclass(frozen=True, slots=True)
class Choice:
    """Key that may follow, and what it does."""

    key: str
    name: str
    """Key as users write it."""
    title: str
    brief: str
    """Title where that one does not fit."""
    action_id: str


class LeaderPanel(Widget, can_focus=False):
    """Keys that may follow the leader key, column by column. A click on one runs it."""

    DEFAULT_CSS = """
    LeaderPanel {
        layer: list;
        dock: bottom;
        height: auto;
        margin: 0 0 1 0;
        padding: 0 1;
        background: $panel;
        border-top: tall $primary;
        text-wrap: nowrap;
        display: none;
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._choices: Sequence[Choice] = ()
        self._leader = ""
        self._page = 0

    def open(self, choices: Sequence[Choice], leader: str) -> None:
        """Show the keys that may follow ``leader``."""
        self._choices, self._leader, self._page = choices, leader, 0
        self.display = True
        self.refresh(layout=True)

    def turn(self, pages: int) -> None:
        """Show another page, where not all keys fit."""
        self._page += pages
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Return the rows of the page, and one for what closes the panel."""
        return self._rows(width)[1] + 1

    def render(self) -> Content:
        """Return the page."""
        width = self.content_size.width
        columns, rows = self._rows(width)
        pages = max(1, -(-len(self._choices) // (columns * rows)))
        self._page %= pages
        shown = self._choices[self._page * columns * rows :][: columns * rows]
        cells = width // columns
        lines = [Content("").join(self._cell(choice, cells) for choice in shown[row::rows]) for row in range(rows)]
        page = f"↓ page {self._page + 1} of {pages}" if pages > 1 else f"{self._leader} and then one of these keys"
        lines.append(Content.styled(f"{page}   esc cancel", "$foreground 75%"))
        return Content("\n").join(lines)

    def on_click(self, event: events.Click) -> None:
        """Run the action that was clicked."""
        event.stop()
        columns, rows = self._rows(self.content_size.width)
        column = (event.x - self.gutter.left) // max(1, self.content_size.width // columns)
        row = event.y - self.gutter.top
        number = self._page * columns * rows + column * rows + row
        if 0 <= row < rows and 0 <= column < columns and number < len(self._choices):
            self.post_message(ActionRequested(self._choices[number].action_id))

    def _rows(self, width: int) -> tuple[int, int]:
        """Return the columns and rows of a page."""
        most = max(1, int(self.screen.size.height * MOST_OF_THE_SCREEN) - 3)
        columns = rows = 1
        for cells in COLUMNS:
            columns = max(1, width // cells)
            rows = max(1, -(-len(self._choices) // columns))
            if rows <= most:
                break
        return columns, min(most, rows)

    @staticmethod
    def _cell(choice: Choice, cells: int) -> Content:
        room = max(0, cells - cell_len(choice.name) - 3)
        title = choice.title if cell_len(choice.title) <= room else choice.brief
        title = title if cell_len(title) <= room else title[: max(0, room - 1)] + "…"
        return Content.assemble((choice.name, "bold $primary"), " ", set_cell_size(title, room + 2))


class LeaderKeys:
    """State between the leader key and the key behind it."""

    def __init__(self, screen: MainLayout, can_perform: Callable[[Action], bool]) -> None:
        self._screen = screen
        self._can_perform = can_perform
        self._panel: LeaderPanel | None = None
        self._choices: dict[str, Choice] = {}
        self.is_pending = False
        """True while the next key completes a sequence."""

    def take(self, event: Input) -> Input | None:
        """Return what is left of an event: a completed sequence as its one key; None for a key that was used up."""
        if not self.is_pending:
            if isinstance(event, events.Key) and event.key in self._leaders:
                self.begin()
                return None
            return event
        if isinstance(event, events.MouseDown):
            if self._panel is None or not self._panel.region.contains(event.screen_x, event.screen_y):
                self.end()
        elif isinstance(event, events.Paste):
            self.end()
        elif isinstance(event, events.Key):
            return self._complete(event)
        return event

    def begin(self) -> None:
        """Wait for the second key, and show which ones there are."""
        self._choices = {choice.key: choice for choice in self._possible()}
        self.is_pending = True
        panel = self._panel
        if panel is None:
            panel = self._panel = LeaderPanel()
            self._screen.mount(panel)
        first = {choice.action_id: choice for choice in reversed(self._choices.values())}
        panel.open(tuple(reversed(first.values())), self._screen.context.leader)

    def end(self) -> None:
        """Hide the panel."""
        self.is_pending = False
        if self._panel is not None:
            self._panel.display = False

    @property
    def _leaders(self) -> list[str]:
        return keys_of(BY_ID[LEADER_ACTION], self._screen.context.keymap)

    def _complete(self, event: events.Key) -> events.Key | None:
        if event.key in PAGES:
            assert self._panel is not None
            self._panel.turn(PAGES[event.key])
            return None
        self.end()
        if event.key in self._leaders:
            return event  # twice: the key itself, as a field understands it
        if event.key in CANCEL:
            return None
        key = event.key if event.key in self._choices else event.key.removeprefix("ctrl+")
        if key not in self._choices:
            context = self._screen.context
            self._screen.notify(f"No command on {context.leader} {key_name(event.key)}.", timeout=4)
            return None
        completed = events.Key(sequence_key(key), None)
        completed.time, completed._sender = event.time, event._sender
        return completed

    def _possible(self) -> list[Choice]:
        """Return the keys of the actions that make sense now, in the order of the list of actions."""
        screen = self._screen
        choices = []
        for key, bound in screen.app.active_bindings.items():
            second, action = second_key(key), BY_ID.get(bound.binding.id or "")
            if second is not None and action is not None and bound.enabled and self._can_perform(action):
                choices.append(Choice(second, key_name(second), action.title, action.brief or action.title, action.id))
        order = {action_id: number for number, action_id in enumerate(BY_ID)}
        return sorted(choices, key=lambda choice: order[choice.action_id])
