"""The models that the caller may use."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from ..database.pool import Connection
from ..dependencies import Anyone, ServicesDep, limited
from ..identity import SERVER
from ..relay.model_traits import About

router = APIRouter(prefix="/api/models", tags=["chat"], dependencies=[limited("B")])

# A model may have a row for each of several tiers: they come with the lowest tier first.
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
EVERY = """
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
    """US dollars as decimals in text: a float would not keep them. Of one token, request, image, or search."""

    prompt: str
    completion: str
    request: str
    image: str
    web_search: str
    internal_reasoning: str


class Model(BaseModel):
    """One that may be named in ``model``."""

    id: str
    name: str
    description: str
    context_length: int = Field(description="Tokens it can read; 0 where nothing states it.")
    input_modalities: list[str] = Field(description="`text` where nothing states them.")
    output_modalities: list[str] = Field(description="`text` where nothing states them.")
    supported_parameters: list[str] = Field(description="Empty where nothing states them.")
    created: int = Field(description="Seconds since 1970; 0 where nothing states it.")
    pricing: Pricing
    tier: str = Field(description="The lowest tier that may use it.")
    daily_limit: int | None = Field(description="null: none.")
    monthly_limit: int | None = Field(description="null: none.")
    allowed: bool | None = Field(None, description="Whether the caller's tier may use it; with `all` only.")


class Models(BaseModel):
    """In the order to offer them."""

    models: list[Model]
    relays: bool = Field(description="Whether this server answers questions to them at all.")


@router.get("", response_model_exclude_unset=True)
async def list_models(
    caller: Anyone,
    services: ServicesDep,
    every: Annotated[bool, Query(alias="all", description="Those of higher tiers too, marked.")] = False,
) -> Models:
    """The models of the caller's tier; those of the free tier without a sign-in."""
    user: UUID | None = caller.identity.user_id
    default = services.settings.upstream.default_model if services.relay.is_configured else ""

    async def work(db: Connection) -> list[dict[str, Any]]:
        rows = await (await db.execute(ALLOWED, (user,))).fetchall()
        # once each: where the lowest tier has it, with the limits of the highest tier that the caller has
        told = list({row["id"]: row for row in rows}.values())
        named = await (await db.execute(NAMED, (default,))).fetchone()
        # one that no tier names is everybody's (relay/access.py)
        told = told if not default or (named and named["is_named"]) else [_default(default), *told]
        return told + await _higher(db, {row["id"] for row in told}) if every else told

    # without a sign-in nobody may call the function but the server itself
    rows = await services.database.read(caller.identity if user else SERVER, work)
    allowed = {"allowed": True} if every else {}
    models = [_model(allowed | row, await services.relay.about(row["id"])) for row in rows]
    return Models(models=models, relays=services.relay.is_configured)


async def _higher(db: Connection, known: set[str]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for row in await (await db.execute(EVERY)).fetchall():
        found.setdefault(row["id"], row)  # the lowest tier that has it comes first
    return [{**row, "allowed": False} for name, row in found.items() if name not in known]


def _default(name: str) -> dict[str, Any]:
    free = {"description": None, "prompt": 0, "completion": 0, "tier": "free"}
    return {"id": name, "name": name, "daily_limit": None, "monthly_limit": None} | free


def _model(row: dict[str, Any], about: About) -> Model:
    """Return a model with what model_access says of it, and what the upstream states where that says nothing."""
    prices = {name: about.pricing.get(name, "0") for name in Pricing.model_fields}
    for name in ("prompt", "completion"):
        if (price := _price(row[name])) != "0":
            prices[name] = price
    is_named = row["name"] != row["id"]
    told = {name: value for name, value in row.items() if name not in prices}
    told |= {
        "name": row["name"] if is_named else about.name or row["name"],
        "description": row["description"] or about.description,
    }
    return Model(
        pricing=Pricing(**prices),
        context_length=about.context_length,
        input_modalities=about.input_modalities or ["text"],
        output_modalities=about.output_modalities or ["text"],
        supported_parameters=about.supported_parameters,
        created=about.created,
        **told,
    )


def _price(cost: Any) -> str:
    return format(cost.normalize(), "f") if cost else "0"
