"""What no server has acknowledged yet. Triggers fill it (``schema/11_capture.sql``); the messenger empties it."""

from __future__ import annotations

from ..database.connection import Base


class Outbox(Base):
    """How far behind a server would be."""

    def waiting(self) -> int:
        """How many things wait to be sent."""
        row = self.one("select count(*) as n from sync_outbox")
        return int(row["n"]) if row else 0
