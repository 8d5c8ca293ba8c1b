"""Dialog in which a person calls a tool by hand, to see what it returns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Button, Label

from sterna.storage.text import clean, one_line, size_text

from ..markdown import Block, Document, DocumentView, Note, plain_blocks
from ..markdown.styles import MUTED
from .panels import Buttons, Dialog, Panel, TextField, sentence

if TYPE_CHECKING:
    from sterna.chat import ToolResult
    from sterna.tools import OfferedTool

    from ..services.tool_servers import ToolServers

LONGEST_DESCRIPTION = 1_000
LONGEST_PROGRESS = 100
BEGINNINGS: Mapping[str, Any] = {
    "string": "",
    "integer": 0,
    "number": 0,
    "boolean": False,
    "array": [],
    "object": {},
    "null": None,
}
"""Value of each JSON type to begin with."""


class ToolTrial(Dialog[None]):
    """Arguments as JSON above, the result below. Leaving it ends a call that runs."""

    BINDINGS = [Binding("escape", "dismiss", "Close"), Binding("f4,ctrl+r", "run", "Call")]

    def __init__(self, toolbox: ToolServers, tool: OfferedTool) -> None:
        super().__init__()
        self._toolbox = toolbox
        self._tool = tool
        self._is_running = False

    def compose(self) -> ComposeResult:
        """Compose the description, the field and the place of the result."""
        with Panel(f"Try {one_line(self._tool.name, 64)}", keys="ctrl+r call   esc close", classes="-sheet"):
            yield sentence(one_line(self._tool.description, LONGEST_DESCRIPTION) or "It has no description.")
            yield TextField("Arguments (JSON)", json.dumps(beginning(self._tool.parameters), indent=2))
            yield Buttons(("close", "Close"), ("run", "Call", "primary"))
            yield sentence("", id="state", classes="note")
            yield DocumentView(Document(()), id="result")

    def on_mount(self) -> None:
        """Focus the arguments."""
        self.query_one(TextField).focus()
        self.show_top()

    @on(Button.Pressed, "#close")
    def close(self) -> None:
        """Close the dialog."""
        self.dismiss()

    @on(Button.Pressed, "#run")
    def action_run(self) -> None:
        """Call the tool with the arguments, or say what is wrong with them."""
        try:
            arguments = json.loads(self.query_one(TextField).text.strip() or "{}")
        except (ValueError, RecursionError) as error:
            self._say(f"The arguments are no JSON: {error}.", is_good=False)
            return
        if not isinstance(arguments, dict):
            self._say("The arguments have to be a JSON object, as in {}.", is_good=False)
            return
        self._call(arguments)

    @work(group="call", exclusive=True)
    async def _call(self, arguments: Mapping[str, Any]) -> None:
        began, self._is_running = monotonic(), True
        self.query_one("#result", DocumentView).document = Document(())
        self._say("Running…")
        offer = await self._toolbox.offered((self._tool.name,))
        if offer.problems and not offer.tools:
            self._say(" ".join(offer.problems), is_good=False)
            return
        result = await self._toolbox.call(self._tool.name, arguments, progress=self._show_progress_soon)
        self._is_running = False
        self._show(result, monotonic() - began)

    def _show_progress_soon(self, line: str) -> None:
        self.call_later(self._show_progress, line)

    def _show_progress(self, line: str) -> None:
        if self._is_running:
            self._say(f"Running… {one_line(line, LONGEST_PROGRESS)}")

    def _show(self, result: ToolResult, seconds: float) -> None:
        if not self.is_attached:
            return
        self._say(f"{'✗ failed' if result.is_error else 'Result'} after {seconds:.1f} s", is_good=not result.is_error)
        shown: list[Block] = plain_blocks(clean(result.text)) if result.text else []
        notes = [f"▪ {one_line(file.name, 60)}  {size_text(len(file.content))}" for file in result.files]
        if result.whole:
            notes.append(f"Only the beginning of {result.whole:,} characters.")
        shown += [Note(Content.styled(note, MUTED)) for note in notes]
        view = self.query_one("#result", DocumentView)
        view.document = Document(shown)
        self.call_after_refresh(view.scroll_visible, top=True, animate=False)

    def _say(self, text: str, *, is_good: bool = True) -> None:
        for label in self.query("#state").results(Label):  # none once the dialog was closed
            label.update(Content.styled(clean(text), "" if is_good else "$error"))


def beginning(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments to begin with: those that the schema requires, else all that it names."""
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return {}
    required = schema.get("required")
    wanted = [name for name in required if name in properties] if isinstance(required, list) else []
    return {name: _value(properties[name]) for name in (wanted or properties)}


def _value(schema: object) -> Any:
    """Return a default of a schema, its first choice, or a value of its type."""
    if not isinstance(schema, Mapping):
        return ""
    if "default" in schema:
        return schema["default"]
    choices, kind = schema.get("enum"), schema.get("type")
    if isinstance(choices, list) and choices:
        return choices[0]
    return BEGINNINGS.get(kind, "") if isinstance(kind, str) else ""
