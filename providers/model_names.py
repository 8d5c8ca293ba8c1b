"""Guess from the name of a model, before anything else is known of it."""

from __future__ import annotations

import re

_THINKER = re.compile(
    r"think|reason|deep-?research|\bqwq\b|\bqvq\b|\bqwen-?3(?!.*instruct)|deepseek-?r|\br1\b|magistral|glm-z|glm-4\.[5-9]"
    r"|skywork-or|exaone-deep|openthinker|marco-o|cogito|minimax-m|kimi-k2\.[5-9]|step-3|nemotron|smollm3|gpt-oss",
    re.IGNORECASE,
)


def names_thinker(model: str) -> bool:
    """Return whether models with such a name usually reason before they answer."""
    return _THINKER.search(model) is not None


_IMAGE_SIDES = ((re.compile("claude", re.IGNORECASE), 1568), (re.compile("gemini|gemma", re.IGNORECASE), 3072))
IMAGE_SIDE = 2048


def image_side(model: str) -> int:
    """Return the most pixels, in width and height, that models with such a name look at; more only costs tokens."""
    return next((side for pattern, side in _IMAGE_SIDES if pattern.search(model)), IMAGE_SIDE)
