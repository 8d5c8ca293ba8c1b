"""What the upstream's list of models states of one, in a form that is cached as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sterna.providers import Model


@dataclass(frozen=True, slots=True)
class About:
    """Empty where nothing is stated."""

    name: str = ""
    context_length: int = 0
    input_modalities: list[str] = field(default_factory=list)
    output_modalities: list[str] = field(default_factory=list)
    supported_parameters: list[str] = field(default_factory=list)
    description: str = ""
    created: int = 0
    pricing: dict[str, str] = field(default_factory=dict)


NOTHING = About()


def stated_of(model: Model) -> About:
    """Return what the list states of a model."""
    traits = model.traits
    return About(
        model.name,
        model.context_length or 0,
        list(traits.input_modalities),
        list(traits.output_modalities),
        list(traits.supported_parameters),
        traits.description,
        traits.created,
        dict(traits.pricing),
    )


def stored(told: Any) -> About:
    """Return what the cache has of a model; nothing where another version wrote it."""
    try:
        return About(**told)
    except TypeError:
        return NOTHING
