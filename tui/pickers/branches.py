"""Picker of branches: each is known by its last prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual import on
from textual.content import Content
from textual.widgets import Input
from textual.widgets.option_list import Option

from sterna.storage import Branch, one_line

from ..counts import counted
from .chooser import RowChooser
from .fuzzy import match

MOST = 300
"""Branches that are listed at once."""
LONGEST = 300
LONGEST_MODEL = 20
KEYS = "enter show   esc cancel"
SHOWN = "  shown"
NARROW = 50
"""Width of a line below which the number of messages stands without the word."""


class BranchPicker(RowChooser[str | None]):
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
        self._draw(next((number for number, branch in enumerate(self._listed) if branch.is_shown), 0))
        more = len(matching) - len(self._listed)
        note = f"{more:,} more. Type to filter." if more else ""
        self.say("No branch has that prompt." if not matching else note, KEYS)

    def on_resize(self) -> None:
        """Fit the lines to the width."""
        self.call_after_refresh(lambda: self._draw(self.menu.highlighted or 0))

    def _draw(self, highlighted: int) -> None:
        """List the branches in columns: time, prompt, model, number of messages, and a mark on the shown one."""
        room = self.room
        sizes = [
            f"{branch.messages:,}" if room < NARROW else counted(branch.messages, "message") for branch in self._listed
        ]
        times = [self._time(branch.at) for branch in self._listed]
        if models := _models(self._listed):
            widths = [max(map(len, texts)) for texts in (models, sizes)]
            both = zip(models, sizes, strict=True)
            wide = [f"{model.ljust(widths[0])}  {size.rjust(widths[1])}" for model, size in both]
            sizes = models if room < NARROW else wide
        size_width, time_width = (max(map(len, texts), default=0) for texts in (sizes, times))
        prompt_width = max(8, room - time_width - size_width - len(SHOWN) - 4)
        options = []
        for branch, time, size in zip(self._listed, times, sizes, strict=True):
            prompt = Content(one_line(branch.prompt, LONGEST) or "no prompt")
            line = Content.assemble(
                (time.rjust(time_width) + "  ", "$foreground 75%"),
                prompt.truncate(prompt_width, ellipsis=True, pad=True),
                ("  " + size.rjust(size_width), "$foreground 75%"),
                (SHOWN if branch.is_shown else "", "bold $primary"),
            )
            options.append(Option(line))
        self.fill(options, highlighted if options else None)

    def choose(self, row: int) -> None:
        if row < len(self._listed):
            self.dismiss(self._listed[row].end)


def _models(branches: Sequence[Branch]) -> list[str]:
    """Return the names of the models where several branches have one prompt; none where that tells them apart."""
    if len({branch.prompt for branch in branches}) == len(branches):
        return []
    return [one_line(branch.model.rpartition("/")[2], LONGEST_MODEL) for branch in branches]
