"""The prompt: a text area that grows, remembers, folds big pastes and keeps its text until it is told to clear."""

from __future__ import annotations

import re
from dataclasses import dataclass

from textual import events, on
from textual.document._document import EditResult
from textual.document._edit import Edit
from textual.message import Message
from textual.widgets import TextArea

from ..actions.action import Scope
from ..actions.bindings import bindings
from ..actions.typeahead import redirect, typeahead
from .history import History
from .pastes import Pastes, is_big

LONGEST = 4_000_000
"""Characters of the longest prompt that is sent: past that no model takes it and every later reading of it hurts."""

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class Prompt(TextArea):
    """Multi-line input. Sending posts :class:`Submitted`; the text stays until :meth:`sent` says that it is stored."""

    BINDINGS = bindings(Scope.PROMPT)

    @dataclass
    class Submitted(Message):
        """The person wants this sent."""

        text: str
        """Whole: every label replaced by its paste."""
        shown: str
        """As it stood in the prompt."""

    @dataclass
    class Refused(Message):
        """Nothing was sent; this says why."""

        reason: str

    @dataclass
    class Edited(Message):
        """The text changed."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(
            id=id, soft_wrap=True, tab_behavior="focus", show_line_numbers=False, placeholder="Write a message"
        )
        self.highlight_cursor_line = False
        self.history_of_prompts = History()
        self._pastes = Pastes()
        self._walking = False

    @property
    def draft(self) -> str:
        """The text in the form drafts are kept in."""
        return self._pastes.to_draft(self.text)

    @property
    def whole(self) -> str:
        """The text with every folded paste in its place."""
        return self._pastes.expand(self.text)

    def put(self, draft: str) -> None:
        """Show a draft, the cursor at its end."""
        self._pastes = Pastes()
        self.load_text(_tidy_draft(draft, self._pastes))
        self.move_cursor(self.document.end)
        self.history_of_prompts.leave()

    def join(self, draft: str) -> None:
        """Put a draft before what has been typed meanwhile."""
        typed = self.draft
        self.put(draft + ("\n" if draft and typed else "") + typed)

    def sent(self, shown: str, text: str) -> None:
        """What was submitted is stored: clear it, and keep what has been typed behind it meanwhile."""
        self.history_of_prompts.add(text)
        before, found, behind = self.text.partition(shown)
        if found and not before:
            self.put(self._pastes.to_draft(behind.lstrip("\n")))
        elif found and before.endswith("\n"):  # a draft was put before it meanwhile
            self.put(self._pastes.to_draft(before.rstrip("\n") + behind))

    def action_send(self) -> None:
        """Post what is there, or say why there is nothing to send."""
        row, column = self.cursor_location
        if self.document.get_line(row)[:column].endswith("\\"):
            self.replace("\n", (row, column - 1), (row, column))
            return
        text = self.whole
        if not text.strip():
            self.post_message(self.Refused("The prompt is empty."))
        elif len(text) > LONGEST:
            self.post_message(
                self.Refused(
                    f"Not sent: {len(text) / 1_000_000:.1f} million characters. At most {LONGEST // 1_000_000} million "
                    "can be sent at once. Your text is still here."
                )
            )
        else:
            self.post_message(self.Submitted(text, self.text))

    def action_newline(self) -> None:
        """Start a new line at the cursor."""
        self.replace("\n", *self.selection)

    def action_cursor_up(self, select: bool = False) -> None:
        """Up a line; on the first one, the prompt before this one."""
        if select or not self.cursor_at_first_line or not self._walk(self.history_of_prompts.older(self.draft)):
            super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:
        """Down a line; on the last one, the prompt after this one."""
        if select or not self.cursor_at_last_line or not self._walk(self.history_of_prompts.newer()):
            super().action_cursor_down(select)

    def edit(self, edit: Edit) -> EditResult:
        """Make the edit without control characters, and never inside the label of a paste."""
        edit.text = _tidy(edit.text)
        low, high = sorted((self._clamped(edit.from_location), self._clamped(edit.to_location)))
        edit.from_location, edit.to_location = self._around(low, high)
        if self._begins_step(edit):
            self.history.checkpoint()
        return super().edit(edit)

    def _clamped(self, location: tuple[int, int]) -> tuple[int, int]:
        """Return the location inside the text; deleting the last line asks for the start of the line after it."""
        row, column = max((0, 0), min(location, self.document.end))
        return row, max(0, min(column, len(self.document.get_line(row))))

    def _begins_step(self, edit: Edit) -> bool:
        """Return whether undo stops before this edit: before each word, and before what is deleted at once."""
        row, column = edit.from_location
        if edit.from_location == edit.to_location:
            return not edit.text.isspace() and not self.document.get_line(row)[:column][-1:].strip()
        deleted = self.document.get_text_range(edit.from_location, edit.to_location)
        return len(deleted) > 1 or deleted.isspace()

    def _around(self, low: tuple[int, int], high: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
        """The range widened over every label it cuts; a place inside a label moves behind it."""
        for start, end in self._pastes.spans(self.document.get_line(low[0])):
            if start < low[1] < end:
                low = (low[0], end if low == high else start)
                high = max(low, high)
        for start, end in self._pastes.spans(self.document.get_line(high[0])):
            if start < high[1] < end:
                high = (high[0], end)
        return low, high

    async def _on_key(self, event: events.Key) -> None:
        """Send or start a line here and now. As a binding it would come after the keys typed right behind it."""
        if await redirect(self, event) or event.is_printable:
            return
        bound = self.app.active_bindings.get(event.key)
        if bound is None or bound.node is not self:
            return
        if bound.binding.id in ("prompt.send", "prompt.newline"):
            event.stop()
            event.prevent_default()
            if bound.binding.id == "prompt.send":
                self.action_send()
            else:
                self.action_newline()

    async def _on_paste(self, event: events.Paste) -> None:
        """Take a paste; a big one as its label."""
        if (ahead := typeahead(self.app)).takes(event):
            ahead.keep(event)
            return
        event.stop()
        event.prevent_default()
        if self.read_only:
            return
        text = _tidy(event.text)
        if is_big(text):
            text = self._pastes.fold(text)
        self.replace(text, *self.selection, maintain_selection_offset=False)
        self.move_cursor(self.cursor_location)
        self.scroll_cursor_visible()

    @on(TextArea.Changed)
    def _tell(self, event: TextArea.Changed) -> None:
        event.stop()
        if not self._walking:
            self.history_of_prompts.leave()
        self._walking = False
        self.post_message(self.Edited())

    def _walk(self, prompt: str | None) -> bool:
        if prompt is None:
            return False
        self._walking = True
        self.load_text(_tidy_draft(prompt, self._pastes))
        self.move_cursor(self.document.end)
        return True


def _tidy(text: str) -> str:
    """The text with one kind of line end and no control characters."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _tidy_draft(draft: str, pastes: Pastes) -> str:
    """The draft as the prompt shows it, without control characters."""
    return _tidy(pastes.from_draft(draft))
