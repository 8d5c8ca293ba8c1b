"""Models that the caller may use."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from ..database.pool import Connection
from ..dependencies import Anyone, ServicesDep, limited
from ..identity import SERVER
from ..relay.model_traits import ModelTraits

router = APIRouter(prefix="/api/models", tags=["chat"], dependencies=[limited("B")])

# a model may have a row in several tiers; the lowest tier comes first
ALLOWED = """
    select
        a.model_id as id,
        coalesce(a.model_name, a.model_id) as name,
        a.model_description as description,
        a.input_cost_per_token as prompt,
        a.output_cost_per_token as completion,
        a.daily_limit,
        a.monthly_limit,
        (
            select m.tier
            from model_access as m
            where m.model_id = a.model_id and m.is_active
            order by array_position(array['free', 'pro', 'enterprise', 'admin'], m.tier::text)
            limit 1
        ) as tier
    from get_user_allowed_models(%s) with ordinality as a
    order by a.ordinality
"""


# the lowest tier first
ALL = """
    select
        model_id as id,
        coalesce(model_name, model_id) as name,
        model_description as description,
        input_cost_per_token as prompt,
        output_cost_per_token as completion,
        daily_limit,
        monthly_limit,
        tier
    from model_access
    where is_active
    order by array_position(array['free', 'pro', 'enterprise', 'admin'], tier::text), model_name
"""

NAMED = "select exists (select from model_access where model_id = %s) as is_named"


class Pricing(BaseModel):
    """US dollars per token, request, image or search, as decimal text because a float would be inexact."""

    prompt: str
    completion: str
    request: str
    image: str
    web_search: str
    internal_reasoning: str


class Model(BaseModel):
    """A model for the field ``model`` of a chat request."""

    id: str
    name: str
    description: str
    context_length: int = Field(description="Size of the context in tokens; 0 if unknown.")
    input_modalities: list[str] = Field(description="`text` if unknown.")
    output_modalities: list[str] = Field(description="`text` if unknown.")
    supported_parameters: list[str] = Field(description="Empty if unknown.")
    created: int = Field(description="Seconds since 1970; 0 if unknown.")
    pricing: Pricing
    tier: str = Field(description="Lowest tier that may use it.")
    daily_limit: int | None = Field(description="null for no limit.")
    monthly_limit: int | None = Field(description="null for no limit.")
    allowed: bool | None = Field(None, description="Whether the caller's tier may use it; only with `all`.")


class Models(BaseModel):
    """Models in the order to show them."""

    models: list[Model]
    relays: bool = Field(description="Whether this server has a model service.")
    images: bool = Field(description="Whether messages of a chat request may have images.")


@router.get("", response_model_exclude_unset=True)
async def list_models(
    caller: Anyone,
    services: ServicesDep,
    include_all: Annotated[bool, Query(alias="all", description="Include models of higher tiers, marked.")] = False,
) -> Models:
    """List the models of the caller's tier; without a sign-in those of the free tier."""
    user: UUID | None = caller.identity.user_id
    default = services.settings.upstream.default_model if services.relay.is_configured else ""

    async def work(db: Connection) -> list[dict[str, Any]]:
        rows = await (await db.execute(ALLOWED, (user,))).fetchall()
        # once each, at the place of the lowest tier, with the limits of the highest tier of the caller
        models = list({row["id"]: row for row in rows}.values())
        named = await (await db.execute(NAMED, (default,))).fetchone()
        # a default model that no tier names is open to all (see relay/quota.py)
        models = models if not default or (named and named["is_named"]) else [_default(default), *models]
        return models + await _higher(db, {row["id"] for row in models}) if include_all else models

    # without a sign-in only the server may call the function
    rows = await services.database.read(caller.identity if user else SERVER, work)
    allowed = {"allowed": True} if include_all else {}
    models = [_model(allowed | row, await services.relay.traits(row["id"])) for row in rows]
    return Models(models=models, relays=services.relay.is_configured, images=True)


async def _higher(db: Connection, known: set[str]) -> list[dict[str, Any]]:
    models: dict[str, dict[str, Any]] = {}
    for row in await (await db.execute(ALL)).fetchall():
        models.setdefault(row["id"], row)  # with its lowest tier
    return [{**row, "allowed": False} for name, row in models.items() if name not in known]


def _default(name: str) -> dict[str, Any]:
    free = {"description": None, "prompt": 0, "completion": 0, "tier": "free"}
    return {"id": name, "name": name, "daily_limit": None, "monthly_limit": None} | free


def _model(row: dict[str, Any], traits: ModelTraits) -> Model:
    """Return a model with the values of model_access, completed by those of the upstream."""
    prices = {name: traits.pricing.get(name, "0") for name in Pricing.model_fields}
    for name in ("prompt", "completion"):
        if (price := _price(row[name])) != "0":
            prices[name] = price
    is_named = row["name"] != row["id"]
    values = {name: value for name, value in row.items() if name not in prices}
    values |= {
        "name": row["name"] if is_named else traits.name or row["name"],
        "description": row["description"] or traits.description,
    }
    return Model(
        pricing=Pricing(**prices),
        context_length=traits.context_length,
        input_modalities=traits.input_modalities or ["text"],
        output_modalities=traits.output_modalities or ["text"],
        supported_parameters=traits.supported_parameters,
        created=traits.created,
        **values,
    )


def _price(cost: Any) -> str:
    return format(cost.normalize(), "f") if cost else "0"
