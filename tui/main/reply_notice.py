"""Notice of a long reply that is complete while the user looks at something else."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from sterna import storage

from .sentences import quoted

if TYPE_CHECKING:
    from sterna.chat import Reply

    from ..context import AppContext


class Alerting(Protocol):
    """Application that can call for attention."""

    app_focus: bool
    """False while the terminal reports that it has lost the focus."""

    def alert(self, title: str, text: str, environ: Mapping[str, str], *, on_desktop: bool) -> None:
        """Ring the bell, and with ``on_desktop`` show a notice."""


class ReplyNotice:
    """Calls for attention as the settings say. A terminal that does not report its focus counts as in focus."""

    def __init__(self, app: Alerting, context: AppContext) -> None:
        self._app = app
        self._context = context

    def reply_changed(self, reply: Reply) -> None:
        """Say that a reply is complete, unless the user has seen or stopped it."""
        ui, message = self._context.settings.ui, reply.message
        is_long = reply.has_waited or monotonic() - reply.started >= ui.notify_after
        if reply.running or message is None or not is_long or self._app.app_focus or ui.notify == "off":
            return
        turns = self._context.turns
        if reply.is_compared and turns is not None and turns.arriving(reply.session_id):
            return  # the last of several replies is told
        if message.finish in ("done", "failed"):
            ending = "failed" if message.error_message else "is complete"
            self._context.spawn(self._say(reply.session_id, ending), "reply.notice")

    async def _say(self, conversation_id: str, ending: str) -> None:
        try:
            record = await self._context.store.run(storage.Conversations.get, conversation_id)
        except storage.StoreError:
            return
        ui, environ = self._context.settings.ui, self._context.settings_file.environ
        text = f"The reply in {quoted(record.title)} {ending}."
        self._app.alert("Sterna", text, environ, on_desktop=ui.notify == "notify")
