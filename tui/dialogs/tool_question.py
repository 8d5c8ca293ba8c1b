"""Question whether a model may call a tool, with everything that the tool would get.

It opens only by its own key or a click, and what was typed before it could be read answers nothing: a call is never
allowed by accident.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Button, Input

from sterna.chat import Approval, ToolAsk
from sterna.storage.text import clean, one_line

from ..markdown import Block, Document, DocumentView, TextBlock
from ..markdown.blocks import HugeText, Prefix
from ..markdown.stream import LIMIT
from ..terminal import field_fixes as field_fixes
from .panels import Buttons, Dialog, Field, Page, sentence

LONGEST_NAME = 64
LONGEST_DESCRIPTION = 1_000
INDENTATION = Prefix(Content("  "), Content("  "))
CHOICES = ("once", "conversation", "always", "no")


class ToolQuestion(Dialog[None]):
    """Hands its answer over and closes; leaving it answers nothing, and the question goes on waiting."""

    BINDINGS = [
        Binding("escape", "dismiss", "Later"),
        Binding("o", "answer('once')", "Once"),
        Binding("c", "answer('conversation')", "This conversation"),
        Binding("a", "answer('always')", "Always"),
        Binding("n", "answer('no')", "No"),
    ]

    DEFAULT_CSS = """
    ToolQuestion {
        & Page {
            width: 92;
        }

        & Buttons {
            dock: bottom;
            background: $surface;
        }

        & DocumentView {
            margin: 0 0 1 0;
        }

        &.-narrow Buttons {
            layout: grid;
            grid-size: 2 2;
            grid-gutter: 0 1;
            height: 2;
            margin: 0;
        }

        &.-short Field, &.-short Field:focus {
            height: 1;
            border: none;
            padding: 0;
        }
    }
    """

    def __init__(self, ask: ToolAsk, answer: Callable[[Approval], None]) -> None:
        super().__init__()
        self.ask = ask
        self._answer = answer
        self._readable_since = float("inf")
        """Time from which on the question is on the screen."""

    def compose(self) -> ComposeResult:
        """Compose the question, what the tool would get, and the answers."""
        server, tool = tool_names(self.ask.tool.name)
        keys = "o once   c this conversation   a always   n no   esc later"
        whose = f" of {server}" if server else ""
        with Page("Call this tool?", keys=keys, id="question"):
            yield sentence(f"The model wants to call {tool}{whose} with the arguments below.", classes="-tool")
            if description := one_line(self.ask.tool.description, LONGEST_DESCRIPTION):
                yield sentence(f"It is described as: {description}", classes="note")
            yield DocumentView(Document(argument_blocks(self.ask.arguments)), id="arguments")
            yield Field("No, because", placeholder="reason for the model, enter sends it", id="reason")
            yield Buttons(
                ("once", "Once", "primary"), ("conversation", "This conversation"), ("always", "Always"), ("no", "No")
            )

    def on_mount(self) -> None:
        """Focus the text, which scrolls: neither enter nor space answers from there."""
        self.query_one(Page).focus()
        self.call_after_refresh(self._show_readable)

    def _show_readable(self) -> None:
        self._readable_since = self._now()

    @staticmethod
    def _now() -> float:
        return events.Event().time

    def on_key(self, event: events.Key) -> None:
        """Drop keys that were typed before the question could be read."""
        if event.time < self._readable_since:
            event.stop()
            event.prevent_default()

    def action_answer(self, choice: str) -> None:
        """Answer and close."""
        self._close(Approval(choice))  # type: ignore[arg-type]

    @on(Button.Pressed)
    def press(self, event: Button.Pressed) -> None:
        """Answer by a button."""
        if event.button.id in CHOICES:
            self.action_answer(event.button.id)

    @on(Input.Submitted)
    def refuse(self, event: Input.Submitted) -> None:
        """Answer no, for the reason that was typed."""
        self._close(Approval("no", event.value.strip()))

    def _close(self, approval: Approval) -> None:
        self._answer(approval)
        self.dismiss()


def tool_names(name: str) -> tuple[str, str]:
    """Return server and tool of a name; a built-in tool has no server."""
    server, separator, tool = name.partition("__")
    shown = one_line(server, LONGEST_NAME), one_line(tool, LONGEST_NAME)
    return shown if separator and tool else ("", shown[0])


def argument_blocks(arguments: Mapping[str, Any]) -> list[Block]:
    """Return every argument whole: its name, and below it its value, indented so that no value passes for a name."""
    if not arguments:
        return [TextBlock(Content.styled("No arguments.", "$foreground 75%"))]
    blocks: list[Block] = []
    for name, value in arguments.items():
        blocks.append(TextBlock(Content.styled(one_line(str(name), 200), "bold $text-accent"), gap=1 if blocks else 0))
        text = clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2))
        if len(text) > LIMIT:
            blocks.append(HugeText(text, prefix=INDENTATION))
            continue
        shown = Content(text.expandtabs(8)) if text.strip() else Content.styled(f"“{text}”", "$foreground 75%")
        blocks.append(TextBlock(shown, prefix=INDENTATION, gap=0))
    return blocks
