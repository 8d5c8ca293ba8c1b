"""Status line at the bottom: model, use of the context, what is in progress, and the keys that make sense now."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from sterna.storage.text import one_line

from ..messages import ActionRequested

GAP = "   "
"""Space between two hints."""


@dataclass(frozen=True, slots=True)
class Hint:
    """Key and the word for its action."""

    key: str
    word: str
    action_id: str


class StatusLine(Widget):
    """One line. What does not fit is left out: hints from the right first, the model last."""

    model: reactive[str] = reactive("")
    """Model of the next reply."""
    context: reactive[str] = reactive("")
    """Tokens of the conversation, and of how many."""
    activity: reactive[str] = reactive("")
    """Work in progress, such as a reply that arrives."""
    sync: reactive[str] = reactive("")
    """Sync status."""
    read_only: reactive[bool] = reactive(False)
    """True while the history can be read and not written."""
    hints: reactive[tuple[Hint, ...]] = reactive(())

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._spans: list[tuple[int, int, str]] = []

    def render(self) -> Content:
        """Return the line, filled to its width."""
        width = self.content_size.width
        self._spans = []
        left = self._left(width * 2 // 3 if self.hints else width)
        hints = self._fitting(width - left.cell_length - len(GAP))
        right = Content.assemble(
            *(
                part
                for number, hint in enumerate(hints)
                for part in (GAP if number else "", (hint.key, "$primary"), " ", (hint.word, "$foreground 75%"))
            )
        )
        start = width - right.cell_length
        at = start
        for hint in hints:
            end = at + cell_len(f"{hint.key} {hint.word}")
            self._spans.append((at, end, hint.action_id))
            at = end + len(GAP)
        return Content.assemble(left, " " * max(0, start - left.cell_length), right)

    def on_click(self, event: events.Click) -> None:
        """Run the action of the hint that was clicked."""
        for start, end, action_id in self._spans:
            if start <= event.x - self.gutter.left < end and action_id:
                event.stop()
                self.post_message(ActionRequested(action_id))

    def _left(self, width: int) -> Content:
        items = (
            ("read-only" if self.read_only else "", "$warning", ""),
            (self.activity, "$primary", ""),
            (self.model, "$foreground 85%", "model.choose"),
            (self.context, "$foreground 75%", ""),
            (self.sync, "$foreground 75%", "app.sync"),
        )
        parts = [(one_line(text), style, action) for text, style, action in items if text]
        while len(parts) > 1 and sum(cell_len(text) for text, _, _ in parts) + 3 * (len(parts) - 1) > width:
            parts.pop()
        at = 0
        for text, _, action in parts:
            end = min(at + cell_len(text), width)
            self._spans.append((at, end, action))
            at = end + 3
        separated = _separated([(text, style) for text, style, _ in parts])
        return Content.assemble(*separated).truncate(max(0, width), ellipsis=True)

    def _fitting(self, width: int) -> list[Hint]:
        fitting: list[Hint] = []
        for hint in self.hints:
            width -= cell_len(f"{hint.key} {hint.word}") + (len(GAP) if fitting else 0)
            if width < 0:
                break
            fitting.append(hint)
        return fitting


def field_hints(focused: Widget) -> tuple[Hint, ...] | None:
    """Return the keys of a field that has the focus; None for any other widget. A click on them does nothing."""
    words: tuple[str, str] | None = getattr(focused, "HINTS", None)
    return (Hint("enter", words[0], ""), Hint("esc", words[1], "")) if words is not None else None


def _separated(parts: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the parts with a dot between each two."""
    return [each for part in parts for each in ((" · ", "$foreground 60%"), part)][1:]


def replying(seconds: float, text: str, is_waiting: bool) -> str:
    """Return the text for a reply that arrives; its speed is estimated at four characters a token."""
    if is_waiting:
        return f"waiting {seconds:.0f} s"
    speed = len(text) / 4 / seconds if seconds >= 1 else 0.0
    return f"replying {seconds:.0f} s" + (f", {speed:.0f} tokens/s" if speed >= 1 else "")
