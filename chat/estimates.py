"""Estimates of tokens: four bytes of UTF-8 each, since an exact count would need the tokenizer of each model.

That is four letters of English, two of Greek or Russian, and four thirds of a Chinese or Japanese character, which is
about what tokenizers make of them.
"""

from __future__ import annotations

CHARACTERS_PER_TOKEN = 4
"""Characters of ASCII in a token; of other text there are fewer."""
IMAGE_TOKENS = 1_500
"""Estimate for one image; providers count between 85 and 3,000."""


def estimate_tokens(text: str) -> int:
    """Return the estimated number of tokens, which is never too small for prose."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
    return -(-size // CHARACTERS_PER_TOKEN)
