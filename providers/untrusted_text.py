"""Untrusted text made fit for a sentence: one line, no control characters, no key, not too long."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import quote

REDACTED = "[key]"

_KEY_SHAPES = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|hf|AIza|key)[-_][\w*.-]{8,}|\bAIza[\w-]{10,}|\bBearer\s+[\w.~+/=*-]{8,}", re.ASCII
)
"""Keys of common vendors. Some echo a key half masked (``sk-ab***yz``), which an exact comparison does not find."""
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def single_line(text: str) -> str:
    """Return ``text`` in one line without control, formatting or unpaired surrogate characters."""
    spaced = (" " if char.isspace() else char for char in text)
    return " ".join("".join(char for char in spaced if unicodedata.category(char) not in _INVISIBLE).split())


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return ``text`` without the secrets and without anything that looks like a key."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        if len(secret) >= 4:
            text = text.replace(secret, REDACTED).replace(quote(secret, safe=""), REDACTED)
    return _KEY_SHAPES.sub(REDACTED, text)


def quoted(text: str, secrets: Iterable[str], limit: int = 200) -> str:
    """Return a provider's own words in quotation marks, or "" if there are none."""
    # Redacted before it is cut: a key cut in half would not be recognized.
    words = redact(single_line(text[:20_000]), secrets)
    if len(words) > limit:
        words = words[: limit - 1].rstrip() + "…"
    return f"“{words}”" if words else ""
