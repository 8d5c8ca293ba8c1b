"""State of the open conversation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sterna import storage

from .local_undo import LocalUndo

if TYPE_CHECKING:
    from sterna.chat import Reply
    from sterna.storage import Conversation

    from ..context import AppContext


class OpenConversation:
    """Conversation on the screen, which may not be stored yet."""

    def __init__(self, context: AppContext) -> None:
        self._context = context
        self.local_undo = LocalUndo(context)
        """Steps that are taken back before those of the store."""
        self.record: Conversation | None = None
        """None: a conversation that does not exist yet."""
        self.requested_id: str | None = None
        """Conversation that was asked for last: the open one, or the one that is being opened."""
        self.choices: dict[str, Any] = {}
        """Its own settings; before it exists, those it will begin with."""
        self.reopened = False
        """True once the store has been read: from then on the prompt belongs to a conversation."""

    @property
    def id(self) -> str | None:
        """Id of the open conversation; None before it exists."""
        return self.record.id if self.record is not None else None

    async def set_settings(self, values: Mapping[str, Any]) -> None:
        """Set some of its own settings, which undo takes back. None takes one away.

        Before the conversation exists, they are kept for its beginning.
        """
        before, conversation_id = self.choices, self.id
        if conversation_id is not None:
            await self._context.store.run(storage.SettingChanges.change, conversation_id, values)
        changed = {name: value for name, value in {**before, **values}.items() if value is not None}
        if self.id == conversation_id:
            self.choices = changed
        if conversation_id is None and changed != before:

            async def restore() -> str | None:
                if self.choices is not changed:
                    return None  # it was sent, or left, or is as before already
                self.choices = before
                return "The settings of this conversation are as before."

            await self.local_undo.add(restore)

    async def read_settings(self) -> None:
        """Read its own settings again, which undo or another device may have changed."""
        if (conversation_id := self.id) is not None:
            choices = await self._context.store.run(storage.Conversations.settings, conversation_id)
            if self.id == conversation_id:
                self.choices = choices

    @property
    def live_reply(self) -> Reply | None:
        """Reply that is arriving here, in this process; the first of several."""
        return next(iter(self.live_replies), None)

    @property
    def live_replies(self) -> list[Reply]:
        """Replies that are arriving here: several where models are compared."""
        turns = self._context.turns
        return turns.arriving(self.record.id) if turns is not None and self.record is not None else []

    @property
    def tools(self) -> list[str]:
        """Names of the tools that are chosen here, else in the settings."""
        own = self.choices.get("tools")
        return [
            name
            for name in (own if isinstance(own, list) else self._context.settings.tools.chosen)
            if isinstance(name, str)
        ]

    @property
    def chosen_model(self) -> str | None:
        """Model that was chosen here or in the settings; None: the default one."""
        return self.choices.get("model") or self._context.settings.model or None

    @property
    def model(self) -> str:
        """Model of the next reply; empty while that is not known."""
        catalog = self._context.catalog
        return str(self.chosen_model or (catalog.default_ref() if catalog is not None else ""))
