"""Prompt: a text area that grows, has a history, folds long pastes, and keeps its text until it is stored."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from rich.text import Text
from textual import events, on
from textual.binding import Binding
from textual.document._document import EditResult
from textual.document._edit import Edit
from textual.message import Message
from textual.reactive import var
from textual.widgets import TextArea

from ..actions.action import Scope
from ..actions.bindings import NO_KEY, bindings
from ..actions.presets import EMACS_EDITING
from ..actions.typeahead import redirect, typeahead
from .history import History
from .pastes import UNFOLD_CHARACTERS, Pastes, is_big, is_long
from .stored_draft import joined, split_aside, split_edit_files, split_edited, with_aside, with_edit_files, with_edited
from .tokens import Token, token_at

LONGEST = 4_000_000
"""Most characters of a prompt that is sent: no model takes more, and every later reading of it is slow."""

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class Prompt(TextArea):
    """Multi-line input. Sending posts :class:`Submitted`; the text stays until :meth:`sent` says that it is stored."""

    BINDINGS = [
        *bindings(Scope.PROMPT),
        *(Binding(NO_KEY, name.removeprefix("prompt."), id=name, show=False) for name in EMACS_EDITING),
    ]

    COMPONENT_CLASSES = {"prompt--paste"}

    DEFAULT_CSS = """
    Prompt > .prompt--paste {
        color: $primary;
        background: $panel;
    }
    """

    @dataclass
    class Submitted(Message):
        """The text is to be sent."""

        text: str
        """Text with every label replaced by its paste."""
        shown: str
        """Text as the prompt showed it."""
        draft: str
        """Text in the form of a draft."""
        edited: str | None = None
        """Id of the message that the text is to replace."""

    @dataclass
    class Refused(Message):
        """Nothing was done, for this reason."""

        reason: str
        is_empty: bool = False
        """True where there was nothing to send."""

    class UpInEmpty(Message):
        """The key up was pressed in the empty prompt."""

    @dataclass
    class CursorMoved(Message):
        """The cursor moved, also by an edit."""

        token: Token | None
        """Part of the text before it that can be completed."""

    @dataclass
    class PathsPasted(Message):
        """A paste looks like paths of files. What is typed meanwhile waits until ``is_done`` is set."""

        text: str
        is_done: bool = False

    @dataclass
    class Edited(Message):
        """The text changed."""

    edited: var[str | None] = var(None)
    """Id of the message that the text is to replace; None while it is a new message."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(
            id=id, soft_wrap=True, tab_behavior="focus", show_line_numbers=False, placeholder="Write a message"
        )
        self.highlight_cursor_line = False
        self.history_of_prompts = History()
        self.completion_takes: Callable[[str], bool] = lambda _: False
        """Return whether a key belongs to the list of completions, which has then dealt with it."""
        self._pastes = Pastes()
        self._walks = 0
        """Changes of the text that are steps through the history, and not yet reported."""
        self.has_attachments = False
        """True while something is attached, which can be sent without text."""
        self.edit_files: tuple[str, ...] | None = None
        """Ids of the attachments of the message that is edited; None: they are not known yet."""

    @property
    def draft(self) -> str:
        """Text in the form of a draft, behind the texts set aside; an earlier prompt that is only shown is no draft."""
        history = self.history_of_prompts
        return with_aside(history.aside, "" if history.is_walking else self._own_draft)

    @property
    def _own_draft(self) -> str:
        text = self._pastes.to_draft(self.text)
        return text if self.edited is None else with_edited(self.edited, with_edit_files(text, self.edit_files))

    @property
    def whole(self) -> str:
        """Text with every folded paste in its place."""
        return self._pastes.expand(self.text)

    def put(self, draft: str) -> None:
        """Show a draft with the cursor at its end; without a text of its own, the one that was set aside last."""
        self.history_of_prompts.leave()
        self.history_of_prompts.aside, text = split_aside(draft)
        self._show(text or self.history_of_prompts.take_back())

    def join(self, draft: str) -> None:
        """Insert a draft before what has been typed meanwhile."""
        aside, text = split_aside(draft)
        self.put(with_aside([*aside, *self.history_of_prompts.aside], joined(text, self._own_draft)))

    def sent(self, shown: str, text: str) -> None:
        """Clear what was submitted and is stored now, and keep what has been typed behind it meanwhile."""
        if not shown:
            return
        self.history_of_prompts.add(text)
        before, match, after = self.text.partition(shown)
        aside = self.history_of_prompts.aside
        if match and not before:
            self.put(with_aside(aside, self._pastes.to_draft(after.lstrip("\n"))))
        elif match and before.endswith("\n"):  # a draft was inserted before it meanwhile
            self.put(with_aside(aside, self._pastes.to_draft(before.rstrip("\n") + after)))

    def empty(self) -> None:
        """Drop the text, which has been used as a command; one that was set aside comes back."""
        self.put(with_aside(self.history_of_prompts.aside, ""))

    def replace_all(self, text: str) -> None:
        """Replace the whole text by another, which undo takes back."""
        text = _tidy(text)
        if text != self.whole:
            self.replace(self._pastes.fold(text) if is_big(text) else text, (0, 0), self.document.end)
            self.move_cursor(self.document.end)

    def action_send(self) -> None:
        """Post the text, or the reason why it is not sent."""
        row, column = self.cursor_location
        if self.document.get_line(row)[:column].endswith("\\"):
            self.replace("\n", (row, column - 1), (row, column))
            return
        text = self.whole
        if not text.strip() and not self.has_attachments:
            self.post_message(self.Refused("The prompt is empty.", is_empty=True))
        elif len(text) > LONGEST:
            self.post_message(
                self.Refused(
                    f"Not sent: {len(text) / 1_000_000:.1f} million characters. At most {LONGEST // 1_000_000} million "
                    "can be sent at once. Your text is still here."
                )
            )
        else:
            self.post_message(self.Submitted(text, self.text, self._own_draft, self.edited))

    def action_newline(self) -> None:
        """Start a new line at the cursor."""
        self.replace("\n", *self.selection)

    def action_cursor_up(self, select: bool = False) -> None:
        """Move up a line; on the first one, show the prompt before this one."""
        if not select and not self.text and not self.history_of_prompts.is_walking and self.edited is None:
            self.post_message(self.UpInEmpty())
        elif select or not self.cursor_at_first_line or not self.show_older():
            super().action_cursor_up(select)

    def action_cursor_down(self, select: bool = False) -> None:
        """Move down a line; on the last one, show the prompt after this one."""
        if select or not self.cursor_at_last_line or not self._walk(self.history_of_prompts.newer()):
            super().action_cursor_down(select)

    def show_older(self) -> bool:
        """Show the prompt before this one; return whether there is one."""
        return self._walk(self.history_of_prompts.older(self._own_draft))

    def action_older(self) -> None:
        """Show the prompt before this one, wherever the cursor is."""
        if not self.show_older():
            self.post_message(self.Refused("There is no earlier prompt."))

    def action_newer(self) -> None:
        """Show the prompt after this one, wherever the cursor is."""
        if not self._walk(self.history_of_prompts.newer()):
            self.post_message(self.Refused("There is no later prompt."))

    def action_unfold(self) -> None:
        """Show the paste at the cursor, or the first one, instead of its label."""
        row, column = self.cursor_location
        lines = [(row, column), *((number, None) for number in range(self.document.line_count))]
        for number, at in lines:
            line = self.document.get_line(number)
            place = at if at is not None else next((start for start, _ in self._pastes.spans(line)), None)
            if place is not None and (found := self._pastes.find(line, place)) is not None:
                self._unfold(number, *found)
                return
        self.post_message(self.Refused("There is no folded paste."))

    def _unfold(self, row: int, start: int, end: int, text: str) -> None:
        if len(text) > UNFOLD_CHARACTERS:
            self.post_message(self.Refused("This paste is too long to be shown here. Open the prompt in your editor."))
        else:
            self.replace(text, (row, start), (row, end), maintain_selection_offset=False)

    def on_click(self, event: events.Click) -> None:
        """Unfold the paste whose label is clicked."""
        row, column = self.get_target_document_location(event)
        found = self._pastes.find(self.document.get_line(row), column)
        if found is not None and found[0] <= column < found[1]:
            event.stop()
            self._unfold(row, *found)

    def get_line(self, line_index: int) -> Text:
        """Return a line with its labels marked."""
        line = super().get_line(line_index)
        for start, end in self._pastes.spans(line.plain):
            line.stylize(self.get_component_rich_style("prompt--paste"), start, end)
        return line

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
        if not typeahead(self.app).takes(event) and self.has_focus and self.completion_takes(event.key):
            event.stop()
            event.prevent_default()
            return
        if await redirect(self, event) or event.is_printable:
            return
        bound = self.app.active_bindings.get(event.key)
        if bound is None and event.key.startswith("alt+") and event.character:
            self.insert(event.character)  # escape and a letter that followed at once
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
        """Attach the files that a paste names; insert any other paste."""
        if (ahead := typeahead(self.app)).takes(event):
            ahead.keep(event)
            return
        event.stop()
        event.prevent_default()
        if self.read_only:
            return
        if _may_be_paths(event.text):
            paste = self.PathsPasted(event.text)
            ahead.hold_while(self.app, lambda: not paste.is_done)
            self.post_message(paste)
        else:
            self.insert_paste(event.text)

    def insert_paste(self, text: str) -> None:
        """Insert a text at the cursor, in place of the selection; a long one as its label."""
        text = _tidy(text)
        if is_long(text):
            text = self._pastes.fold(text)
        self.replace(text, *self.selection, maintain_selection_offset=False)
        self.move_cursor(self.cursor_location)
        self.scroll_cursor_visible()

    def show_earlier(self, prompt: str) -> None:
        """Show a prompt that was sent before; what is being written is set aside."""
        history = self.history_of_prompts
        history.aside += [self._own_draft] if self.text and not history.is_walking else []
        history.leave()
        self._show(prompt)

    def begin_edit(self, message_id: str, text: str) -> None:
        """Edit a message that was sent before; what is being written is set aside."""
        if message_id != self.edited:
            self.show_earlier(with_edited(message_id, text))

    def set_edit_files(self, ids: tuple[str, ...]) -> None:
        """Keep with the draft what is attached to the message that is edited."""
        if ids != self.edit_files:
            self.edit_files = ids
            self.post_message(self.Edited())

    def action_cancel_edit(self) -> None:
        """Show again what was being written before the edit; the edited text stays in the history of prompts."""
        if self.edited is not None:
            if self.text.strip():
                self.history_of_prompts.add(self.whole)
            self.empty()

    @on(TextArea.Changed)
    def _post_edited(self, event: TextArea.Changed) -> None:
        event.stop()
        if self._walks:
            self._walks -= 1
        else:
            self.history_of_prompts.leave()
        self.post_message(self.Edited())

    @on(TextArea.SelectionChanged)
    def _post_cursor_moved(self, event: TextArea.SelectionChanged) -> None:
        event.stop()
        self.post_message(self.CursorMoved(self.token))

    @property
    def token(self) -> Token | None:
        """Part of the text before the cursor that can be completed."""
        row, column = self.cursor_location
        if not self.selection.is_empty or self.history_of_prompts.is_walking:
            return None
        return token_at(self.document.get_line(row)[:column], row)

    def complete(self, token: Token, text: str) -> None:
        """Replace a token by what it stands for."""
        self.replace(_tidy(text), (token.row, token.start), (token.row, token.end), maintain_selection_offset=False)

    def _walk(self, prompt: str | None) -> bool:
        if prompt is None:
            return False
        self._walks += 1
        self._show(prompt)
        return True

    def _show(self, draft: str) -> None:
        self._pastes = Pastes()
        edited, text = split_edited(draft)
        text, self.edit_files = split_edit_files(text)
        self.edited = edited
        self.load_text(_tidy(self._pastes.from_draft(text)))
        self.move_cursor(self.document.end)


def _may_be_paths(text: str) -> bool:
    """Return whether a paste begins as paths do; the disk is looked at later."""
    if text.lstrip()[:1] not in tuple("/~'\"\\f"):
        return False
    from sterna.chat import may_be_paths

    return may_be_paths(text)


def _tidy(text: str) -> str:
    """Return the text with one kind of line end and no control characters."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
