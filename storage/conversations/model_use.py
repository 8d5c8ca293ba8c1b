"""Models as a person uses them: the favourites, and those that replied last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..database.connection import Database
from ..database.local_state import LocalState
from ..database.sqlite_errors import in_sentences

FAVOURITES = "models.favourites"
"""Key of the favourites (``local_state``)."""
MOST_FAVOURITES = 200
COMPARED = "models.compared"
"""Key of the models that were compared last."""
SEARCHED = 2_000
"""Newest messages among whose models the recent ones are looked for."""

_RECENT = """
select model from (
    select model, message_timestamp, role from chat_messages order by message_timestamp desc limit :searched
)
where role = 'assistant' and model <> '' group by model order by max(message_timestamp) desc limit :count
"""

HEALTH = (
    *("refused", "dns", "tls", "timeout", "network", "auth", "payment", "forbidden"),
    *("rate_limit", "server", "malformed", "truncated"),
)
"""Kinds of failures that say something about a provider, and not about a request."""

_NEWEST = """
select
    substr(model, 1, instr(model, '/') - 1) as provider,
    max(message_timestamp) as at,
    coalesce(error_message, '') as sentence,
    json_extract(metadata, '$.kind') as kind
from (
    select model, message_timestamp, role, error_message, metadata from chat_messages
    order by message_timestamp desc limit :searched
)
where role = 'assistant' and instr(model, '/') > 1 group by provider
"""


class ProviderFailure(NamedTuple):
    """Failure of the newest reply of a provider."""

    sentence: str
    at: str
    """Time of the reply, as messages have it."""


@in_sentences
class ModelUse:
    """Favourites and recently used models, as ``provider/model``."""

    def __init__(self, db: Database, local_state: LocalState) -> None:
        self.db = db
        self._local_state = local_state

    def favourites(self) -> list[str]:
        """Return the favourites, in the order in which they were marked."""
        return self._refs(FAVOURITES)

    def set_favourite(self, ref: str, is_favourite: bool) -> list[str]:
        """Mark a model as a favourite, or take the mark away; return all favourites."""
        others = [other for other in self.favourites() if other != ref]
        found = [*others[-MOST_FAVOURITES + 1 :], ref] if is_favourite else others
        self._local_state.set(FAVOURITES, found or None)
        return found

    def compared(self) -> list[str]:
        """Return the models that were compared last."""
        return self._refs(COMPARED)

    def set_compared(self, refs: Sequence[str]) -> None:
        """Note the models that are compared now."""
        self._local_state.set(COMPARED, list(refs))

    def recent(self, count: int = 50) -> list[str]:
        """Return the models of the newest replies, the newest first; models of imported replies are among them."""
        return [row["model"] for row in self.db.rows(_RECENT, searched=SEARCHED, count=count)]

    def failures(self) -> dict[str, ProviderFailure]:
        """Return the providers whose newest reply failed for a reason that may last."""
        rows = self.db.rows(_NEWEST, searched=SEARCHED)
        failed = [row for row in rows if row["sentence"] and row["kind"] in HEALTH]
        return {row["provider"]: ProviderFailure(row["sentence"], row["at"]) for row in failed}

    def _refs(self, key: str) -> list[str]:
        stored = self._local_state.get(key)
        return [ref for ref in stored if isinstance(ref, str)] if isinstance(stored, list) else []
