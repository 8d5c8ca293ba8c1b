"""Picker of links: each address is shown in full before it is opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from textual import on
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Input
from textual.widgets.option_list import Option

from sterna.storage.text import one_line

from ..counts import counted
from ..markdown import Link
from .chooser import Chooser
from .fuzzy import match

LONGEST_LABEL = 60

Choice = tuple[Literal["open", "copy"], Link]


class LinkPicker(Chooser[Choice | None]):
    """Returns the link that was chosen, and what to do with it."""

    TITLE = "Open a link"
    PLACEHOLDER = "Filter links"

    BINDINGS = [Binding("ctrl+y", "copy", "Copy the address", id="links.copy")]

    def __init__(self, links: Sequence[Link]) -> None:
        super().__init__()
        self._links = links
        self._shown: list[Link] = []

    def on_mount(self) -> None:
        """List the links."""
        super().on_mount()
        self._list()

    @on(Input.Changed)
    def _list(self) -> None:
        query = self.field.value.strip()
        self._shown = [link for link in self._links if match(query, f"{link.label} {link.address}") is not None]
        self.fill([Option(self._line(link)) for link in self._shown], 0 if self._shown else None)
        self.say(counted(len(self._shown), "link") + ".", "enter open   ctrl+y copy   esc cancel")

    def _line(self, link: Link) -> Content:
        if not link.label:
            return Content(link.address)
        return Content.assemble(one_line(link.label, LONGEST_LABEL), "\n", (link.address, "$foreground 75%"))

    def action_copy(self) -> None:
        """Return the highlighted address, to be copied."""
        self._choose(self.menu.highlighted, "copy")

    @on(Input.Submitted)
    def choose_highlighted(self) -> None:
        """Return the highlighted address."""
        self._choose(self.menu.highlighted, "open")

    def choose_line(self, line: int) -> None:
        """Return the address that was clicked."""
        self._choose(line, "open")

    def _choose(self, index: int | None, what: Literal["open", "copy"]) -> None:
        if index is not None and index < len(self._shown):
            self.dismiss((what, self._shown[index]))
