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
        _words(row.get("supported_parameters")),
        description[:MAX_DESCRIPTION] if isinstance(description, str) else "",
        created if is_moment and isinstance(created, int) else 0,
        {name: price for name in PRICES if (price := _price(_mapping(row.get("pricing")).get(name)))},
    )


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
