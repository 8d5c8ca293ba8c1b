"""Files of a ChatGPT export, found by the ids that messages name."""

from __future__ import annotations

import re
from functools import cached_property, partial
from posixpath import basename, splitext
from typing import Any

from ...documents import document
from ...inline import text_file
from ...records import Attachment
from ...tree import FileTree
from ...values import mapping, mappings, text

_ID = re.compile(r"file[-_][A-Za-z0-9]+")

_MAGIC = (
    (b"\x89PNG\r\n", ".png"),
    (b"\xff\xd8\xff", ".jpg"),
    (b"GIF8", ".gif"),
    (b"%PDF", ".pdf"),
    (b"PK\x03\x04", ".zip"),
    (b"OggS", ".ogg"),
    (b"ID3", ".mp3"),
)
_RIFF = {b"WEBP": ".webp", b"WAVE": ".wav"}


def id_in(reference: str) -> str:
    """Return the id of a file in a pointer such as ``sediment://file_0a#page.png``."""
    reference = reference.rpartition("://")[2]
    found = _ID.search(reference)
    return found[0] if found else reference


class ExportFiles:
    """Index of the files beside the conversations, made when the first message names one."""

    def __init__(self, tree: FileTree) -> None:
        self._tree = tree
        self.used: set[str] = set()
        """Ids that were asked for."""

    def attachment(self, reference: str, name: str = "", media_type: str = "") -> Attachment:
        """Return the file that a pointer or an id means; without content where the export lacks it."""
        file_id = id_in(reference)
        self.used.add(file_id)
        path = self._paths.get(file_id)
        name = name or self._name(file_id, path)
        if path is None:
            return Attachment(name, media_type)
        if splitext(name)[1] in {"", ".dat"}:
            name = splitext(name)[0] + self._extension(path)
        return Attachment(name, media_type, partial(self._tree.open, path))

    def canvas(self, document_id: str) -> Attachment | None:
        """Return the last state of a canvas document, where the export has it in ``textdocs``."""
        path = self._documents.get(document_id)
        document = mapping(self._json(path)) if path else {}
        content = text(document.get("content"))
        return written(text(document.get("title")), text(document.get("type")), content) if content else None

    @property
    def has_canvases(self) -> bool:
        return bool(self._documents)

    def generated(self, conversation_id: str) -> list[dict[str, Any]]:
        """Return the library's entries of what the model made in a conversation."""
        return self._generated.get(conversation_id, [])

    def _name(self, file_id: str, path: str | None) -> str:
        stored = basename(path or "")
        shown = self._names.get(file_id) or text(self._library.get(file_id, {}).get("file_name"))
        own = stored.removeprefix(file_id).lstrip("-_")
        return basename(shown) or ("" if own.startswith(".") else own) or stored or file_id

    def _extension(self, path: str) -> str:
        try:
            with self._tree.open(path) as file:
                head = file.read(16)
        except OSError:
            return ""
        if head.startswith(b"RIFF"):
            return _RIFF.get(head[8:12], ".dat")
        return next((extension for magic, extension in _MAGIC if head.startswith(magic)), ".dat")

    @cached_property
    def _paths(self) -> dict[str, str]:
        found: dict[str, str] = {}
        by_name: dict[str, str] = {}
        for path in self._tree.paths:
            name = basename(path)
            by_name[name] = path
            if match := _ID.match(name):
                found.setdefault(match[0], path)
        for file_id, shown in self._names.items():
            if file_id not in found and basename(shown) in by_name:
                found[file_id] = by_name[basename(shown)]
        return found

    @cached_property
    def _documents(self) -> dict[str, str]:
        return {
            splitext(basename(path))[0]: path
            for path in self._tree.paths
            if path.endswith(".json") and "textdocs/" in path
        }

    @cached_property
    def _names(self) -> dict[str, str]:
        """Original names by file id."""
        return {
            match[0]: name
            for path in self._tree.paths
            if basename(path).startswith("conversation_asset_file_names")
            for stored, name in mapping(self._json(path)).items()
            if isinstance(name, str) and (match := _ID.match(stored))
        }

    @cached_property
    def _library(self) -> dict[str, dict[str, Any]]:
        return {
            file_id: entry
            for path in self._tree.paths
            if basename(path) == "library_files.json"
            for entry in mappings(self._json(path))
            if (file_id := text(entry.get("file_id")))
        }

    @cached_property
    def _generated(self) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        for file_id, entry in self._library.items():
            is_made = entry.get("image_gen_generation_id") or entry.get("library_artifact_type") == "report"
            if is_made and file_id in self._paths:
                found.setdefault(text(entry.get("origination_thread_id")), []).append(entry)
        return found

    def _json(self, path: str) -> Any:
        try:
            return document(self._tree, path)
        except (OSError, ValueError):
            return None


_SUFFIXES = {
    "python": ".py",
    "javascript": ".js",
    "typescript": ".ts",
    "html": ".html",
    "java": ".java",
    "cpp": ".cpp",
    "bash": ".sh",
    "react": ".jsx",
}


def written(title: str, kind: str, content: str) -> Attachment:
    """Return a canvas document as a file; ``kind`` is ``document``, a media type, or ``code/python``."""
    is_code, _, language = kind.partition("/")
    suffix = _SUFFIXES.get(language, ".txt") if is_code == "code" else ".md"
    return text_file(f"{title or 'Canvas'}{suffix}", content)
