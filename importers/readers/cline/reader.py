"""Tasks of the extensions, and sessions of the command line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

from ...documents import beginning, document
from ...json_stream import BrokenJson
from ...reader import Reader
from ...records import Conversation, Skipped
from ...times import moment
from ...tree import FileTree
from ...values import amount, chosen, flag, identifier, items, mapping, mappings, text
from .api_messages import api_messages
from .screen import Screen

_SCREEN = "ui_messages.json"
_API = "api_conversation_history.json"
_ROO = "history_item.json"
_SESSION_END = ".messages.json"

_histories: WeakKeyDictionary[FileTree, dict[str, dict[str, dict[str, Any]]]] = WeakKeyDictionary()


class Cline(Reader):
    name = "cline"
    label = "Cline"
    is_roo = False

    def detect(self, tree: FileTree) -> list[str]:
        tasks: dict[str, set[str]] = {}
        sessions = []
        for path in tree.paths:
            folder, _, file = path.rpartition("/")
            if file in {_SCREEN, _API, _ROO} and _fits(file, beginning(tree.head(path))):
                tasks.setdefault(folder, set()).add(file)
            elif not self.is_roo and _is_session(mapping(beginning(tree.head(path), "sessionId"))):
                sessions.append(path)
        own = [folder for folder, files in tasks.items() if files != {_ROO} and self.is_roo == _is_roo(folder, files)]
        return own + sessions

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        try:
            if tree.has(path):
                yield _session(tree, path)
            else:
                yield from _task(tree, path)
        except BrokenJson as error:
            yield Skipped(str(error), where=path)


class Roo(Cline):
    name = "roo"
    label = "Roo Code"
    is_roo = True


def _is_roo(folder: str, files: set[str]) -> bool:
    return _ROO in files or "roo-cline" in folder


def _fits(file: str, value: Any) -> bool:
    if file == _ROO:
        return "id" in mapping(value)
    first = mapping(value[0]) if isinstance(value, list) and value else {}
    if file == _API:
        return "role" in first
    return value == [] or ("ts" in first and ("say" in first or "ask" in first))


def _is_session(data: dict[str, Any]) -> bool:
    return isinstance(data.get("messages"), list) and isinstance(data.get("sessionId"), str) and "version" in data


def _task(tree: FileTree, folder: str) -> Iterator[Conversation | Skipped]:
    """Yield the conversation of a task: as the screen shows it, else as the model saw it."""
    number = folder.rpartition("/")[2]
    about = _about(tree, folder, number)
    conversation = Conversation(
        id=identifier(about.get("id")) or number,
        created_at=moment(about.get("ts")) or moment(number),
        is_pinned=flag(about.get("isFavorited")),
        project=text(about.get("workspace")) or text(about.get("cwdOnTaskInitialization")),
        parent_id=text(about.get("parentTaskId")),
        metadata=chosen(about, "mode", "tokensIn", "tokensOut", "totalCost"),
    )
    shown, error = _loaded(tree, folder, _SCREEN)
    if error:
        yield Skipped(error, conversation.id, _in(folder, _SCREEN))
    if items(shown):
        screen = Screen(_models(tree, folder))
        for each in items(shown):
            screen.add(each)
        conversation.messages = screen.finish()
    else:
        said, error = _loaded(tree, folder, _API)
        if error:
            yield Skipped(error, conversation.id, _in(folder, _API))
        conversation.messages, conversation.system_prompt = api_messages(items(said), _models(tree, folder))
    _times(conversation)
    yield conversation


def _session(tree: FileTree, path: str) -> Conversation:
    data = mapping(document(tree, path))
    folder, _, file = path.rpartition("/")
    is_named = file.endswith(_SESSION_END)
    about = mapping(_loaded(tree, folder, file.removesuffix(_SESSION_END) + ".json")[0]) if is_named else {}
    messages, system_prompt = api_messages(items(data.get("messages")), [])
    model = text(about.get("model"))
    for message in messages:
        if message.role == "assistant":
            message.model = message.model or model or None
    conversation = Conversation(
        id=text(data.get("sessionId")),
        title=text(mapping(about.get("metadata")).get("title")),
        messages=messages,
        created_at=moment(about.get("started_at")),
        updated_at=moment(about.get("ended_at")),
        model=model or None,
        system_prompt=text(data.get("system_prompt")) or system_prompt,
        project=text(about.get("workspace_root")) or text(about.get("cwd")),
        parent_id=text(about.get("parent_session_id")),
        metadata=chosen(data, "agent") | chosen(about, "provider"),
    )
    _times(conversation)
    return conversation


def _times(conversation: Conversation) -> None:
    times = [message.created_at for message in conversation.messages if message.created_at]
    conversation.created_at = conversation.created_at or min(times, default=None)
    conversation.updated_at = conversation.updated_at or max(times, default=None)
    models = [message.model for message in conversation.messages if message.model]
    conversation.model = conversation.model or (models[-1] if models else None)


def _about(tree: FileTree, folder: str, number: str) -> dict[str, Any]:
    """Return what the list of all tasks says of one."""
    own, _ = _loaded(tree, folder, _ROO)
    top = "/".join(folder.split("/")[:-2])
    known = _histories.setdefault(tree, {})
    if top not in known:
        listed, _ = _loaded(tree, _in(top, "state"), "taskHistory.json")
        known[top] = {identifier(each.get("id")): each for each in mappings(listed)}
    return mapping(own) or known[top].get(number, {})


def _models(tree: FileTree, folder: str) -> list[tuple[float, str]]:
    """Return since when which model was asked."""
    data, _ = _loaded(tree, folder, "task_metadata.json")
    used = mappings(mapping(data).get("model_usage"))
    return sorted((amount(each.get("ts")) or 0.0, name) for each in used if (name := text(each.get("model_id"))))


def _loaded(tree: FileTree, folder: str, file: str) -> tuple[Any, str]:
    """Return a JSON file, and a sentence where it is broken; None where there is none."""
    path = _in(folder, file)
    if not tree.has(path):
        return None, ""
    try:
        return document(tree, path), ""
    except (BrokenJson, OSError) as error:
        return None, str(error)


def _in(folder: str, file: str) -> str:
    return f"{folder}/{file}" if folder else file
