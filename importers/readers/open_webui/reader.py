"""Reader of Open WebUI."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from ...documents import beginning, json_files
from ...items import converted, empty
from ...json_stream import LargeParts, json_array, json_object, json_objects
from ...reader import Reader
from ...records import Conversation, Skipped
from ...sqlite import SQLITE_HEAD, databases, large_text, open_database, rows
from ...times import moment
from ...tree import FileTree
from ...values import at, flag, identifier, items, mapping, one_or_more, parsed, text, texts
from .messages import Uploads, messages

if TYPE_CHECKING:
    from sqlite_utils import Database

Object = dict[str, Any]

_MESSAGES_APART = LargeParts(frozenset({"messages"}), around=frozenset({"chat", "history"}))


class OpenWebUi(Reader):
    """Chats of Open WebUI, with the files of its folder ``uploads`` where that is there, too."""

    name: ClassVar[str] = "open-webui"
    label: ClassVar[str] = "Open WebUI"

    def detect(self, tree: FileTree) -> list[str]:
        exports = (path for path, head in json_files(tree, "history") if _is_export(head))
        return [*exports, *databases(tree, chat="id user_id title chat created_at")]

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        uploads = Uploads(tree)
        if not tree.head(path).startswith(SQLITE_HEAD):
            return converted(_rows(tree, path), path, lambda row: _conversation(row, uploads, {}))
        return _read_database(tree, path, uploads)


def _is_export(head: bytes) -> bool:
    value = beginning(head)
    return any(map(_is_chat, one_or_more(value)))


def _is_chat(row: Object) -> bool:
    history = mapping((mapping(row.get("chat")) or row).get("history"))
    return "messages" in history or "currentId" in history


def _rows(tree: FileTree, path: str) -> Iterator[Any]:
    with tree.open(path) as file:
        if tree.head(path).lstrip().startswith(b"{"):
            yield from json_objects(file, _MESSAGES_APART)
        else:
            yield from json_array(file, parts=_MESSAGES_APART)


def _read_database(tree: FileTree, path: str, uploads: Uploads) -> Iterator[Conversation | Skipped]:
    with open_database(tree, path) as database:
        folders = _folders(database)

        ids = list(database.query("select rowid from chat where user_id not like 'shared-%' order by rowid"))
        chats = (row for found in ids for row in _chat(database, found["rowid"]))
        yield from converted(chats, path, lambda row: _conversation(row, uploads, folders))


def _chat(database: Database, number: int) -> list[Object]:
    """Return a row of a chat; of a large one the JSON is read piece by piece."""
    with large_text(database, "chat", "chat", number) as file:
        if file is None:
            return rows(database, "chat", "rowid = ?", [number])
        others = ", ".join(f'"{name}"' for name in database.table("chat").columns_dict if name != "chat")
        found = rows(database, "chat", "rowid = ?", [number], select=others)
        return [row | {"chat": json_object(file, _MESSAGES_APART)} for row in found]


def _folders(database: Database) -> dict[str, str]:
    if "folder" not in database.table_names():
        return {}
    return {identifier(row.get("id")): text(row.get("name")) for row in rows(database, "folder")}


def _conversation(row: Object, uploads: Uploads, folders: dict[str, str]) -> Conversation | Skipped:
    content = parsed(row.get("chat"))
    chat = mapping(content) or (row if "history" in row else {})
    native = identifier(row.get("id")) or identifier(chat.get("id"))
    if text(content).strip():
        return Skipped("Its content is damaged: it is no valid JSON.", native)
    title = text(row.get("title")) or text(chat.get("title"))
    history = mapping(chat.get("history"))
    found = messages(history.get("messages"), chat.get("messages"), uploads)
    if not found:
        return empty(title, native)
    shown = identifier(history.get("currentId"))
    models = [each.model for each in found if each.id == shown] + texts(chat.get("models"))
    folder = identifier(row.get("folder_id"))
    names = items(at(parsed(row.get("meta")), "tags")) + items(chat.get("tags"))
    tags = (text(name) or text(at(name, "name")) for name in names)
    return Conversation(
        native,
        title,
        found,
        shown=shown or None,
        created_at=moment(row.get("created_at")) or moment(chat.get("timestamp")),
        updated_at=moment(row.get("updated_at")),
        model=next(filter(None, models), None),
        system_prompt=text(at(chat, "params", "system")) or text(chat.get("system")),
        is_archived=flag(row.get("archived")),
        is_pinned=flag(row.get("pinned")),
        tags=tuple(dict.fromkeys(tag for tag in tags if tag)),
        project=folders.get(folder, folder),
    )
