"""Changes of profile and preferences: validation and storage."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from ..database.pool import Connection
from ..errors import ApiError

MAX_BYTES = 64 * 1024
"""Bytes of ui or session preferences in one request."""
MAX_PROMPT = 100_000
"""Characters of a system prompt."""

MAX_IGNORED, MAX_NAME = 50, 100
"""Number and length of ignored keys that a response names."""

EXTRAS = {"personality_preset"}
"""Model preferences that are stored outside the profile."""

NAME = "update profiles set full_name = %s where id = %s"
PREFERENCES = "select update_user_preferences(%s, %s, %s::jsonb) as result"
PRESET = """
insert into profile_extras (user_id, personality_preset) values (%s, %s)
on conflict (user_id) do update set personality_preset = excluded.personality_preset
"""


class ModelChange(BaseModel):
    """Values to set; others stay as they are. Unknown keys are ignored, and named in the response."""

    model_config = ConfigDict(extra="allow")

    default_model: str | None = Field(None, max_length=100)
    temperature: Annotated[float, Field(strict=True, json_schema_extra={"minimum": 0, "maximum": 2})] | None = Field(
        None, description="Stored with two decimals; null for the model's default."
    )
    system_prompt: str | None = Field(None, max_length=MAX_PROMPT)
    allowed_models: list[str] = Field(default_factory=list, max_length=1000)
    personality_preset: str | None = Field(
        None, max_length=100, description="Name of a style in a web client; stored, but not used here."
    )


class DataChange(BaseModel):
    """Values to set; others stay as they are, and ui and session are merged deeply.

    Unknown keys are ignored, and named in the response.
    """

    model_config = ConfigDict(extra="allow")

    full_name: str | None = Field(None, max_length=255)
    ui: dict[str, JsonValue] | None = Field(None, description="At most 64 KiB.")
    session: dict[str, JsonValue] | None = Field(None, description="At most 64 KiB.")
    model: ModelChange | None = None

    def check(self) -> None:
        """Raise ApiError if a value cannot be stored."""
        if self.model and self.model.temperature is not None and not _is_temperature(self.model.temperature):
            raise ApiError("bad_request", "Temperature must be a number between 0 and 2")
        for name in ("ui", "session"):
            if len(json.dumps(getattr(self, name))) > MAX_BYTES:
                raise ApiError("bad_request", f"The {name} preferences are larger than 64 KiB.")

    def ignored(self) -> list[str]:
        """Return the keys that are not stored."""
        of_model = (self.model and self.model.model_extra) or {}
        names = [*(self.model_extra or {}), *(f"model.{name}" for name in of_model)]
        return [name[:MAX_NAME] for name in names[:MAX_IGNORED]]

    def sections(self) -> dict[str, str]:
        """Return the given preferences as JSON by type."""
        model = self.model and self.model.model_dump(exclude_unset=True, include=set(ModelChange.model_fields) - EXTRAS)
        given = {"ui": self.ui, "session": self.session, "model": model}
        return {name: json.dumps(values) for name, values in given.items() if values}


def _is_temperature(temperature: float) -> bool:
    """Return whether a number fits into numeric(3,2) and is between 0 and 2."""
    try:
        return 0 <= Decimal(str(temperature)).quantize(Decimal("0.01"), ROUND_HALF_UP) <= 2
    except InvalidOperation:  # NaN or infinity
        return False


async def store(db: Connection, user_id: UUID, change: DataChange) -> None:
    """Store a change in the transaction. Raises ApiError if PostgreSQL rejects a part of it."""
    if "full_name" in change.model_fields_set:
        await db.execute(NAME, (change.full_name, user_id))
    if change.model and "personality_preset" in change.model.model_fields_set:
        await db.execute(PRESET, (user_id, change.model.personality_preset))
    for section, values in change.sections().items():
        row = await (await db.execute(PREFERENCES, (user_id, section, values))).fetchone()
        if row is None or not row["result"].get("success"):
            raise ApiError("bad_request", f"The {section} preferences are not valid.")
