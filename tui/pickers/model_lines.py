"""Texts about a model in a list: its line, and a sentence with what it can do, takes and costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.content import Content

from sterna.storage import parse
from sterna.storage.text import one_line

from ..counts import price_pair, short_count, short_price

if TYPE_CHECKING:
    from sterna.providers import Model
    from sterna.storage import ProviderFailure

LONGEST_NAME = 120
STAR, NO_STAR = "★", "☆"
STAR_CELLS = 2
"""Cells of the star and the space behind it."""
LENGTH_CELLS, PRICE_CELLS = 7, 14
WITH_PRICES = 64
"""Cells of a line from which on it has room for prices."""
ABILITIES = {"vision": "sees images", "tools": "uses tools", "reasoning": "reasons"}


def model_line(
    model: Model,
    room: int,
    *,
    positions: tuple[int, ...] = (),
    is_current: bool = False,
    is_favourite: bool | None = None,
    shows_provider: bool = False,
) -> Content:
    """Return the model's id, its name if that says more, and its prices and context length at the right.

    A star stands before them; None: there are no favourites.
    """
    model_id = one_line(model.id, LONGEST_NAME)
    content = Content(model_id)
    if model_id == model.id:
        for index in positions:
            content = content.stylize("bold underline", index, index + 1)
    if not model.allowed:
        content = content.stylize("$foreground 50%")
    if shows_provider:
        content = Content.assemble((f"{model.endpoint}/", "$foreground 75%"), content)
    if is_current:
        content = Content.assemble(content, ("  current", "bold $primary"))
    name = one_line(model.name, 60)
    if name and name.casefold() not in model_id.casefold():
        content = Content.assemble(content, (f"  {name}", "$foreground 75%"))
    if not model.allowed:
        content = Content.assemble(content, (f"  {model.tier} only", "$warning"))
    elif model.limits:
        content = Content.assemble(content, (f"  {model.limits}", "$foreground 75%"))
    prices = model.traits.prices
    price = price_pair(prices) if prices is not None and room >= WITH_PRICES else ""
    right = (price.rjust(PRICE_CELLS) if price else "") + (
        short_count(model.context_length) if model.context_length else ""
    ).rjust(LENGTH_CELLS)
    star = ("", "")
    if is_favourite is not None:
        star = (f"{STAR} ", "$primary") if is_favourite else (f"{NO_STAR} ", "$foreground 60%")
    line = content.truncate(max(1, room - len(star[0]) - len(right)), ellipsis=True, pad=True)
    return Content.assemble(star, line, (right, "$foreground 75%"))


def about_model(model: Model) -> str:
    """Return what a model can do, takes and costs, as far as its provider's list says; empty where it says nothing."""
    can = [ABILITIES[name] for name in model.traits.abilities]
    parts = [", ".join(can).capitalize()] if can else []
    if model.context_length:
        parts.append(f"{model.context_length:,} tokens of context")
    prices = model.traits.prices
    if prices is not None and max(prices) > 0:
        parts.append(f"{short_price(prices[0])} in, {short_price(prices[1])} out per million tokens")
    elif prices is not None:
        parts.append("free")
    return " · ".join(parts)


def failure_text(failure: ProviderFailure | None) -> str:
    """Return when and why the newest reply of a provider failed; empty where it did not."""
    if failure is None:
        return ""
    try:
        moment = parse(failure.at).astimezone()
    except (ValueError, OverflowError, OSError):
        return f"Last reply: {failure.sentence}"
    return f"Last reply, {moment.day} {moment:%b %H:%M}: {failure.sentence}"
