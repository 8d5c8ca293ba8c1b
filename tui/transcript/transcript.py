"""The conversation, with its keys: a cursor over messages, copying, jumping, finding."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Literal

from textual import on, work
from textual.binding import BindingType
from textual.events import Blur, Focus
from textual.message import Message as Event
from textual.reactive import var

from ..actions.action import Move, Scope
from ..actions.bindings import bindings
from . import source
from .message_view import MessageView
from .window import Window

FLASH = 1.2
"""Seconds that a message that was jumped to stays marked."""


class Transcript(Window, can_focus=True):
    """Shows one conversation.

    ``await show(id)`` opens one, ``refresh_session(change)`` after every commit keeps it true, ``attach(reply)`` draws
    a reply while it arrives. It changes nothing by itself: what the person asks for is posted.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.TRANSCRIPT)

    selected: var[str | None] = var(None)
    """The id of the message under the cursor."""

    @dataclass
    class Copied(Event):
        """Text was put on the clipboard."""

        text: str
        what: str
        """What it is, for a person: "message", "selection", "code block 2 of 3"."""

    @dataclass
    class RetryRequested(Event):
        """The person wants another reply in place of this one."""

        message_id: str

    @dataclass
    class VersionRequested(Event):
        """The person wants to see another version of this reply."""

        message_id: str

    @dataclass
    class DeleteRequested(Event):
        """The person wants this message gone."""

        message_id: str

    @dataclass
    class Opened(Event):
        """Another conversation (or none yet) is on the screen."""

        session_id: str | None

    @dataclass
    class MatchShown(Event):
        """The cursor stands on a message that the search found."""

        number: int
        total: int

    _matches: list[tuple[str, str]] = []
    _copied: tuple[str, int] = ("", 0)

    async def show(self, session_id: str | None, *, at: str | None = None, query: str | None = None) -> None:
        """Show a conversation: at message ``at``, else where it was left, else at its end.

        ``query`` is what was searched for: its words are marked, and the next-match keys go through what it finds.
        """
        before = self.session_id
        if session_id != before or query is not None:
            self._matches = []
            self.found = words(query) if query else None
        if session_id != before:
            self.selected = None
        await super().show(session_id, at=at)
        if self.session_id != session_id:
            return
        if query and session_id is not None:
            self._find_matches(session_id, query)
        if at is not None:
            self._arrive(at)
        if self.has_focus and self.selected_message is None:
            self.call_after_refresh(self._show_cursor)
        if session_id != before:
            self.post_message(self.Opened(session_id))

    @property
    def selected_message(self) -> MessageView | None:
        """The message under the cursor."""
        return self._find(self.selected)

    # The cursor

    def watch_selected(self, old: str | None, new: str | None) -> None:
        for id in (old, new):
            if (view := self._find(id)) is not None:
                view.set_class(id == new, "-selected")
                view.refresh()

    @on(Focus)
    def _show_cursor(self) -> None:
        seen = self.messages.on_screen()
        if seen and self.selected_message not in seen:
            self.selected = seen[-1].message_id

    @on(Blur)
    def _hide_cursor(self) -> None:
        self.selected = None

    @on(MessageView.Clicked)
    def _select_clicked(self, event: MessageView.Clicked) -> None:
        self.selected = event.view.message_id
        if event.on_fold:
            self.action_toggle_reasoning()

    def action_move(self, move: Move) -> None:
        """Move the cursor by messages, scroll by pages, or go to an end of the conversation."""
        height = self.messages.size.height
        match move:
            case "down" | "up":
                self._step(1 if move == "down" else -1)
            case "first":
                self.to_start()
                self.call_after_refresh(self._select_end, 0)
            case "last":
                self.to_end()
                self.call_after_refresh(self._select_end, -1)
            case _:
                rows = height // 2 if move.startswith("half") else height - 2
                self._scroll(rows if move.endswith("down") else -rows)

    def scroll_to_place(self, where: Literal["page_up", "page_down", "first", "last"]) -> None:
        """Scroll without a cursor: a page, or to an end of the conversation."""
        column = self.messages
        page = max(1, column.size.height - 2)
        if where == "first":
            self.to_start()
        elif where == "last" or (where == "page_down" and self.messages.follow):
            self.to_end()
        else:
            column.jump(column.scroll_offset.y + (page if where == "page_down" else -page))

    def _step(self, step: int) -> None:
        """To the next message; but first through what does not fit on the screen of this one."""
        column = self.messages
        top, height = column.scroll_offset.y, column.size.height
        here = self.selected_message
        span = column.span(here) if here is not None else None
        if here is None or span is None or not span[0] < top + height or not span[1] > top:
            seen = column.on_screen()
            if seen:
                self.selected = seen[0 if step > 0 else -1].message_id
            return
        if step > 0 and span[1] > top + height:
            column.jump(min(top + height // 2, span[1] - height))
        elif step < 0 and span[0] < top:
            column.jump(max(top - height // 2, span[0]))
        else:
            self._step_to(self._views.index(here) + step)

    def _step_to(self, index: int) -> None:
        if not 0 <= index < len(self._views):
            return
        view, column = self._views[index], self.messages
        back = index < self._views.index(self.selected_message) if self.selected_message in self._views else False
        self.selected = view.message_id
        if (span := column.span(view)) is None:
            return
        top, height = column.scroll_offset.y, column.size.height
        if span[1] - span[0] >= height:
            column.jump(span[1] - height if back else span[0])
        elif span[0] < top:
            column.jump(max(0, span[0] - 1))
        elif span[1] > top + height:
            column.jump(span[1] - height)

    def _scroll(self, rows: int) -> None:
        column = self.messages
        column.jump(column.scroll_offset.y + rows)
        seen = column.on_screen()
        if seen and self.selected_message not in seen:
            self.selected = seen[0 if rows < 0 else -1].message_id

    def _select_end(self, index: int) -> None:
        if self._views:
            self.selected = self._views[index].message_id

    def _arrive(self, message_id: str) -> None:
        """Mark the message that was jumped to."""
        if (view := self._find(message_id)) is not None:
            self.selected = message_id
            view.add_class("-selected", "-flash")  # it may be another widget than before
            self.set_timer(FLASH, lambda: view.remove_class("-flash"))

    # What can be done with a message

    def action_copy_message(self) -> None:
        """Put the selected text, else the message under the cursor as it was written, on the clipboard."""
        if chosen := self.screen.get_selected_text():
            self._copy(chosen, "selection")
        elif (view := self._chosen()) is not None:
            self._copy(view.content, "message")

    def action_copy_code_block(self) -> None:
        """Put a block of code of the message under the cursor on the clipboard; again, the next one."""
        if (view := self._chosen()) is None:
            return
        blocks = view.code_blocks
        if not blocks:
            self.notify("This message has no code block.", markup=False)
            return
        last_id, last = self._copied
        number = last % len(blocks) + 1 if last_id == view.message_id else 1
        self._copied = (view.message_id, number)
        self._copy(
            blocks[number - 1].code, f"code block {number} of {len(blocks)}" if len(blocks) > 1 else "code block"
        )

    def action_retry(self) -> None:
        view = self._chosen()
        if view is not None and view.role == "user":
            later = self._views[self._views.index(view) + 1 :]
            view = next((reply for reply in later if reply.role == "assistant"), None)
        if view is not None and view.can_retry:
            self.post_message(self.RetryRequested(view.message_id))
        else:
            self.notify("No finished reply to regenerate.", markup=False)

    def action_versions(self) -> None:
        view = self._chosen()
        if view is not None and view.can_retry:
            self.post_message(self.VersionRequested(view.message_id))
        elif view is not None:
            self.notify("Only replies have versions.", markup=False)

    def action_delete(self) -> None:
        view = self._chosen()
        if view is not None and not view.live:
            self.post_message(self.DeleteRequested(view.message_id))
        else:
            self.notify("No finished message to delete.", markup=False)

    def action_toggle_reasoning(self) -> None:
        if (view := self._chosen()) is None:
            return
        if view.reasoning:
            self.messages.hold_here()
        if not view.toggle_reasoning():
            self.notify("This reply has no reasoning.", markup=False)

    def _chosen(self) -> MessageView | None:
        """The message under the cursor, else the last one."""
        view = self.selected_message or (self._views[-1] if self._views else None)
        if view is None:
            self.notify("No messages yet.", markup=False)
        return view

    def _copy(self, text: str, what: str) -> None:
        self.app.copy_to_clipboard(text)
        self.post_message(self.Copied(text, what))

    # What a search found

    def action_match(self, step: int) -> None:
        """Go to the next or the previous message that the search found."""
        if not self._matches:
            self.notify(f"No active search. Press {self.look.search_key} first.", markup=False)
            return
        ids = [id for _, id in self._matches]
        if self.selected in ids:
            index = (ids.index(self.selected) + step) % len(ids)
        else:
            here = self.selected_message
            after = [i for i, key in enumerate(self._matches) if here is not None and key > here.key]
            index = (after[0] if after else 0) if step > 0 else (after[0] - 1 if after else -1) % len(ids)
        self._jump_to(ids[index], index + 1)

    @work(exclusive=True, group="transcript.matches")
    async def _find_matches(self, session_id: str, query: str) -> None:
        found = await self._ask(source.matches, session_id, query)
        if found is not None and session_id == self.session_id:
            self._matches = found

    @work(exclusive=True, group="transcript.jump")
    async def _jump_to(self, message_id: str, number: int) -> None:
        await self.show(self.session_id, at=message_id)
        self.post_message(self.MatchShown(number, len(self._matches)))


def words(query: str) -> re.Pattern[str] | None:
    """A pattern that finds the words of ``query``, each as the beginning of a word."""
    found = sorted({re.escape(word) for word in re.findall(r"\w+", query)}, key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(found)})", re.IGNORECASE) if found else None
