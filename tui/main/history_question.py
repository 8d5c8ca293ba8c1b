"""A question to the history, from the screen that shows what would be sent to the reply in a new conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sterna import config, storage

from .layout import MainLayout
from .navigation import Navigation

if TYPE_CHECKING:
    from ..search.ask import Asked, Receiver


class HistoryQuestion:
    """Asks, and shows the conversation that the answer comes in."""

    def __init__(self, layout: MainLayout, navigation: Navigation) -> None:
        self._layout = layout
        self._navigation = navigation
        self._context = layout.context
        self._unsent = ""
        """Question that was typed and not sent; the screen begins with it."""

    def ask(self, question: str = "") -> None:
        """Show what the history has about a question, and ask a model once that is agreed to."""
        self._layout.start_worker("ask history", self._ask, question)

    async def _ask(self, question: str) -> None:
        from ..search.ask import AskHistoryScreen

        await self._context.ready.wait()
        receiver = self._receiver()
        meaning = self._context.meaning
        screen = AskHistoryScreen(
            self._context.store,
            receiver,
            question=question or self._unsent,
            # a question that is still being typed is sent to no provider
            meaning=meaning.find if meaning.is_on and not meaning.is_remote else None,
            clock=self._context.clock,
        )
        asked = await self._layout.app.push_screen_wait(screen)
        self._unsent = screen.question if asked is None else ""
        if asked is not None:
            self._context.spawn(self._begin(asked, receiver), "turn.begin")

    def _receiver(self) -> Receiver:
        """Return the model of the open conversation, else the default one."""
        from ..search.ask import Receiver

        settings, catalog = self._context.settings, self._context.catalog
        assert catalog is not None
        own = self._navigation.conversation.choices.get("model")
        own = own if isinstance(own, str) else ""
        ref = own or settings.model or catalog.default_ref()
        is_allowed = ref.partition("/")[0] in settings.history.providers
        return Receiver(ref, catalog.context_length(ref), is_allowed, bool(own))

    async def _begin(self, asked: Asked, receiver: Receiver) -> None:
        from sterna.chat.history_questions import QUESTION_SETTINGS, guide_question

        context, layout = self._context, self._layout
        assert context.turns is not None
        try:
            if asked.always:
                allowed = (*context.settings.history.providers, receiver.ref.partition("/")[0])
                await context.settings_file.save("history.providers", allowed)
            text = guide_question(asked.question) if receiver.is_guide else asked.question
            passages = [] if receiver.is_guide else asked.passages
            own = {**QUESTION_SETTINGS, **({"model": receiver.ref} if receiver.is_own else {})}
            begun, reply = await context.turns.begin(None, text, model=receiver.ref, settings=own, passages=passages)
        except (config.ConfigError, storage.StoreError) as error:
            self._unsent = asked.question
            layout.complain(f"Not sent. Your question is kept. {error}")
            return
        layout.transcript.attach(reply)
        await self._navigation.open(begun.session.id)
        await layout.sidebar.reload()
        context.analytics.track("message_sent", begun.session.id)
