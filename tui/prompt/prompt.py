"""Prompt: a text area that grows, has a history, folds big pastes, and keeps its text until it is stored."""

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
"""Most characters of a prompt that is sent: no model takes more, and every later reading of it is slow."""

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class Prompt(TextArea):
    """Multi-line input. Sending posts :class:`Submitted`; the text stays until :meth:`sent` says that it is stored."""

    BINDINGS = bindings(Scope.PROMPT)

    @dataclass
    class Submitted(Message):
        """The text is to be sent."""

        text: str
        """Text with every label replaced by its paste."""
        shown: str
        """Text as the prompt showed it."""

    @dataclass
    class Refused(Message):
        """Nothing was sent, for this reason."""

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
        self._is_walking = False

    @property
    def draft(self) -> str:
        """Text in the form of a draft."""
        return self._pastes.to_draft(self.text)

    @property
    def whole(self) -> str:
        """Text with every folded paste in its place."""
        return self._pastes.expand(self.text)

    def put(self, draft: str) -> None:
        """Show a draft with the cursor at its end."""
        self._pastes = Pastes()
        self.load_text(_tidy_draft(draft, self._pastes))
        self.move_cursor(self.document.end)
        self.history_of_prompts.leave()

    def join(self, draft: str) -> None:
        """Insert a draft before what has been typed meanwhile."""
        typed = self.draft
        self.put(draft + ("\n" if draft and typed else "") + typed)

    def sent(self, shown: str, text: str) -> None:
        """Clear what was submitted and is stored now, and keep what has been typed behind it meanwhile."""
        self.history_of_prompts.add(text)
        before, match, after = self.text.partition(shown)
        if match and not before:
            self.put(self._pastes.to_draft(after.lstrip("\n")))
        elif match and before.endswith("\n"):  # a draft was inserted before it meanwhile
            self.put(self._pastes.to_draft(before.rstrip("\n") + after))

    def action_send(self) -> None:
        """Post the text, or the reason why it is not sent."""
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
        """Move up a line; on the first one, show the prompt before this one."""
        if select or not self.cursor_at_first_line or not self._walk(self.history_of_prompts.older(self.draft)):
            super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:
        """Move down a line; on the last one, show the prompt after this one."""
        if select or not self.cursor_at_last_line or not self._walk(self.history_of_prompts.newer()):
            super().action_cursor_down(select)

    def edit(self, edit: Edit) -> EditResult:
        """Make an edit without control characters, and never inside the label of a paste."""
        edit.text = _tidy(edit.text)
        low, high = sorted((self._clamped(edit.from_location), self._clamped(edit.to_location)))
        edit.from_location, edit.to_location = self._widened(low, high)
        if self._begins_step(edit):
            self.history.checkpoint()
        return super().edit(edit)

    def _clamped(self, location: tuple[int, int]) -> tuple[int, int]:
        """Return the nearest location in the text; deleting the last line asks for the start of the line after it."""
        row, column = max((0, 0), min(location, self.document.end))
        return row, max(0, min(column, len(self.document.get_line(row))))

    def _begins_step(self, edit: Edit) -> bool:
        """Return whether undo stops before this edit: before each word, and before what is deleted at once."""
        row, column = edit.from_location
        if edit.from_location == edit.to_location:
            return not edit.text.isspace() and not self.document.get_line(row)[:column][-1:].strip()
        deleted = self.document.get_text_range(edit.from_location, edit.to_location)
        return len(deleted) > 1 or deleted.isspace()

    def _widened(self, low: tuple[int, int], high: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return the range widened over every label it cuts; a location inside a label moves behind it."""
        for start, end in self._pastes.spans(self.document.get_line(low[0])):
            if start < low[1] < end:
                low = (low[0], end if low == high else start)
                high = max(low, high)
        for start, end in self._pastes.spans(self.document.get_line(high[0])):
            if start < high[1] < end:
                high = (high[0], end)
        return low, high

    async def _on_key(self, event: events.Key) -> None:
        """Send or start a line here: as a binding it would run after the keys typed right behind it."""
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
        """Insert a paste; a big one as its label."""
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
    def _post_edited(self, event: TextArea.Changed) -> None:
        event.stop()
        if not self._is_walking:
            self.history_of_prompts.leave()
        self._is_walking = False
        self.post_message(self.Edited())

    def _walk(self, prompt: str | None) -> bool:
        if prompt is None:
            return False
        self._is_walking = True
        self.load_text(_tidy_draft(prompt, self._pastes))
        self.move_cursor(self.document.end)
        return True


def _tidy(text: str) -> str:
    """Return the text with one kind of line end and no control characters."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _tidy_draft(draft: str, pastes: Pastes) -> str:
    """Return a draft as the prompt shows it, without control characters."""
    return _tidy(pastes.from_draft(draft))
