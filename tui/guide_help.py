"""What the built-in guide asks this room and the store: the keys, and places in one's own history."""

from __future__ import annotations

from providers import HistoryError, HistoryHit
from storage import Store, StoreError, StoreThread, parse

from .actions import BY_ID, key_names

SHOWN_KEYS = (
    "prompt.send",
    "prompt.newline",
    "conversation.new",
    "conversation.search",
    "conversation.open",
    "conversation.rename",
    "conversation.delete",
    "conversation.undo",
    "reply.stop",
    "reply.retry",
    "model.choose",
    "app.palette",
    "app.help",
)
PLACES = 5


def help_text(topic: str) -> str:
    """Sterna's help on a topic in Markdown; "" where the guide knows enough itself."""
    if topic != "keys":
        return ""
    rows = "\n".join(f"| `{key_names(BY_ID[name].key)}` | {BY_ID[name].help} |" for name in SHOWN_KEYS)
    return (
        f"| key | |\n|---|---|\n{rows}\n\n`f1` shows all of them. Any can be changed under `[keys]` in `config.toml`."
    )


async def history(store: StoreThread, words: str) -> list[HistoryHit]:
    """The best places for some words in one's own history."""
    try:
        hits = await store.run(Store.search_best, words, PLACES)
    except StoreError as error:
        raise HistoryError(str(error)) from error
    return [HistoryHit(hit.session_title, hit.snippet, parse(hit.at), hit.session_id) for hit in hits]
