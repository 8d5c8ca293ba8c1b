"""Sources of the command palette: actions that make sense now, and conversations by title."""

from __future__ import annotations

from collections.abc import Awaitable
from functools import partial
from typing import Protocol, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.markup import escape

from sterna.storage import Conversations, Search, StoreError, StoreThread
from sterna.storage.text import one_line

from ..actions.action import Action
from ..actions.bindings import key_name
from ..actions.registry import ACTIONS
from ..context import AppContext
from ..messages import ConversationRequested
from ..sidebar.drawing import title_of
from .fuzzy import match

MOST_CONVERSATIONS = 8
RECENT = 4
"""Conversations offered before anything is typed."""
TITLE_LENGTH = 70


class _App(Protocol):
    """Part of the application that the palette uses."""

    context: AppContext

    def can_perform(self, action_id: str) -> bool: ...

    def perform(self, action_id: str) -> Awaitable[None]: ...


class ActionCommands(Provider):
    """Every action of the palette that makes sense now, with its key."""

    async def search(self, query: str) -> Hits:
        """Yield actions whose title or description matches."""
        for action in self._possible():
            title = match(query, action.title)
            if title is not None:
                shown = Content(action.title)
                for index in title.positions:
                    shown = shown.stylize(self.match_style or "bold", index, index + 1)
                yield Hit(1 + title.score, shown, self._run(action), action.title, self._help(action))
            elif (help := match(query, action.help)) is not None and help.score > 0.75:
                yield Hit(help.score / 2, Content(action.title), self._run(action), action.title, self._help(action))

    async def discover(self) -> Hits:
        """Yield all of them, in their order."""
        for action in self._possible():
            yield DiscoveryHit(Content(action.title), self._run(action), action.title, self._help(action))

    @property
    def _sterna(self) -> _App:
        return cast(_App, self.app)

    def _possible(self) -> list[Action]:
        return [action for action in ACTIONS if action.palette and self._sterna.can_perform(action.id)]

    def _run(self, action: Action) -> partial[Awaitable[None]]:
        return partial(self._sterna.perform, action.id)

    def _help(self, action: Action) -> str:
        """Return key and description, escaped: the palette reads markup."""
        return escape(f"{key_name(self._sterna.context.key_of(action.id))}  {action.help}")


class ConversationCommands(Provider):
    """Conversations by title, found with the search index, never by reading them all."""

    async def search(self, query: str) -> Hits:
        """Yield conversations whose title has these words, the newest first."""
        hits = await self._store.run(Search.search, query, limit=MOST_CONVERSATIONS)
        for number, hit in enumerate(hits):
            if hit.message_id is None:
                # Below any action whose title matches, in the order of the store.
                yield Hit(
                    0.4 - number / 100,
                    self._shown(hit.session_title),
                    partial(self._open, hit.session_id),
                    one_line(hit.session_title, TITLE_LENGTH),
                    "Open this conversation",
                )

    async def discover(self) -> Hits:
        """Yield the newest conversations."""
        try:
            rows = await self._store.run(Conversations.page, 0, RECENT)
        except StoreError:  # reported by everything else on the screen already
            return
        for row in rows:
            yield DiscoveryHit(
                self._shown(title_of(row)),
                partial(self._open, row.id),
                one_line(title_of(row), TITLE_LENGTH),
                "Open this conversation",
            )

    @property
    def _store(self) -> StoreThread:
        return cast(_App, self.app).context.store

    def _shown(self, title: str) -> Content:
        return Content(one_line(title, TITLE_LENGTH))

    def _open(self, conversation_id: str) -> None:
        self.screen.post_message(ConversationRequested(conversation_id))
