"""Use as the server counted it, taken once everything here was sent: its counters, and what only this device has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..database.connection import Database
from ..database.local_state import LocalState
from ..database.sqlite_errors import in_sentences
from .server_profile import ServerProfile

WHOLE = "usage_whole_at"
"""When all days were taken last, in ms since 1970 (``local_state``)."""
WHOLE_EVERY_MS = 86_400_000
WHOLE_DAYS, RECENT_DAYS = 3660, 31

_PRIVATE = """
select count(distinct s.id) as conversations, count(m.id) as messages,
    coalesce(sum(case m.role when 'user' then m.input_tokens when 'assistant' then m.output_tokens end), 0) as tokens
from sync_private as o
join chat_sessions as s on s.id = o.conv_id
left join chat_messages as m on m.session_id = s.id and m.standing is not null
"""


@in_sentences
class UsagePull:
    """Taking the server's account of what was used."""

    def __init__(self, db: Database, local_state: LocalState, server_profile: ServerProfile) -> None:
        self.db = db
        self._local_state = local_state
        self._server_profile = server_profile

    def usage_days_wanted(self, now_ms: int) -> int:
        """Return how many days to ask for: all of them once a day, else those that the profile shows."""
        at = self._local_state.get(WHOLE)
        whole = not isinstance(at, int) or not 0 <= now_ms - at < WHOLE_EVERY_MS
        return WHOLE_DAYS if whole else RECENT_DAYS

    def apply_usage(self, result: Mapping[str, Any], days: int, now_ms: int) -> bool:
        """Apply the response of ``/api/user/usage`` for ``days``; return False, and do nothing, while something waits.

        What waits is counted here already, and by the server once it has it.
        """
        with self.db.write():
            if self.db.one("select 1 from sync_outbox where tries = 0 limit 1") is not None:
                return False
            with self.db.applying():
                today = max([self.db.stamp()[:10], *(str(day["usage_date"]) for day in result["days"])])
                self._server_profile.merge_days(result["days"], str(result["since"]), today)
                private = self.db.one(_PRIVATE)
                assert private is not None
                total = result["total"]
                self.db.execute(
                    """update profiles set total_conversations = :conversations, message_count = :messages,
                        token_usage = :tokens where id = :id""",
                    {
                        "id": self.db.user_id,
                        "conversations": total["total_conversations"] + private["conversations"],
                        "messages": total["message_count"] + private["messages"],
                        "tokens": total["token_usage"] + private["tokens"],
                    },
                )
            if days >= WHOLE_DAYS:
                self._local_state.set(WHOLE, now_ms)
        return True
