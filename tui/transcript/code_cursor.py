"""Cursor over blocks of code, which goes through the whole conversation, loaded or not."""

from __future__ import annotations

from asyncio import Lock
from typing import TYPE_CHECKING

from ..markdown import CodeBlock
from . import source

if TYPE_CHECKING:
    from .message_view import MessageView
    from .window import Window


class CodeCursor:
    """Selected block of code of a transcript. It lies in the selected message."""

    def __init__(self, transcript: Window) -> None:
        self._transcript = transcript
        self._view: MessageView | None = None
        self._index = 0
        self._moving = Lock()

    @property
    def index(self) -> int | None:
        """Number of the selected block in its message, from 0; None when none is selected."""
        view = self._view
        if view is None or view.message_id != self._transcript.selected or self._index >= len(view.code_blocks):
            return None
        return self._index

    @property
    def block(self) -> CodeBlock | None:
        """Selected block."""
        index = self.index
        return self._view.code_blocks[index] if self._view is not None and index is not None else None

    def select(self, view: MessageView | None, index: int = 0) -> None:
        """Select a block, or none."""
        if self._view is not None and self._view is not view:
            self._view.select_code(None)
        self._view, self._index = view, index
        if view is not None:
            self._transcript.selected = view.message_id
            view.select_code(index)

    async def step(self, by: int) -> bool:
        """Select the next block, or with -1 the previous one; return False when there is none."""
        async with self._moving:  # keys that come fast are so many steps
            return await self._step(by)

    async def _step(self, by: int) -> bool:
        transcript, here = self._transcript, self.index
        if here is not None and self._view is not None and 0 <= here + by < len(self._view.code_blocks):
            self._show(self._view, here + by)
            return True
        view = self._next_view(by, is_selected=here is not None)
        while view is None and (key := transcript.further(by)) is not None and transcript.conversation_id is not None:
            message_id = await transcript.read(source.with_code, transcript.conversation_id, key, by)
            if message_id is None:
                return False
            await transcript.show(transcript.conversation_id, at=message_id)
            view = transcript.view_of(message_id)
            if view is not None and not view.code_blocks:  # marks of code that were none
                transcript.selected = message_id
                view = self._next_view(by, is_selected=True)
        if view is None:
            return False
        self._show(view, 0 if by > 0 else len(view.code_blocks) - 1)
        return True

    def _next_view(self, by: int, *, is_selected: bool) -> MessageView | None:
        """Return the next loaded message with code: the selected one too, unless a block in it is left."""
        views = self._transcript.loaded
        selected = self._transcript.selected_message
        if selected in views:
            start = views.index(selected) + (by if is_selected else 0)
        else:
            start = len(views) - 1 if by < 0 else 0
        rest = views[start:] if by > 0 else views[start::-1] if start >= 0 else []
        return next((view for view in rest if view.code_blocks), None)

    def _show(self, view: MessageView, index: int) -> None:
        self.select(view, index)
        self._transcript.reveal(view, view.code_position(index))
