"""Tag picker: tags of one or several conversations are chosen, and new ones made, in one list."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Input
from textual.widgets.option_list import Option

from sterna.storage import Invalid, LabelChange, Tag
from sterna.storage.conversations.tags import tag_name
from sterna.storage.text import one_line

from ..counts import counted
from .chooser import Chooser

MARKS = {True: "[x]", False: "[ ]", None: "[-]"}
"""Mark of a tag that all of the conversations get or have, none, or some."""


class TagInput(Input):
    """Field without spaces: no tag has one, and the key is for the list."""

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Leave the space key to the picker."""
        return key != "space" and super().check_consume_key(key, character)


class TagPicker(Chooser[LabelChange | None]):
    """Returns the change of tags, or None."""

    TITLE = "Tags"
    PLACEHOLDER = "Find or make a tag"

    BINDINGS = [Binding("space", "toggle_tag", "Add or remove", show=False, priority=True)]

    def __init__(self, known: Sequence[Tag], current: Sequence[Tag], conversations: int) -> None:
        """Take all tags, those that the conversations have with how many of them have each, and their number."""
        super().__init__()
        self._counts = {tag.name: tag.conversations for tag in known}
        self._before = {tag.name: True if tag.conversations == conversations else None for tag in current}
        self._now: dict[str, bool | None] = dict(self._before)
        self._conversations = conversations
        self._shown: list[str] = []

    def make_field(self) -> Input:
        """Return the field."""
        return TagInput(placeholder=self.PLACEHOLDER)

    def on_mount(self) -> None:
        """Show all tags, those of the conversations first."""
        super().on_mount()
        self._show()

    @on(Input.Changed)
    def filter_typed(self) -> None:
        """Show the tags that have the typed text."""
        self._show()

    @on(Input.Submitted)
    def submit(self) -> None:
        """Toggle the highlighted tag; without a text and a list there is nothing more to choose."""
        if self.menu.highlighted is None:
            if not self.field.value.strip():
                self.action_cancel()
            return
        self._toggle(self.menu.highlighted)

    def choose_line(self, line: int) -> None:
        """Toggle the tag that was clicked."""
        self._toggle(line)

    def action_toggle_tag(self) -> None:
        """Toggle the highlighted tag."""
        if self.menu.highlighted is not None:
            self._toggle(self.menu.highlighted)

    def action_cancel(self) -> None:
        """Drop the typed text; without one, return the changes."""
        if self.field.value:
            self.field.value = ""
            return
        add = tuple(name for name, is_set in self._now.items() if is_set and not self._before.get(name, False))
        remove = tuple(name for name, is_set in self._now.items() if is_set is False and name in self._before)
        self.dismiss(LabelChange(add=add, remove=remove) if add or remove else None)

    def _toggle(self, line: int) -> None:
        name = self._shown[line]
        self._now[name] = not self._now.get(name, False)
        self._counts.setdefault(name, 0)
        if self.field.value:
            self.field.value = ""  # shows the list again
        else:
            self._show(name)

    def _show(self, highlighted: str | None = None) -> None:
        typed = self.field.value.strip().removeprefix("#").lower()
        names = sorted(self._counts, key=lambda name: (name not in self._now, name))
        self._shown = [name for name in names if typed in name]
        new, problem = "", ""
        try:
            if typed and (name := tag_name(typed)) not in self._counts:
                new = name
                self._shown.append(name)
        except Invalid as error:
            problem = str(error)
        options = [Option(self._line(name, is_new=name == new)) for name in self._shown]
        place = self._shown.index(highlighted) if highlighted in self._shown else 0
        self.fill(options, place if options else None)
        whose = "" if self._conversations == 1 else f"Tags of {counted(self._conversations, 'conversation')}."
        nothing = "" if self._shown else "No tags yet. Type the first one."
        self.say(problem or nothing or whose, "enter add or remove   esc done")

    def _line(self, name: str, *, is_new: bool) -> Content:
        mark = MARKS[self._now.get(name, False)]
        count = self._counts.get(name, 0)
        shown = one_line(name, self.room)
        if is_new:
            return Content(f"{mark} New tag #{shown}")
        return Content.assemble(f"{mark} #{shown}", (f"  {count:,}" if count else "", "dim"))
