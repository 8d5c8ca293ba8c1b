"""What messages of a logs.db refer to: attachments, fragments and schemas."""

from __future__ import annotations

from functools import lru_cache, partial
from io import BytesIO
from typing import TYPE_CHECKING, Any

from ...records import Attachment
from ...sqlite import Owned, cell, open_database, rows
from ...tree import FileTree
from ...values import mapping, parsed, text

if TYPE_CHECKING:
    from sqlite_utils import Database

_DESCRIBED = "id, type, path, url, content is not null as is_kept"
_LISTS = ("prompt_attachments", "tool_results_attachments", "prompt_fragments", "system_fragments")
"""Tables of what belongs to responses, whose first versions had no order."""


class Contents:
    """Contents of one logs.db."""

    def __init__(self, database: Database, tree: FileTree, path: str) -> None:
        self.database = database
        self._tree = tree
        self._path = path
        self._lists = {table for table in _LISTS if "order" in database.table(table).columns_dict}
        self.schema = lru_cache(64)(self._schema)
        self.responses = Owned(database, "responses", "conversation_id")
        self.calls = Owned(database, "tool_calls", "response_id")
        self.results = Owned(database, "tool_results", "response_id")

    def attachment(self, number: object) -> Attachment:
        """Return an attachment: with content where the database has it, and not what its path leads to by now."""
        number = _key(number)
        found = rows(self.database, "attachments", "id = ?", [number], select=_DESCRIBED)
        row = found[0] if found else {}
        media = cell(row.get("type"))
        link = cell(row.get("path")).replace("\\", "/").rpartition("/")[2] or cell(row.get("url"))
        name = link or f"{cell(number)[:12] or 'file'}.{media.partition('/')[2].partition('+')[0] or 'bin'}"
        is_kept = row.get("is_kept") == 1
        return Attachment(name, media, partial(_content, self._tree, self._path, number) if is_kept else None)

    def attachments(self, table: str, column: str, owner: object) -> list[Attachment]:
        """Return the attachments that a table connects to an owner, in order."""
        if table not in self._lists:
            return []
        found = rows(self.database, table, f"{column} = ?", [owner], '"order"')
        return [self.attachment(row["attachment_id"]) for row in found]

    def fragments(self, table: str, response: object) -> list[str]:
        """Return the fragments that a table puts before the text of a response."""
        if table not in self._lists:
            return []
        found = rows(self.database, table, "response_id = ?", [response], '"order"')
        return [self.fragment(row["fragment_id"]) for row in found]

    def fragment(self, number: object) -> str:
        found = rows(self.database, "fragments", "id = ?", [_key(number)])
        return cell(found[0].get("content")) if found else ""

    def _schema(self, number: str) -> Any:
        """Return the JSON schema that a reply had to follow; None for none."""
        return next(
            (mapping(parsed(row.get("content"))) for row in rows(self.database, "schemas", "id = ?", [number])), None
        )


def settings(row: dict[str, Any], contents: Contents) -> dict[str, Any]:
    """Return what a call of a model says beside its texts."""
    resolved = text(row.get("resolved_model"))
    found = {
        "options": mapping(parsed(row.get("options_json"))),
        "token_details": mapping(parsed(row.get("token_details"))),
        "resolved_model": resolved if resolved != row.get("model") else "",
        "schema": contents.schema(cell(row.get("schema_id"))) if row.get("schema_id") else None,
    }
    return {name: value for name, value in found.items() if value}


def _key(value: object) -> str | int | None:
    """Return what can be looked up: JSON has texts and numbers that SQLite does not take."""
    if isinstance(value, int):
        return value if abs(value) < 1 << 63 else None
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None


def _content(tree: FileTree, path: str, number: object) -> BytesIO:
    with open_database(tree, path) as database:
        for row in rows(database, "attachments", "id = ?", [number]):
            content = row["content"]
            return BytesIO(content if isinstance(content, bytes) else cell(content).encode("utf-8", "replace"))
    raise OSError("The attachment is not in the database any more.")
