"""Further properties of a model in a list: modalities, parameters, prices, description."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

MAX_DESCRIPTION = 4_000
MAX_WORD = 64
MAX_WORDS = 64
PRICES = (
    "prompt", "completion", "request", "image", "web_search", "internal_reasoning", "input_cache_read",
    "input_cache_write",
)  # fmt: skip


class Traits(NamedTuple):
    """Properties that a list states; empty without them."""

    input_modalities: tuple[str, ...] = ()
    output_modalities: tuple[str, ...] = ()
    supported_parameters: tuple[str, ...] = ()
    description: str = ""
    created: int = 0
    """Unix time in seconds."""
    pricing: Mapping[str, str] = MappingProxyType({})
    """US dollars as decimals, by the names in PRICES."""

    @property
    def abilities(self) -> tuple[str, ...]:
        """What the model can do beside text, as far as the list says: ``vision``, ``tools``, ``reasoning``."""
        can = {
            "vision": "image" in self.input_modalities,
            "tools": not {"tools", "tool_choice"}.isdisjoint(self.supported_parameters),
            "reasoning": not {"reasoning", "reasoning_effort"}.isdisjoint(self.supported_parameters),
        }
        return tuple(name for name, is_able in can.items() if is_able)

    @property
    def prices(self) -> tuple[float, float] | None:
        """US dollars per million tokens of input and of output; None where the list does not state both."""
        if "prompt" not in self.pricing or "completion" not in self.pricing:
            return None
        return float(self.pricing["prompt"]) * 1e6, float(self.pricing["completion"]) * 1e6


def traits_of(row: Mapping[str, Any]) -> Traits:
    """Return the properties in a row of a list; values of the wrong type are ignored."""
    architecture = _mapping(row.get("architecture"))
    stated = str(architecture.get("modality") or row.get("modality") or "")
    inputs, _, outputs = stated.partition("->")
    description, created = row.get("description"), row.get("created")
    is_moment = isinstance(created, int) and not isinstance(created, bool) and 0 < created < 2**53
    return Traits(
        _words(architecture.get("input_modalities") or row.get("input_modalities") or _parts(inputs)) or _inputs(row),
        _words(architecture.get("output_modalities") or row.get("output_modalities") or _parts(outputs)),
        _words(row.get("supported_parameters")) or _supported(row),
        description[:MAX_DESCRIPTION] if isinstance(description, str) else "",
        created if is_moment and isinstance(created, int) else 0,
        price_map(_mapping(row.get("pricing"))),
    )


def price_map(stated: Mapping[str, Any]) -> dict[str, str]:
    """Return the prices among PRICES that are valid."""
    return {name: price for name in PRICES if (price := _price(stated.get(name)))}


def _inputs(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the kinds of input as Mistral, Anthropic and LM Studio state them; empty where the row says nothing."""
    capabilities = _mapping(row.get("capabilities"))
    seeing = capabilities.get("vision")
    if seeing is None:
        seeing = _mapping(capabilities.get("image_input")).get("supported")
    if seeing is None and row.get("type") in ("llm", "vlm"):
        seeing = row["type"] == "vlm"
    if not isinstance(seeing, bool):
        return ()
    return ("text", "image") if seeing else ("text",)


def _supported(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return ``tools`` and ``reasoning`` where Mistral, Anthropic and Google state them in words of their own."""
    capabilities = _mapping(row.get("capabilities"))
    stated = {
        "tools": (capabilities.get("function_calling"), capabilities.get("tool_use")),
        "reasoning": (capabilities.get("reasoning"), capabilities.get("thinking"), row.get("thinking")),
    }
    return tuple(
        name
        for name, values in stated.items()
        if any(value is True or _mapping(value).get("supported") is True for value in values)
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _words(value: object) -> tuple[str, ...]:
    words = value if isinstance(value, list) else []
    valid = [word for word in words if isinstance(word, str) and 0 < len(word) <= MAX_WORD]
    return tuple(dict.fromkeys(valid[:MAX_WORDS]))


def _price(value: object) -> str:
    """Return the price as a plain decimal; "" for an invalid price, and for a negative one, which means variable."""
    if isinstance(value, bool) or not isinstance(value, str | int | float) or len(str(value)) > MAX_WORD:
        return ""
    from decimal import Decimal, InvalidOperation

    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return ""
    is_price = number.is_finite() and number >= 0 and -30 < number.adjusted() < 10
    return format(number.normalize(), "f") if is_price else ""


def _parts(text: str) -> list[str]:
    return text.split("+") if text else []
