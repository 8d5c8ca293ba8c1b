"""When the history cannot be opened: what is wrong and what to do, in one calm screen."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from storage.text import clean


class TroubleScreen(ModalScreen[bool]):
    """Returns True when the person wants to try again."""

    BINDINGS = [("r,enter", "dismiss(True)", "Try again"), ("q,escape,ctrl+c,f10", "app.quit", "Quit")]

    def __init__(self, sentence: str, *, typed: bool) -> None:
        super().__init__()
        self._sentence, self._typed = sentence, typed

    def compose(self) -> ComposeResult:
        """The sentence and the ways on."""
        with Vertical(classes="page"):
            yield Static(Content("Sterna cannot open your conversations"), classes="title")
            yield Static(Content(clean(self._sentence)))
            if self._typed:
                yield Static(Content("What you have typed is still in the prompt."), classes="note")
            yield Static(
                Content.assemble(("r", "$primary"), " try again      ", ("q", "$primary"), " quit"), classes="note"
            )
