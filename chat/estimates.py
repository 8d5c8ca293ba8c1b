"""Estimates of tokens: four characters each, since an exact count would need the tokenizer of each model."""

from __future__ import annotations

CHARACTERS_PER_TOKEN = 4
IMAGE_TOKENS = 1_500
"""Estimate for one image; providers count between 85 and 3,000."""


def estimate_tokens(text: str) -> int:
    """Return the estimated number of tokens, which is never too small for prose."""
    return -(-len(text) // CHARACTERS_PER_TOKEN)
