"""What PUT /api/user/data takes, and how it is stored."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from ..database.pool import Connection
from ..errors import ApiError

OWN_BYTES = 64 * 1024
"""Of ui or session preferences in one request: they are settings, not a store."""
PROMPT_CHARACTERS = 100_000

MAX_IGNORED, MAX_NAME = 50, 100
"""Of the keys that an answer names as ignored."""

EXTRAS = {"personality_preset"}
"""Of the model's preferences, what is stored beside the profile."""

NAME = "update profiles set full_name = %s where id = %s"
PREFERENCES = "select update_user_preferences(%s, %s, %s::jsonb) as told"
PRESET = """
insert into profile_extras (user_id, personality_preset) values (%s, %s)
on conflict (user_id) do update set personality_preset = excluded.personality_preset
"""


class ModelChange(BaseModel):
    """What is given is stored, the rest stays. Other keys are ignored, and named in the answer."""

    model_config = ConfigDict(extra="allow")

    default_model: str | None = Field(None, max_length=100)
    temperature: Annotated[float, Field(strict=True, json_schema_extra={"minimum": 0, "maximum": 2})] | None = Field(
        None, description="Kept to two places; null: the model's own."
    )
    system_prompt: str | None = Field(None, max_length=PROMPT_CHARACTERS)
    allowed_models: list[str] = Field(default_factory=list, max_length=1000)
    personality_preset: str | None = Field(
        None, max_length=100, description="A web client's own name for a style; stored and given back, not used here."
    )


class DataChange(BaseModel):
    """What is given is stored, the rest stays; ui and session are merged key by key, however deep.

    Other keys are ignored, and named in the answer.
    """

    model_config = ConfigDict(extra="allow")

    full_name: str | None = Field(None, max_length=255)
    ui: dict[str, JsonValue] | None = Field(None, description="At most 64 KiB.")
    session: dict[str, JsonValue] | None = Field(None, description="At most 64 KiB.")
    model: ModelChange | None = None

    def check(self) -> None:
        """Raises ApiError with a sentence when something in it cannot be stored."""
        if self.model and self.model.temperature is not None and not _warm(self.model.temperature):
            raise ApiError("bad_request", "Temperature must be a number between 0 and 2")
        for name in ("ui", "session"):
            if len(json.dumps(getattr(self, name))) > OWN_BYTES:
                raise ApiError("bad_request", f"The {name} preferences are larger than 64 KiB.")

    def ignored(self) -> list[str]:
        """Return the keys that nothing here stores."""
        of_model = (self.model and self.model.model_extra) or {}
        names = [*(self.model_extra or {}), *(f"model.{name}" for name in of_model)]
        return [name[:MAX_NAME] for name in names[:MAX_IGNORED]]

    def sections(self) -> dict[str, str]:
        """JSON for each type of preferences that was given."""
        model = self.model and self.model.model_dump(exclude_unset=True, include=set(ModelChange.model_fields) - EXTRAS)
        given = {"ui": self.ui, "session": self.session, "model": model}
        return {name: json.dumps(values) for name, values in given.items() if values}


def _warm(temperature: float) -> bool:
    """Whether numeric(3,2) between 0 and 2 holds it."""
    try:
        return 0 <= Decimal(str(temperature)).quantize(Decimal("0.01"), ROUND_HALF_UP) <= 2
    except InvalidOperation:  # not a number, or one without end
        return False


async def store(db: Connection, user_id: UUID, change: DataChange) -> None:
    """Store it. Raises ApiError when PostgreSQL refuses a part; then nothing of it is stored."""
    if "full_name" in change.model_fields_set:
        await db.execute(NAME, (change.full_name, user_id))
    if change.model and "personality_preset" in change.model.model_fields_set:
        await db.execute(PRESET, (user_id, change.model.personality_preset))
    for section, values in change.sections().items():
        row = await (await db.execute(PREFERENCES, (user_id, section, values))).fetchone()
        if row is None or not row["told"].get("success"):
            raise ApiError("bad_request", f"The {section} preferences cannot be stored like this.")
