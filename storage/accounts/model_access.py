"""Models that the account's tier may use.

It speaks of a connected server's models; one's own endpoints are nobody's to allow. See
docs/specification/functions.md#get-user-allowed-models.
"""

from __future__ import annotations

from typing import Any

from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..json_text import from_json

_ALLOWED = """
with ranks (tier, rank) as (values ('free', 1), ('pro', 2), ('enterprise', 3), ('admin', 4))
select m.model_id, m.model_name, m.model_description, m.model_tags, m.input_cost_per_token, m.output_cost_per_token,
    m.daily_limit, m.monthly_limit
from model_access as m
join ranks as r on r.tier = m.tier
where m.is_active = 1
    and r.rank <= (
        select rank from ranks
        where tier = coalesce((select subscription_tier from profiles where id = :user_id), 'free')
    )
order by r.rank, m.model_name
"""


@in_sentences
class ModelAccess:
    """Reading ``model_access``."""

    def __init__(self, db: Database) -> None:
        self.db = db

    def get_user_allowed_models(self, user_id: str) -> list[dict[str, Any]]:
        """Return the active models of the account's tier and lower tiers, lowest first; unknown accounts are free."""
        result = self.db.rows(_ALLOWED, user_id=user_id)
        return [{**dict(row), "model_tags": from_json(row["model_tags"])} for row in result]
