"""Question whether a model may call a tool, with everything that the tool would get.

It opens only by its own key or a click, and what was typed before it could be read answers nothing: a call is never
allowed by accident.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Button, Input

from sterna.chat import Approval
from sterna.storage.text import clean, one_line

from ..markdown import Block, Document, DocumentView
from ..markdown.blocks import HugeText, Prefix, TextBlock
from ..services.tool_questions import Question
from ..terminal import field_fixes as field_fixes
from ..tool_names import tool_names
from .panels import Buttons, Dialog, Field, Page, sentence

LONGEST_NAME = 64
LONGEST_DESCRIPTION = 1_000
LARGE = 20_000
"""Characters of a value from which on it breaks anywhere, not between words: that takes no reading of it."""
INDENTATION = Prefix(Content("  "), Content("  "))
PAUSE_SECONDS = 0.4
"""Keys that follow each other faster than this are text that somebody types, and answer nothing."""
CHOICES = {"no": "No", "once": "Once", "this-conversation": "This conversation", "always": "Always"}
"""Buttons by their ids, and their labels."""


class ToolQuestion(Dialog[None]):
    """Hands its answer over and closes; leaving it answers nothing, and the question goes on waiting."""

    BINDINGS = [
        Binding("escape", "dismiss", "Later"),
        Binding("o", "answer('once')", "Once"),
        Binding("c", "answer('conversation')", "This conversation"),
        Binding("a", "answer('always')", "Always"),
        Binding("n", "answer('no')", "No"),
        Binding("r", "give_reason", "No, because"),
    ]

    def __init__(self, question: Question, *, changes_nothing: bool = False) -> None:
        """Take the question, and whether the tool says that it changes nothing."""
        super().__init__()
        self.ask = question.ask
        self._question = question
        self._changes_nothing = changes_nothing
        self._last_key = float("inf")
        """Time of the last key; first, the time at which the question could be read."""

    def compose(self) -> ComposeResult:
        """Compose the question, what the tool would get, and the answers."""
        server, tool = (one_line(name, LONGEST_NAME) for name in tool_names(self.ask.tool.name))
        keys = "o once   c this conversation   a always   n no   r no, because   esc later"
        whose = f" of {server}" if server else ", which is built in,"
        with Page("Call this tool?", keys=keys):
            yield sentence(f"The model wants to call {tool}{whose} with the arguments below.", classes="-tool")
            if description := one_line(self.ask.tool.description, LONGEST_DESCRIPTION):
                claim = " It says that it changes nothing." if self._changes_nothing else ""
                yield sentence(f"It describes itself: {description}{claim}", classes="note")
            yield DocumentView(Document(argument_blocks(self.ask.arguments)), id="arguments")
            yield Field("No, because", placeholder="reason for the model, enter sends it", id="reason")
            yield Buttons(*CHOICES.items())

    def on_mount(self) -> None:
        """Focus the text, which scrolls: neither enter nor space answers from there."""
        self._question.closed = self.close
        if not self._question.is_open:
            self.dismiss()
        self.query_one(Page).focus()
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self._last_key = events.Event().time

    @property
    def is_readable(self) -> bool:
        """True once the question stands on the screen."""
        return self._last_key < float("inf")

    def on_key(self, event: events.Key) -> None:
        """Drop a letter that was typed before the question could be read, or within a word."""
        pause, self._last_key = event.time - self._last_key, max(event.time, self._last_key)
        if event.is_printable and pause < PAUSE_SECONDS:
            event.stop()
            event.prevent_default()

    def action_answer(self, choice: str) -> None:
        """Answer and close."""
        self._close(Approval(choice))  # type: ignore[arg-type]

    def action_give_reason(self) -> None:
        """Go to the field for the reason of a no."""
        self.query_one(Field).focus()

    @on(events.DescendantFocus)
    def show_reason(self, event: events.DescendantFocus) -> None:
        """Show the field, the last thing of the page, which the buttons would cover."""
        if isinstance(event.widget, Input):
            self.query_one(Page).scroll_end(animate=False)

    @on(Button.Pressed)
    def press(self, event: Button.Pressed) -> None:
        """Answer by a button."""
        self.action_answer(str(event.button.id).removeprefix("this-"))

    @on(Input.Submitted)
    def refuse(self, event: Input.Submitted) -> None:
        """Answer no, for the reason that was typed."""
        self._close(Approval("no", event.value.strip()))

    def _close(self, approval: Approval) -> None:
        self._question.answer(approval)
        self.close()

    def close(self) -> None:
        """Close the dialog, if it is still open."""
        if self.is_attached and self.is_current:
            self.dismiss()


def argument_blocks(arguments: Mapping[str, Any]) -> list[Block]:
    """Return every argument whole: its name, and below it its value, indented so that no value passes for a name."""
    if not arguments:
        return [TextBlock(Content.styled("No arguments.", "$foreground 75%"))]
    blocks: list[Block] = []
    for name, value in arguments.items():
        blocks.append(TextBlock(Content.styled(one_line(str(name), 200), "bold $text-accent"), gap=1 if blocks else 0))
        text = clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2))
        if len(text) > LARGE:
            blocks.append(HugeText(text, prefix=INDENTATION))
            continue
        shown = Content(text.expandtabs(8)) if text.strip() else Content.styled(f"“{text}”", "$foreground 75%")
        blocks.append(TextBlock(shown, prefix=INDENTATION, gap=0))
    return blocks
