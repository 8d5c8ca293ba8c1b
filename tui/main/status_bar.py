"""Status line at the bottom: model, use of the context, cost, sync, what is in progress, and the keys that make sense.

Each part has a long and a short form. Where the long ones do not fit the short ones are taken, and then the last part
goes: the model and what is in progress are there in forty columns too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from rich.cells import cell_len
from textual import events
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from sterna.storage.text import one_line

from ..counts import counted
from ..messages import ActionRequested

GAP = "   "
"""Space between two hints."""
DOT = " · "
"""Mark between two parts."""
NEARLY_FULL = 80
"""Percentage of the context from which its use is a warning."""


@dataclass(frozen=True, slots=True)
class Hint:
    """Key and the word for its action."""

    key: str
    word: str
    action_id: str


@dataclass(frozen=True, slots=True)
class Part:
    """Part of the left side."""

    name: str
    text: str
    style: str
    action_id: str = ""
    """Action of a click on it."""
    short: str = ""
    """Text for a narrow terminal; empty: it is left out there."""


WHOLE_LINE = 60
"""Width below which the parts may take the whole line: the keys are in the help."""
ABBREVIATES = 20
"""Width below which a short name would help no more."""


class StatusLine(Widget):
    """One line. What does not fit is left out: hints from the right first, the model last."""

    model: reactive[str] = reactive("")
    """Model of the next reply."""
    context: reactive[str] = reactive("")
    """Tokens of the conversation, and of how many."""
    tools: reactive[str] = reactive("")
    """Number of tools that the model may ask for."""
    share: reactive[int | None] = reactive(None)
    """Tokens of the conversation as a percentage of what the model takes; None: not known."""
    cost: reactive[str] = reactive("")
    """Cost of the conversation."""
    budget: reactive[str] = reactive("")
    """Share of a budget that is used, from the share on that is a warning."""
    activity: reactive[str] = reactive("")
    """Work in progress, such as a reply that arrives."""
    sync: reactive[str] = reactive("")
    """Sync status."""
    sync_short: reactive[str] = reactive("")
    """Sync status in a few characters."""
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
        left = self._left(width * 2 // 3 if self.hints and width >= WHOLE_LINE else width)
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

    def _parts(self) -> list[Part]:
        name = self.model.rpartition("/")[2] or self.model
        share = f"{self.share}%" if self.share is not None else self.context
        quiet = "$foreground 75%"
        parts = [
            Part("read-only", "read-only" if self.read_only else "", "$warning"),
            Part("activity", self.activity, "$primary"),
            Part("model", self.model, "$foreground 85%", "model.choose", name),
            Part("context", self.context, "$warning" if (self.share or 0) >= NEARLY_FULL else quiet, "", share),
            Part("tools", self.tools, quiet, "tool.choose"),
            Part("cost", self.cost, quiet, "app.profile"),
            Part("budget", self.budget, "$warning", "app.profile"),
            Part("sync", self.sync, quiet, "app.sync", self.sync_short),
        ]
        return [replace(part, text=one_line(part.text), short=one_line(part.short)) for part in parts if part.text]

    def _left(self, width: int) -> Content:
        parts = self._fitted(self._parts(), width)
        at = 0
        for part in parts:
            end = min(at + cell_len(part.text), width)
            self._spans.append((at, end, part.action_id))
            at = end + len(DOT)
        separated = _separated([(part.text, part.style) for part in parts])
        return Content.assemble(*separated).truncate(max(0, width), ellipsis=True)

    def _fitted(self, parts: list[Part], width: int) -> list[Part]:
        """Return the parts that fit: the use of the context is abbreviated first, then sync, then the model."""
        for name in ("context", "sync"):
            if _length(parts) > width:
                parts = [_abbreviated(part) if part.name == name else part for part in parts]
                parts = [part for part in parts if part.text]
        while len(parts) > 1 and _length(parts) > width:
            short = [_abbreviated(part) if part.name == "model" else part for part in parts]
            if width >= ABBREVIATES and _length(short) <= width:
                return short
            parts.pop()
        if width >= ABBREVIATES and _length(parts) > width:
            return [_abbreviated(part) if part.name == "model" else part for part in parts]
        return parts

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
    return [each for part in parts for each in ((DOT, "$foreground 60%"), part)][1:]


def _abbreviated(part: Part) -> Part:
    return replace(part, text=part.short)


def _length(parts: list[Part]) -> int:
    return sum(cell_len(part.text) for part in parts) + len(DOT) * (len(parts) - 1)


def waiting_for(title: str, seconds: float) -> str:
    """Return the text for a prompt that waits for its provider, which is asked again in that time."""
    return f"waiting for {title}, asking again {f'in {seconds:.0f} s' if seconds >= 1 else 'now'}"


def replying(seconds: float, text: str, is_waiting: bool, was_refused: bool = False) -> str:
    """Return the text for a reply that arrives; its speed is estimated at four characters a token.

    ``was_refused``: the provider refused the request for now, and it is repeated.
    """
    if was_refused:
        return f"provider busy, trying again, {seconds:.0f} s"
    if is_waiting:
        return f"waiting {seconds:.0f} s"
    speed = len(text) / 4 / seconds if seconds >= 1 else 0.0
    return f"replying {seconds:.0f} s" + (f", {counted(round(speed), 'token')}/s" if speed >= 1 else "")
