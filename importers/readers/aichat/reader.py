"""Sessions and logs of aichat."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...reader import Reader
from ...records import Conversation, Skipped
from ...tree import FileTree
from ...yaml_documents import BrokenYaml, yaml_document
from .log import CHAT, log_conversations
from .sessions import session

_MODEL = re.compile(rb"^model: *\S", re.MULTILINE)
_MESSAGES = re.compile(rb"^(?:compressed_)?messages:", re.MULTILINE)
_ROLE = re.compile(rb"^\s*- role: *(?:system|user|assistant|tool)\b", re.MULTILINE)


class Aichat(Reader):
    name = "aichat"
    label = "aichat"

    def detect(self, tree: FileTree) -> list[str]:
        return [path for path in tree.paths if _is_session(tree.head(path)) or _is_log(tree.head(path))]

    def read(self, tree: FileTree, path: str) -> Iterator[Conversation | Skipped]:
        if _is_log(tree.head(path)):
            yield from log_conversations(tree, path)
            return
        try:
            yield session(path, yaml_document(tree, path))
        except BrokenYaml as error:
            yield Skipped(str(error), where=path)


def _is_session(head: bytes) -> bool:
    return bool(_MODEL.search(head) and _MESSAGES.search(head) and _ROLE.search(head))


def _is_log(head: bytes) -> bool:
    first = head.lstrip().split(b"\n", 1)[0].decode("utf-8", "replace")
    return CHAT.match(first.rstrip("\r")) is not None
