"""Title of the open conversation, above its messages; a click renames it."""

from __future__ import annotations

from textual import events
from textual.widgets import Static

from ..messages import ActionRequested


class Heading(Static):
    """One line, cut at the width of the conversation."""

    renames = False
    """True while there is a conversation to rename."""

    def on_click(self, event: events.Click) -> None:
        """Rename the conversation."""
        if self.renames:
            event.stop()
            self.post_message(ActionRequested("conversation.rename"))
