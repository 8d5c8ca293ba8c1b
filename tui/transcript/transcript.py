"""Transcript of the open conversation: cursor over messages and code, copying, jumping, finding."""

from __future__ import annotations

import re
from typing import ClassVar, Literal, TypeAlias

from textual import on, work
from textual.binding import BindingType
from textual.events import Blur, Focus

from sterna.storage import Change, Clock, StoreThread, utc_now
from sterna.storage.conversations.search_operators import parse_operators

from ..actions.action import Move, Scope
from ..actions.bindings import bindings
from . import requests, source
from .code_cursor import CodeCursor
from .finder import Finder
from .message_view import MessageView
from .window import Window

Place = Literal["page_up", "page_down", "first", "last", "next", "previous"]

FLASH = 1.2
"""Seconds for which a message that was jumped to is highlighted."""


class Transcript(Window, can_focus=True):
    """Shows one conversation.

    ``await show(id)`` opens one, ``refresh_session(change)`` after every commit keeps it up to date, ``attach(reply)``
    draws a reply while it arrives. It changes nothing by itself: requests are posted.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings(Scope.TRANSCRIPT)

    Copied: TypeAlias = requests.Copied
    CodeRequested: TypeAlias = requests.CodeRequested
    LinksRequested: TypeAlias = requests.LinksRequested
    QuoteRequested: TypeAlias = requests.QuoteRequested
    RetryRequested: TypeAlias = requests.RetryRequested
    ActionOnMessage: TypeAlias = requests.ActionOnMessage
    VersionRequested: TypeAlias = requests.VersionRequested
    AttachmentsRequested: TypeAlias = requests.AttachmentsRequested
    DeleteRequested: TypeAlias = requests.DeleteRequested
    Opened: TypeAlias = requests.Opened
    MatchShown: TypeAlias = requests.MatchShown

    _matches: list[tuple[str, str]] = []
    _copied: tuple[str, int] = ("", 0)

    def __init__(self, store: StoreThread, *, clock: Clock = utc_now, id: str | None = None) -> None:
        super().__init__(store, clock=clock, id=id)
        self.finder = Finder(self)
        self._code = CodeCursor(self)

    async def show(self, conversation_id: str | None, *, at: str | None = None, query: str | None = None) -> None:
        """Show a conversation at message ``at``, else where it was left, else at its end.

        The words of ``query`` are highlighted, and the next-match keys go through its matches.
        """
        before = self.conversation_id
        if conversation_id != before or query is not None:
            self.finder.end()
            self._matches = []
            self.search_pattern = word_pattern(query) if query else None
        if conversation_id != before:
            self.selected = None
        await super().show(conversation_id, at=at)
        if self.conversation_id != conversation_id:
            return
        if query and conversation_id is not None:
            self._find_matches(conversation_id, query)
        if at is not None:
            self._highlight(at)
        if self.has_focus and self.selected_message is None:
            self.call_after_refresh(self._show_cursor)
        if conversation_id != before:
            self.post_message(self.Opened(conversation_id))

    def refresh_session(self, change: Change) -> None:
        """Read again what a commit may have changed."""
        self.finder.is_stale = True
        super().refresh_session(change)

    # The cursor

    def _watch_selected(self, old: str | None, new: str | None) -> None:
        for id in (old, new):
            if (view := self.view_of(id)) is not None:
                view.set_class(id == new, "-selected")
                view.refresh()
        if self._code.index is None:
            self._code.select(None)

    @on(Focus)
    def _show_cursor(self) -> None:
        visible = self.messages.on_screen()
        if visible and self.selected_message not in visible:
            self.selected = visible[-1].message_id

    @on(Blur)
    def _hide_cursor(self) -> None:
        self.selected = None

    @on(MessageView.Clicked)
    def _select_clicked(self, event: MessageView.Clicked) -> None:
        self.selected = event.view.message_id
        if event.on_reasoning or event.tool_call is not None:
            self.messages.pin_here()
            if event.tool_call is None:
                event.view.toggle_reasoning()
            else:
                event.view.toggle_tool_call(event.tool_call)
        elif event.quote is not None and event.quote.is_found:
            self.post_message(self.QuoteRequested(event.quote.session_id, event.quote.message_id))
        elif event.step:
            self.post_message(self.VersionRequested(event.view.message_id, event.step))
        if event.code is None:
            self._code.select(None)
            if event.attachment is not None and event.view.message is not None:
                clicked = event.view.message.attachments[event.attachment]
                self.post_message(self.AttachmentsRequested((clicked,)))
            return
        self._code.select(event.view, event.code)
        if event.action == "copy":
            self._copied = ("", 0)
            self.action_copy_code_block()
        elif event.action is not None:
            self.action_use_code("save" if event.action == "save" else "edit")

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

    def scroll_to_place(self, where: Place) -> None:
        """Scroll without a cursor: a page, to another message, or to an end of the conversation."""
        column = self.messages
        page = max(1, column.size.height - 2)
        if where == "first":
            self.to_start()
        elif where in ("next", "previous"):
            self._jump_message(1 if where == "next" else -1)
        elif where == "last" or (where == "page_down" and self.messages.follow):
            self.to_end()
        else:
            column.jump(column.scroll_offset.y + (page if where == "page_down" else -page))

    def _jump_message(self, step: int) -> None:
        """Scroll to the beginning of the next message without a cursor, or with -1 to that of the one before."""
        column = self.messages
        tops = [span[0] for view in self._views if (span := column.span(view)) is not None]
        here = column.scroll_offset.y
        if step > 0:
            target = next((top for top in tops if top > here + 1), None)
        else:
            target = next((top for top in reversed(tops) if top < here + 1), None)
        if target is not None:
            column.jump(max(0, target - 1))
        elif step > 0:
            self.to_end()

    def _step(self, step: int) -> None:
        """Go to the next message, but first through the rest of this one where it does not fit on the screen."""
        column = self.messages
        top, height = column.scroll_offset.y, column.size.height
        here = self.selected_message
        span = column.span(here) if here is not None else None
        if here is None or span is None or not span[0] < top + height or not span[1] > top:
            visible = column.on_screen()
            if visible:
                self.selected = visible[0 if step > 0 else -1].message_id
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
        visible = column.on_screen()
        if visible and self.selected_message not in visible:
            self.selected = visible[0 if rows < 0 else -1].message_id

    def _select_end(self, index: int) -> None:
        if self._views:
            self.selected = self._views[index].message_id

    def _highlight(self, message_id: str) -> None:
        """Highlight the message that was jumped to."""
        if (view := self.view_of(message_id)) is not None:
            self.selected = message_id
            view.add_class("-selected", "-flash")  # it may be another widget than before
            self.set_timer(FLASH, lambda: view.remove_class("-flash"))

    # Actions on a message

    def action_copy_message(self) -> None:
        """Copy the selected text or block of code, else the message under the cursor as it was written."""
        if selection := self.screen.get_selected_text():
            self._copy(selection, "selection")
        elif (block := self._code.block) is not None:
            self._copy(block.code, "code block")
        elif (view := self._target()) is not None:
            self._copy(view.content, "message")

    def action_copy_code_block(self) -> None:
        """Copy the selected block of code, else one of the message under the cursor; when repeated, the next one."""
        if (view := self._target()) is None:
            return
        blocks = view.code_blocks
        if not blocks:
            self.notify("This message has no code block.", markup=False)
            return
        selected = self._code.index
        number = selected + 1 if selected is not None else 1
        if self._copied == (view.message_id, number):
            number = number % len(blocks) + 1
        self._copied = (view.message_id, number)
        self._code.select(view, number - 1)
        self._copy(
            blocks[number - 1].code, f"code block {number} of {len(blocks)}" if len(blocks) > 1 else "code block"
        )

    @work(group="transcript.code")
    async def action_code(self, step: int) -> None:
        """Select the next block of code, or with -1 the previous one, in whichever message it is."""
        if not await self._code.step(step):
            self.notify("No more code blocks." if self._code.block is not None else "No code block.", markup=False)

    def action_use_code(self, action: Literal["save", "edit"]) -> None:
        """Ask to save the selected block of code to a file, or to open it in an editor; else the only one there is."""
        block = self._code.block
        if block is None and (view := self._target()) is not None and view.code_blocks:
            self._code.select(view)
            block = self._code.block
        if block is None:
            self.notify("Select a code block first.", markup=False)
        else:
            self.post_message(self.CodeRequested(action, block.code, block.language))

    def action_links(self) -> None:
        """Ask to open an address of the message under the cursor, else of any that is loaded, the newest first."""
        views = [self.selected_message] if self.selected_message is not None else self._views[::-1]
        unique = {link.address: link for view in views for link in view.links}
        if unique:
            self.post_message(self.LinksRequested(list(unique.values())))
        else:
            self.notify("No links here.", markup=False)

    def action_retry(self) -> None:
        view = self._target()
        reply = self.reply_to(view) if view is not None else None
        if reply is not None and (reply.can_retry or reply.is_waiting):
            self.post_message(self.RetryRequested(reply.message_id))
        elif view is not None and view.role == "user" and view is self._views[-1]:
            self.post_message(self.RetryRequested(view.message_id))  # it never got a reply
        else:
            self.notify("No finished reply to regenerate.", markup=False)

    def action_request(self, action_id: str) -> None:
        """Ask for an action of the screen, which is about the message under the cursor."""
        self.post_message(self.ActionOnMessage(action_id))

    def reply_to(self, view: MessageView) -> MessageView | None:
        """Return the reply to a prompt; of a reply, itself."""
        if view.role != "user":
            return view
        later = self._views[self._views.index(view) + 1 :]
        return next((reply for reply in later if reply.role == "assistant"), None)

    def action_attachments(self) -> None:
        """Open what is attached to the selected message, or to the last one that has anything attached."""
        selected = self.selected_message
        for view in reversed(self._views) if selected is None else (selected,):
            if view.message is not None and view.message.attachments:
                self.post_message(self.AttachmentsRequested(view.message.attachments))
                return
        self.notify("Nothing is attached to this message.")

    def action_delete(self) -> None:
        view = self._target()
        if view is not None and not view.is_live:
            self.post_message(self.DeleteRequested(view.message_id))
        else:
            self.notify("No finished message to delete.", markup=False)

    def action_toggle_reasoning(self) -> None:
        if (view := self._target()) is None:
            return
        if not view.can_fold and any(link.message for link in view.links):
            self.action_links()  # it quotes the history
        elif not view.can_fold:
            self.notify("This message has no reasoning and no tool calls.", markup=False)
        else:
            self.messages.pin_here()
            view.toggle_folds()

    def _target(self) -> MessageView | None:
        """Return the message under the cursor, else the last one."""
        view = self.selected_message or (self._views[-1] if self._views else None)
        if view is None:
            self.notify("No messages yet.", markup=False)
        return view

    def _copy(self, text: str, what: str) -> None:
        self.app.copy_to_clipboard(text)
        self.post_message(self.Copied(text, what))

    # Search matches

    def action_match(self, step: int) -> None:
        """Go to the next or the previous place that the search found."""
        if self.finder.is_active:
            self.finder.step(step)
            return
        if not self._matches:
            self.notify(f"No active search. Press {self.options.search_key} first.", markup=False)
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
    async def _find_matches(self, conversation_id: str, query: str) -> None:
        matches = await self.read(source.matches, conversation_id, query)
        if matches is not None and conversation_id == self.conversation_id:
            self._matches = matches

    @work(exclusive=True, group="transcript.jump")
    async def _jump_to(self, message_id: str, number: int) -> None:
        await self.show(self.conversation_id, at=message_id)
        self.post_message(self.MatchShown(number, len(self._matches)))


_CONDITION = re.compile(r'(?<!\S)-?(?:(?:is|from|in):(?:"[^"]*"?|\S+)|#\S+)', re.IGNORECASE)


def word_pattern(query: str) -> re.Pattern[str] | None:
    """Return a pattern that matches the words of ``query``, without its conditions, each as the beginning of a word."""
    text = _CONDITION.sub(" ", parse_operators(query, utc_now()).rest)
    words = sorted({re.escape(word) for word in re.findall(r"\w+", text)}, key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(words)})", re.IGNORECASE) if words else None
