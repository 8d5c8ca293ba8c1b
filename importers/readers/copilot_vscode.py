"""GitHub Copilot in VS Code: ``…/workspaceStorage/<hash>/chatSessions``, documents and logs of changes to one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from ..documents import beginning, document
from ..json_stream import BrokenJson
from ..lines import first_records, loaded, records
from ..reader import Reader
from ..records import Conversation, Skipped
from ..tree import FileTree
from ..values import at, items, mapping, text
from .copilot_vscode_requests import conversation

_SET, _PUSH, _DELETE = 1, 2, 3


class CopilotVsCode(Reader):
    """Reader of chat sessions."""

    name: ClassVar[str] = "copilot"
    label: ClassVar[str] = "GitHub Copilot"

    def detect(self, tree: FileTree) -> list[str]:
        return [path for path in tree.paths if _is_log(tree, path) or _is_document(tree, path)]

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        session: Any = None
        if _is_log(tree, path):
            for number, record in records(tree, path):
                if isinstance(record, Skipped):
                    yield record
                elif record.get("kind") == 0:
                    session = record.get("v")
                elif not _changed(session, record):
                    yield Skipped(f"Line {number} changes what is not there.", where=f"{path}:{number}")
        else:
            try:
                session = document(tree, path)
            except BrokenJson as error:
                yield Skipped(str(error), where=path)
        found = conversation(mapping(session), PurePosixPath(path).stem)
        found.project = _project(tree, path)
        if found.messages:
            yield found


def _is_log(tree: FileTree, path: str) -> bool:
    first = first_records(tree, path, 1)
    return bool(first) and first[0].get("kind") == 0 and isinstance(at(first[0], "v", "requests"), list)


def _is_document(tree: FileTree, path: str) -> bool:
    head = tree.head(path)
    if not head.lstrip().startswith(b"{") or b'"requests"' not in head:
        return False
    start = mapping(beginning(head))
    return isinstance(start.get("requests"), list) and bool({"sessionId", "responderUsername"} & start.keys())


def _changed(session: Any, record: dict[str, Any]) -> bool:
    """Apply one line of the log; False where its place does not exist."""
    keys, value = items(record.get("k")), record.get("v")
    for key in keys[:-1]:
        session = _member(session, key)
    if not keys or not isinstance(session, dict | list):
        return False
    last = keys[-1]
    if record.get("kind") == _PUSH:
        target = _member(session, last)
        if target is None and isinstance(session, dict) and isinstance(last, str):
            target = session[last] = []
        if not isinstance(target, list):
            return False
        if isinstance(start := record.get("i"), int) and start >= 0:
            del target[start:]
        target.extend(items(value))
        return True
    if isinstance(session, dict) and isinstance(last, str):
        if record.get("kind") == _DELETE:
            session.pop(last, None)
        elif record.get("kind") == _SET:
            session[last] = value
        return True
    return isinstance(session, list) and _changed_list(session, last, record)


def _changed_list(target: list[Any], index: Any, record: dict[str, Any]) -> bool:
    if not isinstance(index, int) or not 0 <= index <= len(target):
        return False
    if record.get("kind") == _DELETE:
        del target[index : index + 1]
    else:
        target[index : index + 1] = [record.get("v")]
    return True


def _member(value: Any, key: Any) -> Any:
    if isinstance(value, dict) and isinstance(key, str):
        return value.get(key)
    if isinstance(value, list) and isinstance(key, int) and 0 <= key < len(value):
        return value[key]
    return None


def _project(tree: FileTree, path: str) -> str:
    """Return the folder of the window, which stands in a file beside the sessions."""
    folder = PurePosixPath(path).parent.parent
    beside = str(folder / "workspace.json") if str(folder) != "." else "workspace.json"
    if beside not in tree.paths:
        return ""
    workspace = mapping(loaded(tree.head(beside)))
    address = text(workspace.get("folder")) or text(workspace.get("workspace"))
    try:
        return unquote(urlsplit(address).path) or address
    except ValueError:
        return address
