"""Messages of one chat of Open WebUI."""

from __future__ import annotations

from collections.abc import MutableSequence
from functools import cached_property, partial
from posixpath import basename
from typing import Any

from ...inline import linked_file
from ...message_collector import MessageCollector
from ...records import ROOT, Attachment, Message
from ...times import moment
from ...tree import FileTree
from ...values import amount, at, count, each_mapping, identifier, large_mapping, mapping, mappings, text, texts
from .content import add_content, add_output, error_of

Object = dict[str, Any]


class Uploads:
    """Files of the folder ``uploads``, each named by its id and its own name."""

    def __init__(self, tree: FileTree) -> None:
        self._tree = tree

    def attachment(self, value: Object) -> Attachment:
        """Return a file that a message names."""
        file = mapping(value.get("file"))
        names = (value.get("name"), file.get("filename"), at(file, "meta", "name"))
        name = next(filter(None, map(text, names)), "")
        media_type = text(at(file, "meta", "content_type")) or text(value.get("content_type"))
        url = text(value.get("url"))
        if url.startswith("data:"):
            return linked_file(url, name, media_type)
        file_id = identifier(value.get("id")) or identifier(file.get("id")) or basename(url.removesuffix("/content"))
        path = self._paths.get(file_id)
        name = name or basename(path or "").removeprefix(f"{file_id}_") or url or file_id or "file"
        return Attachment(name, media_type, partial(self._tree.open, path) if path else None)

    @cached_property
    def _paths(self) -> dict[str, str]:
        return {
            basename(path).partition("_")[0]: path
            for path in self._tree.paths
            if path.startswith("uploads/") or "/uploads/" in path
        }


def messages(history: object, flat: object, uploads: Uploads) -> MutableSequence[Message]:
    """Return the messages of a tree, in the order of the chat, or of a list where there is none."""
    tree = large_mapping(history)
    collector = MessageCollector.of(tree or flat)
    for key, value in tree.items() if tree else (("", each) for each in each_mapping(flat)):
        if not isinstance(value, dict):
            continue
        message = _message(identifier(value.get("id")) or key, value, uploads)
        if message.id in collector:
            message.id = key if key and key not in collector else f"{message.id}-{len(collector)}"
        collector.add(message)
    return collector.reparented()


def _message(key: str, value: Object, uploads: Uploads) -> Message:
    role = text(value.get("role"))
    message = Message(
        key,
        "user" if role == "user" else "system" if role == "system" else "assistant",
        parent=(identifier(value.get("parentId")) or ROOT) if "parentId" in value else None,
        created_at=moment(value.get("timestamp")),
    )
    message.parts += [uploads.attachment(file) for file in mappings(value.get("files"))]
    output = value.get("output")
    if isinstance(output, list) and output:
        add_output(message, output)
    else:
        content = value.get("content")
        blocks = [content] if isinstance(content, str) else [text(each.get("text")) for each in mappings(content)]
        for block in blocks:
            add_content(message, block)
    if message.role == "assistant":
        _add_reply(message, value)
    return message


def _add_reply(message: Message, value: Object) -> None:
    message.model = text(value.get("model")) or None
    message.error = error_of(value)
    usage = mapping(value.get("usage")) or mapping(at(value, "info", "usage")) or mapping(value.get("info"))
    for name in ("prompt_tokens", "input_tokens", "prompt_eval_count"):
        message.input_tokens = message.input_tokens or count(usage.get(name))
    for name in ("completion_tokens", "output_tokens", "eval_count"):
        message.output_tokens = message.output_tokens or count(usage.get(name))
    message.total_tokens = count(usage.get("total_tokens"))
    message.cost = amount(usage.get("cost"))
    message.elapsed_ms = count(usage.get("total_duration")) // 1_000_000  # Ollama counts nanoseconds
    for source in mappings(value.get("sources")) + mappings(value.get("citations")):
        _add_source(message, source)


def _add_source(message: Message, source: Object) -> None:
    name = text(at(source, "source", "name"))
    own = [text(at(source, "source", "url")), *texts(at(source, "source", "urls")), name]
    cited = [
        (entry.get("name") or entry.get("title"), entry.get("source")) for entry in mappings(source.get("metadata"))
    ]
    pages = [(name, url) for url in own] + [(text(title), text(url)) for title, url in cited]
    known = {url for _, url in message.sources}
    for title, url in pages:
        if url.startswith(("https://", "http://")) and url not in known:
            known.add(url)
            message.sources.append((title or name or url, url))
