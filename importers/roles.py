"""Names of who speaks, as programs write them."""

from __future__ import annotations

from .records import Role

_NAMES: dict[str, Role] = {
    **dict.fromkeys(("user", "human", "you", "prompt", "me", "prompter"), "user"),
    **dict.fromkeys(
        ("assistant", "gpt", "bing", "chatgpt", "claude", "bot", "bard", "gemini", "model", "ai", "llm", "response"),
        "assistant",
    ),
    **dict.fromkeys(("system", "developer", "context"), "system"),
}
TOOL_ROLES = frozenset({"tool", "function", "observation", "tool_response", "tool_result", "ipython"})
"""Roles of messages that are the result of a tool."""


def role(value: object) -> Role | None:
    """Return the role that a name means; None for one that is unknown."""
    return _NAMES.get(value.strip().lower()) if isinstance(value, str) else None
