"""Traits of a model in the upstream's list, in a form that is cached as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sterna.providers import Model


@dataclass(frozen=True, slots=True)
class ModelTraits:
    """Traits of a model; empty where the list does not state them."""

    name: str = ""
    context_length: int = 0
    input_modalities: list[str] = field(default_factory=list)
    output_modalities: list[str] = field(default_factory=list)
    supported_parameters: list[str] = field(default_factory=list)
    description: str = ""
    created: int = 0
    pricing: dict[str, str] = field(default_factory=dict)


NO_TRAITS = ModelTraits()


def traits_of(model: Model) -> ModelTraits:
    """Return the traits of a model in the list."""
    traits = model.traits
    return ModelTraits(
        model.name,
        model.context_length or 0,
        list(traits.input_modalities),
        list(traits.output_modalities),
        list(traits.supported_parameters),
        traits.description,
        traits.created,
        dict(traits.pricing),
    )


def cached_traits(data: Any) -> ModelTraits:
    """Return cached traits; empty ones if another version wrote the cache."""
    try:
        return ModelTraits(**data)
    except TypeError:
        return NO_TRAITS
