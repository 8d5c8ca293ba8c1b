"""Picker of branches: each is known by its last prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual import on
from textual.content import Content
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from sterna.storage import Branch, one_line

from ..counts import counted
from .chooser import Chooser
from .fuzzy import match

MOST = 300
"""Branches that are listed at once."""
LONGEST = 300
KEYS = "enter show   esc cancel"


class BranchPicker(Chooser[str | None]):
    """Returns the last message of the branch that was chosen."""

    TITLE = "Branches"
    PLACEHOLDER = "Filter by last prompt"

    def __init__(self, branches: Sequence[Branch], time: Callable[[str], str]) -> None:
        """Take the branches, and what shows the time of a message."""
        super().__init__()
        self._branches = branches
        """All of them, the newest first."""
        self._time = time
        self._listed: list[Branch] = []

    def on_mount(self) -> None:
        """List the branches, the shown one highlighted."""
        super().on_mount()
        self._list()

    @on(Input.Changed)
    def _list(self) -> None:
        query = self.field.value.strip()
        matching = [branch for branch in self._branches if match(query, branch.prompt) is not None]
        self._listed = matching[:MOST]
        shown = next((number for number, branch in enumerate(self._listed) if branch.is_shown), 0)
        self.fill([Option(self._line(branch)) for branch in self._listed], shown if self._listed else None)
        more = len(matching) - len(self._listed)
        note = f"{more:,} more. Type to filter." if more else ""
        self.say("No branch has that prompt." if not matching else note, KEYS)

    def on_resize(self) -> None:
        """Fit the lines to the width."""
        self.call_after_refresh(self._list)

    def _line(self, branch: Branch) -> Content:
        time = self._time(branch.at)
        size = counted(branch.messages, "message")
        mark = "  shown" if branch.is_shown else ""
        room = self.room - len(time) - len(size) - len(mark) - 4
        prompt = Content(one_line(branch.prompt, LONGEST) or "no prompt").truncate(
            max(8, room), ellipsis=True, pad=True
        )
        return Content.assemble(
            (time, "$foreground 75%"), "  ", prompt, "  ", (size, "$foreground 75%"), (mark, "bold $primary")
        )

    @on(Input.Submitted)
    def _choose_highlighted(self) -> None:
        self._choose(self.menu.highlighted)

    @on(OptionList.OptionSelected)
    def _choose_option(self, event: OptionList.OptionSelected) -> None:
        self._choose(event.option_index)

    def _choose(self, index: int | None) -> None:
        if index is not None and index < len(self._listed):
            self.dismiss(self._listed[index].end)
