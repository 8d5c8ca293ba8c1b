"""Split of the main screen: a second conversation to read in, opened and closed by one key."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from .conversation import OpenConversation
from .layout import MainLayout

if TYPE_CHECKING:
    from .reading_pane import ReadingPane


class SplitView:
    """Opens and closes the reading pane."""

    def __init__(self, layout: MainLayout, conversation: OpenConversation) -> None:
        self._layout = layout
        self._conversation = conversation
        self._lock = asyncio.Lock()
        """Held while the pane opens or closes: one that is half there can show nothing."""

    def toggle(self) -> None:
        """Read the conversation selected in the list, else the open one, beside the open one; or end that."""
        layout = self._layout
        in_list = layout.sidebar.rows.cursor_id if layout.sidebar.has_focus_within else None
        if self._pane is not None and in_list is None:
            layout.start_worker("split", self._close, exclusive=False)
        elif (conversation_id := in_list or self._conversation.id) is None:
            layout.notify("Open a conversation first, or select one in the list.")
        else:
            self.open(conversation_id)

    def open(self, conversation_id: str) -> None:
        """Read a conversation beside the open one, where there is room for two."""
        if self._layout.has_class("-short"):
            self._layout.notify("There is no room for two conversations. Make the terminal higher.")
        else:
            self._layout.start_worker("split", self._open, conversation_id, exclusive=False)

    @property
    def _pane(self) -> ReadingPane | None:
        from .reading_pane import ReadingPane

        return next(iter(self._layout.query(ReadingPane)), None)

    async def _open(self, conversation_id: str) -> None:
        from .reading_pane import ReadingPane

        async with self._lock:
            pane = self._pane
            if pane is not None and pane.is_leaving:
                await pane.remove()
                pane = None
            if pane is None:
                pane = ReadingPane(self._layout.context, self._layout.transcript.options)
                await self._layout.query_one("#split").mount(pane, before=0)
            await pane.show(conversation_id)

    async def _close(self) -> None:
        async with self._lock:
            if (pane := self._pane) is not None:
                has_focus = pane.has_focus_within
                await pane.remove()
                if has_focus:
                    self._layout.prompt.focus()
