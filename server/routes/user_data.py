"""Profile, preferences, usage and models of the caller, and changes of them.

See docs/specification/endpoints.md#user-data.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field, JsonValue

from ..database.pool import Connection
from ..dependencies import ServicesDep, User, limited
from ..errors import ApiError
from ..openapi import WireInstant, refusals
from .json_route import JsonRoute
from .user_change import DataChange, store

router = APIRouter(
    prefix="/api/user/data",
    tags=["account"],
    dependencies=[limited("B")],
    responses=refusals(404),
    route_class=JsonRoute,
)
PROFILE = """
    select
        id,
        email,
        full_name,
        avatar_url,
        subscription_tier,
        credits,
        default_model,
        temperature,
        system_prompt,
        allowed_models,
        ui_preferences,
        session_preferences,
        usage_stats,
        created_at,
        updated_at,
        last_active,
        current_date as today,
        (select e.personality_preset from profile_extras as e where e.user_id = profiles.id) as personality_preset
    from profiles
    where id = %s
"""
DAYS = """
    select
        usage_date,
        coalesce(messages_sent, 0) as messages_sent,
        coalesce(messages_received, 0) as messages_received,
        coalesce(input_tokens, 0) as input_tokens,
        coalesce(output_tokens, 0) as output_tokens,
        coalesce(total_tokens, 0) as total_tokens,
        coalesce(models_used, '{}') as models_used,
        coalesce(sessions_created, 0) as sessions_created,
        coalesce(active_minutes, 0) as active_minutes,
        coalesce(generation_ms, 0) as generation_ms
    from user_usage_daily
    where user_id = %s and usage_date >= current_date - 7
    order by usage_date desc
"""
MODELS = """
    select model_id, model_name, model_description, model_tags, daily_limit, monthly_limit
    from get_user_allowed_models(%s)
"""


class Profile(BaseModel):
    """Profile of an account."""

    id: UUID
    email: str
    full_name: str | None
    avatar_url: str | None
    subscription_tier: str
    credits: int
    account_type: Literal["user"] = Field("user", description="Always user: the server has no administration by HTTP.")
    is_banned: Literal[False] = Field(False, description="A disabled account is answered 403 instead.")
    banned_until: None = None
    ban_reason: None = None


class ModelPreferences(BaseModel):
    """Defaults of new conversations."""

    default_model: str | None
    temperature: float | None
    system_prompt: str | None
    allowed_models: list[str] | None
    personality_preset: str | None


class Preferences(BaseModel):
    """Preferences; ui and session contain names and values of the client."""

    model: ModelPreferences
    ui: dict[str, JsonValue]
    session: dict[str, JsonValue]


class DailyUsage(BaseModel):
    """Usage of one day (UTC)."""

    usage_date: date
    messages_sent: int = 0
    messages_received: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    models_used: dict[str, int] = Field(default_factory=dict, description="Number of replies by model.")
    sessions_created: int = 0
    active_minutes: int = 0
    generation_ms: int = 0


class AllTime(BaseModel):
    """Usage since last_reset, which deletions do not reduce."""

    total_messages: int = 0
    total_tokens: int = 0
    sessions_created: int = 0
    last_reset: str | None = Field(None, description="Time in PostgreSQL's format.")


class AvailableModel(BaseModel):
    """A model that the caller may use."""

    model_id: str
    model_name: str | None
    model_description: str | None
    model_tags: list[str] | None
    daily_limit: int | None
    monthly_limit: int | None


class Timestamps(BaseModel):
    """Times of the profile."""

    created_at: WireInstant
    updated_at: WireInstant
    last_active: WireInstant | None


class UserData(BaseModel):
    """Data of the caller without conversations."""

    profile: Profile
    preferences: Preferences
    today: DailyUsage
    recentDays: list[DailyUsage] = Field(  # noqa: N815
        description="Today and the seven days before, newest first, without idle days."
    )
    allTime: AllTime  # noqa: N815
    availableModels: list[AvailableModel]  # noqa: N815
    timestamps: Timestamps


class ChangedUserData(UserData):
    """Data of the caller after a change."""

    ignored: list[str] = Field(description="Keys of the change that were not stored.")


@router.get("")
async def read_user_data(caller: User, services: ServicesDep) -> UserData:
    """Return profile, preferences, usage, models and times of the caller."""

    async def query(db: Connection) -> UserData:
        return await _read(db, caller.user_id)

    return await services.database.read(caller.identity, query)


@router.put("")
async def change_user_data(change: DataChange, caller: User, services: ServicesDep) -> ChangedUserData:
    """Change the name and preferences, all or none, and return the data after the change."""
    change.check()

    async def work(db: Connection) -> ChangedUserData:
        await store(db, caller.user_id, change)
        changed = await _read(db, caller.user_id)
        return ChangedUserData(**dict(changed), ignored=change.ignored())

    return await services.database.write(caller.identity, work)


async def _read(db: Connection, user_id: UUID) -> UserData:
    """Return everything that is stored about an account. Raises ApiError without a profile."""
    row = await (await db.execute(PROFILE, (user_id,))).fetchone()
    if row is None:
        raise ApiError("user_not_found", "This account has no profile.")
    days = [DailyUsage.model_validate(day) for day in await (await db.execute(DAYS, (user_id,))).fetchall()]
    models = await (await db.execute(MODELS, (user_id,))).fetchall()
    distinct = {model["model_id"]: AvailableModel.model_validate(model) for model in models}
    today: date = row["today"]
    return UserData(
        profile=Profile.model_validate(row | {"subscription_tier": row["subscription_tier"] or "free"}),
        preferences=_preferences(row),
        today=next((day for day in days if day.usage_date == today), DailyUsage(usage_date=today)),
        recentDays=days,
        allTime=AllTime.model_validate(row["usage_stats"] or {}),
        availableModels=list(distinct.values()),
        timestamps=Timestamps.model_validate(row),
    )


def _preferences(row: dict[str, Any]) -> Preferences:
    return Preferences(
        model=ModelPreferences.model_validate(row),
        ui=row["ui_preferences"] or {},
        session=row["session_preferences"] or {},
    )
