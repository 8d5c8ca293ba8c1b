"""Picker of the models that are compared: two to four of them are marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import events, on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Input

from sterna.chat.comparison import FEWEST, MOST
from sterna.storage.text import one_line

from .model_lines import STAR_CELLS
from .models import Line, ModelList, ModelMatch

if TYPE_CHECKING:
    from sterna.providers import Catalog
    from sterna.storage import StoreThread

BEGIN = "\n"
"""What stands for a model in the line that begins the comparison; no model has this name."""
VERSIONS = "\n\n"
"""What stands for a model in the line that shows the replies that there are."""
MARK, NO_MARK = "[x] ", "[ ] "
LONGEST_NAME = 40


class MarkField(Input):
    """Field in which the space key marks, in its turn among the other keys of the picker, however fast they come."""

    async def _on_key(self, event: events.Key) -> None:
        if event.key == "space":
            event.prevent_default()
        else:
            await super()._on_key(event)

    def check_consume_key(self, key: str, character: str | None) -> bool:
        """Return whether a key is text: the space is none here."""
        return key != "space" and super().check_consume_key(key, character)


class ComparedModelsPicker(ModelList[tuple[str, ...] | None]):
    """Returns the models, ``provider/model``, in the order in which they were marked, or None.

    Without any, the replies that there are already are to be compared.
    """

    TITLE = "Compare models"
    KEYS: ClassVar[str] = "space mark   enter compare   f2 favourite   f5 refresh   esc cancel"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", "Mark", id="models.mark"),
    ]

    def __init__(
        self,
        catalog: Catalog | None,
        *,
        current: str | None = None,
        marked: Sequence[str] = (),
        versions: int = 0,
        store: StoreThread | None = None,
    ) -> None:
        """Take the model in use, the models that are marked at first, and how many replies there are already."""
        super().__init__(catalog, current=current, store=store)
        self._marked = list(marked)[:MOST]
        self._versions = versions

    def make_field(self) -> Input:
        """Return the field."""
        return MarkField(placeholder=self.PLACEHOLDER)

    def show_list(self) -> None:
        """Show the list; the default model is marked under its own name once its provider has listed it."""
        if self._catalog_or_none is not None:
            default = self._catalog.default_ref()
            named = (default if ref.endswith("/") and default.startswith(ref) else ref for ref in self._marked)
            self._marked = list(dict.fromkeys(named))
        super().show_list()

    def head(self) -> list[Line]:
        """Return the line that says how many are marked; once these are enough, it begins the comparison."""
        count = len(self._marked)
        lines = [Line(Content.styled(f"Compare these {count} models", "bold $primary"), BEGIN)]
        if count < FEWEST:
            text = "Mark two to four models" if not count else "Mark one to three more"
            lines = [Line(Content.styled(text, "$foreground 75%"))]
        if self._versions >= FEWEST:
            lines.append(
                Line(Content.styled(f"Show the {self._versions} replies that there are", "$primary"), VERSIONS)
            )
        return [*lines, Line(Content(""))]

    def model_line(self, matched: ModelMatch, *, shows_provider: bool = False) -> Content:
        """Return the line of a model behind its mark."""
        is_marked = matched.model.ref in self._marked
        mark = (MARK, "bold $primary") if is_marked else (NO_MARK, "$foreground 75%")
        line = super().model_line(matched, shows_provider=shows_provider)
        behind_star = STAR_CELLS if self._store is not None else 0
        return Content.assemble(line[:behind_star], mark, line[behind_star:])

    @property
    def room(self) -> int:
        """Width of a line without its mark, in cells."""
        return super().room - len(MARK)

    def status(self) -> str:
        """Return which models are marked, and what goes on."""
        short = [ref.rstrip("/").rpartition("/")[2] for ref in self._marked]
        shown = (name if short.count(name) == 1 else ref for name, ref in zip(short, self._marked, strict=True))
        names = ", ".join(one_line(name, LONGEST_NAME) for name in shown)
        return "\n".join(filter(None, (f"Marked: {names}" if names else "", super().status())))

    def action_mark(self) -> None:
        """Mark the highlighted model, or take the mark away."""
        self._choose(self.ref_at(self.menu.highlighted))

    @on(Input.Submitted)
    def choose_highlighted(self) -> None:
        """Begin with what is marked; where that is too little, mark the highlighted model first."""
        if self.ref_at(self.menu.highlighted) == VERSIONS:
            self.dismiss(())
            return
        if len(self._marked) < FEWEST and (ref := self.ref_at(self.menu.highlighted)) not in (None, *self._marked):
            self._choose(ref)
        self.begin()

    def take(self, ref: str) -> None:
        """Mark a model, or take its mark away."""
        if ref == BEGIN:
            self.begin()
            return
        if ref == VERSIONS:
            self.dismiss(())
            return
        if ref in self._marked:
            self._marked.remove(ref)
        elif len(self._marked) < MOST:
            self._marked.append(ref)
        else:
            self.say(f"{MOST} models are marked already. Take one mark away first.", self.KEYS)
            return
        self._has_moved = True  # the highlight stays on the model
        self.field.select_all()
        self.show_list()

    def begin(self) -> None:
        """Return the marked models, if they are enough."""
        if len(self._marked) >= FEWEST:
            self.dismiss(tuple(self._marked))
