"""Costs of a conversation, by model: what providers stated, and tokens of the replies for which they stated nothing."""

from __future__ import annotations

from dataclasses import dataclass

from ..database.connection import Database
from ..database.sqlite_errors import in_sentences

_BY_MODEL = """
select coalesce(model, '') as model, coalesce(sum(cost), 0) as stated,
    coalesce(sum(iif(cost is null, input_tokens, 0)), 0) as input_tokens,
    coalesce(sum(iif(cost is null, output_tokens, 0)), 0) as output_tokens
from (
    select model, input_tokens, output_tokens,
        iif(json_type(metadata, '$.cost') in ('real', 'integer'), max(0, metadata ->> '$.cost'), null) as cost
    from chat_messages where session_id = :id and role = 'assistant'
)
group by 1
"""


@dataclass(frozen=True, slots=True)
class ModelCost:
    """Use of one model in a conversation."""

    model: str
    stated: float
    """Sum of what its provider stated, in the provider's currency."""
    input_tokens: int
    output_tokens: int
    """Tokens of the replies without a stated cost."""


@in_sentences
class Costs:
    """Reading of what conversations have cost."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def by_model(self, session_id: str) -> list[ModelCost]:
        """Return the use of each model that replied in a conversation, in all its versions."""
        return [ModelCost(**row) for row in self.db.rows(_BY_MODEL, id=session_id)]
