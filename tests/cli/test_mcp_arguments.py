"""What other programs ask wrongly is answered in plain words, and logged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sterna.cli.mcp.call_log import CallLog
from sterna.cli.mcp.history_tools import HistoryTools
from sterna.storage import HistoryReader, Hit, Store


class ByWords:
    """Search by words alone."""

    def search(self, history: HistoryReader, text: str, **options: Any) -> list[Hit]:
        return history.search.search(text, limit=options["limit"])

    def related(self, history: HistoryReader, session_id: str, limit: int) -> list[Hit]:
        return history.related.to(session_id, limit)


REFUSALS: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("search", {}, "search needs query. search takes: query, limit, by."),
    ("search", {"query": 5}, "query has to be a text, not “5”."),
    ("search", {"query": "x", "limit": "many"}, "limit has to be a whole number, not “many”."),
    ("search", {"query": "x", "by": "luck"}, "by has to be both, words or meaning, not “luck”."),
    ("search", {"query": "has:foo"}, "has: takes code"),
    ("list_conversations", {"only": "is:foo"}, "is: takes pinned, archived or untagged"),
    ("read_conversation", {"conversation": "conv_9"}, "list_conversations lists the ids, and search finds them."),
    ("related_conversations", {"conversation": "hidden"}, "list_conversations lists the ids"),
    ("delete", {}, "There is no tool delete. There are: search, list_conversations"),
)


async def test_it_is_said_what_is_wrong_and_what_is_allowed(tmp_path: Path) -> None:
    from mcp import Client
    from mcp.types import TextContent

    from sterna.cli.mcp.server import history_server

    store = Store.open(tmp_path / "me.db")
    store.conversations.create("Secret", session_id="hidden")
    store.privacy.set_private("hidden", True)
    store.close()
    log = CallLog(tmp_path)

    @contextmanager
    def opened() -> Iterator[HistoryReader]:
        reader = HistoryReader.open(tmp_path / "me.db")
        yield reader
        reader.close()

    async with Client(history_server(HistoryTools(opened, ByWords()), log, "1")) as client:
        for tool, arguments, said in REFUSALS:
            result = await client.call_tool(tool, arguments)
            assert result.is_error
            (content,) = result.content
            assert isinstance(content, TextContent)
            assert said in content.text
            assert not [word for word in ("pydantic", "Error executing", "https://") if word in content.text]
    entries = list(log.entries())
    assert [entry["tool"] for entry in entries] == [tool for tool, _, _ in REFUSALS]
    assert all(said in entry["result"] for entry, (_, _, said) in zip(entries, REFUSALS, strict=True))
