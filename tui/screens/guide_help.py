"""Keys for the help texts of the built-in guide."""

from __future__ import annotations

from sterna.providers.guide_topics import TOPICS

from ..actions.bindings import BY_ID, key_name

KEYS = {
    "keys": (
        "prompt.send",
        "prompt.newline",
        "conversation.new",
        "conversation.search",
        "conversation.open",
        "reply.stop",
        "reply.retry",
        "model.choose",
        "app.palette",
        "app.help",
        "app.quit",
    ),
    "models": ("model.choose", "app.settings"),
    "search": ("conversation.search", "history.ask", "sidebar.filter"),
    "delete": ("conversation.delete", "conversation.undo", "conversation.clear"),
    "conversations": (
        "conversation.new",
        "conversation.rename",
        "conversation.next",
        "conversation.previous",
        "reply.stop",
        "reply.retry",
    ),
    "writing": ("prompt.editor", "prompt.history", "prompt.take_back", "persona.choose", "snippet.insert"),
    "attachments": ("attachment.add", "attachment.paste", "attachment.remove", "transcript.attachments"),
    "import": ("app.import", "conversation.export"),
    "tools": ("tool.choose",),
    "settings": ("app.settings", "conversation.settings", "app.theme"),
}
"""Actions to be named under each topic."""


def help_text(topic: str) -> str:
    """Return Sterna's help on a topic in Markdown; "" where the guide's own text is all there is to say."""
    names = KEYS.get(topic)
    if names is None:
        return ""
    words = next((known.text.strip() for known in TOPICS if known.id == topic), "")
    rows = "\n".join(f"| {keys_as_code(BY_ID[name].key)} | {BY_ID[name].help} |" for name in names)
    return f"{words}\n\n| key | |\n|---|---|\n{rows}"


def keys_as_code(keys: str) -> str:
    """Return the keys of an action as code."""
    return " or ".join(f"`{key_name(key)}`" for key in keys.split(","))
