"""Question before passages of the history are sent to a provider."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from textual import on
from textual.app import ComposeResult
from textual.widgets import Button

from sterna.storage.conversations.quotations import Passage, passages_subject
from sterna.storage.text import one_line

from .panels import Buttons, Dialog, Panel, sentence

Consent = Literal["once", "always"]
LISTED = 8
"""Titles that are listed."""


class SendPassages(Dialog[Consent | None]):
    """Returns whether the passages may be sent, and whether that holds for the provider from now on."""

    BINDINGS = [
        ("escape", "dismiss(None)", "Cancel"),
        ("y", "dismiss('once')", "Send"),
        ("a", "dismiss('always')", "Always"),
        ("n", "dismiss(None)", "No"),
    ]

    def __init__(self, passages: Sequence[Passage], ref: str) -> None:
        super().__init__()
        self._passages = passages
        self._provider, _, self._model = ref.partition("/")

    def compose(self) -> ComposeResult:
        """Compose what would be sent to whom, and the buttons."""
        provider = one_line(self._provider, 40)
        model = f" ({one_line(self._model, 60)})" if self._model else ""  # the first of a list that is not read yet
        titles = list(dict.fromkeys(passage.title for passage in self._passages))
        lines = [f"· {one_line(title, 60)}" for title in titles[:LISTED]]
        lines += [f"· and {len(titles) - LISTED:,} more"] if len(titles) > LISTED else []
        private = sum(passage.is_private for passage in self._passages)
        with Panel("Send passages of your history?", keys="y send   a always   n no   esc cancel"):
            yield sentence(f"{passages_subject(self._passages)}, and your question go to {provider}{model}:")
            yield sentence("\n".join(lines))
            if private:
                are = "is" if private == 1 else "are"
                yield sentence(f"{private:,} of them {are} private. The new conversation will be private too.")
            yield Buttons(("no", "Cancel"), ("always", f"Always for {provider}"), ("once", "Send", "primary"))

    @on(Button.Pressed)
    def answer(self, event: Button.Pressed) -> None:
        """Return the answer."""
        name = event.button.id
        self.dismiss(name if name in ("once", "always") else None)  # type: ignore[arg-type]
