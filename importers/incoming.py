"""Conversations of a reader as the rows that an import takes."""

from __future__ import annotations

import time
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from sterna.storage.conversations.conversations import DEFAULT_TITLE, TITLE_LENGTH, title_of_question
from sterna.storage.conversations.shown_branch import BRANCH_END
from sterna.storage.conversations.tags import ARCHIVED, PINNED, TAG, tag_of
from sterna.storage.imports.records import (
    CONVERSATION_ID,
    DETAILS,
    IMPORTED,
    MESSAGE_ID,
    PROJECT,
    RESUME,
    SOURCE,
    SOURCE_ID,
    STARTED_BY,
    IncomingConversation,
    IncomingFile,
    text_mark,
)
from sterna.storage.json_text import to_json
from sterna.storage.text import clip, one_line, storable, title_text

from . import own_rows
from .arrangement import LATEST, NONE, TOLERANCE, Arrangement, arranged, micros
from .parts import bounded, hidden_context, joined
from .records import Conversation, Message
from .spilled import SpilledList, SpilledMap

OWN = "sterna"
"""Name of the reader of Sterna's own exports, whose ids and metadata are kept."""
DOCUMENT = "document"
"""Key of the metadata of a conversation of Sterna whose messages have lost their ids."""
MODEL_LENGTH = 100
LARGEST = 2**31 - 1
MOST_TAGS = 50
SETTING = 2_000
"""Characters of a setting that is no prompt."""


class Refused(ValueError):
    """Why a conversation is not taken, as a sentence."""


def incoming(
    conversation: Conversation,
    source: str,
    *,
    now: datetime,
    file_time: float | None = None,
    occurrence: int = 0,
    tags: tuple[str, ...] = (),
) -> IncomingConversation:
    """Return the rows of a conversation. Raises Refused for one without visible messages.

    ``file_time`` is when its file was changed last, in seconds since 1970. ``occurrence`` tells conversations without
    an id apart that begin alike.
    """
    latest = min(micros(now, LATEST) + TOLERANCE, LATEST)
    created = micros(conversation.created_at, latest)
    updated = micros(conversation.updated_at, latest)
    file_at = int(file_time * 1e6) if file_time is not None and 0 < file_time * 1e6 < latest else 0
    start = created
    if not start and not any(micros(message.created_at, latest) for message in conversation.messages):
        start = updated or file_at or micros(now, LATEST)
    tree = arranged(conversation.messages, start=start, latest=latest)
    if not tree.messages:
        raise Refused("It has no messages." if not conversation.messages else "It has only hidden context.")
    is_own = source == OWN
    native = storable(conversation.id) or fingerprint(conversation, occurrence)
    identity = native if is_own and len(native) <= 255 else conversation_id(source, native)
    is_document = DOCUMENT in conversation.metadata
    ids = _ids(tree, identity, has_ids=is_own and not is_document)
    leaf = _leaf(conversation, tree, ids, identity)
    end = _branch_end(conversation, tree, ids)
    outer = _outer_parents(tree, identity) if conversation.is_partial else {}
    tree.keys.clear()  # of a large conversation they take as much memory as all the rest
    tree.places = {}
    rows, parents, files, marks = _rows(
        tree, ids, identity, is_own, is_large=isinstance(conversation.messages, SpilledList)
    )
    newest = tree.times[-1]
    for number, parent in outer.items():
        parents[number] = parent
    stated = (
        storable(conversation.title)[:TITLE_LENGTH] if is_own else clip(title_text(conversation.title), TITLE_LENGTH)
    )
    title = stated or _first_question(rows)
    labels = _labels(conversation)
    tagged = {TAG + name: True for tag in tags if (name := tag_of(tag))}
    settings = _settings(conversation, source, native, is_own) | tagged
    if end and not is_own:
        settings[BRANCH_END] = [leaf, end]
    result = IncomingConversation(
        id=identity,
        source=source,
        source_id=native,
        title=title,
        created_at=stamped(min(created or tree.times[0], tree.times[0])),
        updated_at=stamped(updated or newest),
        digest=_digest("\0".join((title, leaf or "", str(sorted(labels.items())))), ids, marks),
        version=(updated or max(tree.stated), file_at),
        messages=rows,
        parents=parents,
        is_line=tree.is_line,
        files=files,
        leaf=leaf if is_own or conversation.is_partial or not tree.is_line or end else None,
        settings=settings,
        labels=labels,
        is_own=is_own,
        is_partial=conversation.is_partial,
        has_ids=not is_document,
    )
    if is_own:
        own_rows.take_times(result, conversation)
    if not is_own:
        settings[IMPORTED] = (
            result.base | ({} if stated else {"untitled": True}) | ({"tagged": sorted(tagged)} if tagged else {})
        )
    return result


def _digest(about: str, ids: Sequence[str], marks: bytearray) -> str:
    """Return a hash of a conversation: of what it is ``about``, and of the ids and marks of its messages."""
    digest = blake2b(about.encode("utf-8", "replace"), digest_size=10)
    size = len(marks) // len(ids)
    for number, id_ in enumerate(ids):
        mark = marks[number * size : (number + 1) * size].hex()
        digest.update(f"\0{id_}{mark}".encode("utf-8", "replace"))
    return digest.hexdigest()


def fingerprint(conversation: Conversation, occurrence: int = 0) -> str:
    """Return an id for a conversation without one, made from how it begins."""
    texts = [f"{m.role}\0{joined(m).content[:10_000]}" for m in conversation.messages[:2]]
    began = conversation.created_at.isoformat() if conversation.created_at is not None else ""
    return f"begins:{_hash(chr(1).join((began, *texts)), 10)}" + (f"~{occurrence + 1}" if occurrence else "")


def conversation_id(source: str, native: str) -> str:
    """Return the id of a conversation, the same in every import and on every device."""
    return CONVERSATION_ID + _hash(f"{source}\0{native}", 8)


def message_id(conversation: str, key: str) -> str:
    """Return the id of a message, the same in every import and on every device."""
    return f"{MESSAGE_ID}{conversation[-12:]}{_hash(f'{conversation}|{key}', 8)}"


def stamped(at: int) -> str:
    """Return a time in microseconds since 1970 as the schema stores it."""
    seconds, rest = divmod(at, 1_000_000)
    day, second = divmod(seconds, 86_400)
    return f"{_day(day)}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}.{rest:06d}Z"


@lru_cache(maxsize=4_096)
def _day(day: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(day * 86_400))


def _ids(tree: Arrangement, identity: str, *, has_ids: bool) -> list[str]:
    return [
        storable(key) if has_ids and key[0] != "#" and len(key) <= 255 else message_id(identity, key)
        for key in tree.keys
    ]


def _rows(
    tree: Arrangement, ids: Sequence[str], identity: str, is_own: bool, *, is_large: bool
) -> tuple[MutableSequence[dict[str, Any]], list[str], MutableMapping[int, list[IncomingFile]], bytearray]:
    rows: MutableSequence[dict[str, Any]] = SpilledList() if is_large else []
    parents: list[str] = []
    files: MutableMapping[int, list[IncomingFile]] = SpilledMap() if is_large else {}
    marks = bytearray()
    asked = bytearray()
    for number, message in enumerate(tree.messages):
        place = tree.parents[number]
        parts = joined(message)
        metadata = parts.metadata
        if message.metadata or message.sources or message.cost is not None or message.error or message.stopped:
            _add_facts(message, metadata, is_own)
        if number in tree.hidden:
            metadata["hidden"] = hidden_context(tree.hidden[number])
        if parts.files:
            files[number] = parts.files
        parent = ids[place] if place != NONE else ""
        reasoning = storable(message.reasoning) or None
        row = _row(message, parts.content, reasoning)
        row["id"], row["session_id"], row["message_timestamp"] = ids[number], identity, stamped(tree.times[number])
        row["parent_id"] = None if tree.is_line else parent
        if place != NONE and message.role == "assistant" and asked[place]:
            row["user_message_id"] = parent
        asked.append(message.role == "user")
        stored = to_json(metadata) if metadata else ""
        if is_own:
            row["metadata"] = stored or "{}"
            own_rows.take_columns(row, message)
            mark = _hash(f"{parts.content}\0{reasoning}\0{stored}", 8)
        else:
            mark = text_mark(parts.content, reasoning) + _whole_mark(
                tree.stated[number], row, parent, stored, parts.files
            )
            row["metadata"] = f'{{"{IMPORTED}":"{mark}"' + (f",{stored[1:]}" if stored else "}")
        marks += bytes.fromhex(mark)
        rows.append(row)
        parents.append(parent)
    return rows, parents, files, marks


def _outer_parents(tree: Arrangement, identity: str) -> dict[int, str]:
    """Return the parents of messages that follow those which an earlier import brought."""
    return {
        number: message_id(identity, name)
        for number, message in enumerate(tree.messages)
        if (name := message.parent) and name not in tree.places
    }


def _row(message: Message, content: str, reasoning: str | None) -> dict[str, Any]:
    model = message.model
    role = message.role
    received = role == "assistant"
    sources = len(message.sources) if received else 0
    elapsed = spent = written = total = 0
    if message.input_tokens or message.output_tokens or message.total_tokens or message.elapsed_ms:
        elapsed, spent, written = map(_count, (message.elapsed_ms, message.input_tokens, message.output_tokens))
        total = _count(message.total_tokens) or min(spent + written, LARGEST)
    return {
        "id": "",
        "session_id": "",
        "role": role if received or role == "user" else "system",
        "content": content,
        "model": storable(model)[:MODEL_LENGTH] if model else None,
        "total_tokens": total,
        "input_tokens": spent,
        "output_tokens": written,
        "user_message_id": None,
        "parent_id": None,
        "content_type": "text" if role == "user" else "markdown",
        "elapsed_time": (elapsed + 500) // 1000,
        "elapsed_ms": elapsed,
        "message_timestamp": "",
        "error_message": storable(message.error)[:10_000] or None if message.error and not message.stopped else None,
        "metadata": "{}",
        "reasoning": reasoning,
        "has_attachments": 0,
        "attachment_count": 0,
        "has_websearch": int(sources > 0),
        "websearch_result_count": min(sources, 50),
    }


def _add_facts(message: Message, metadata: dict[str, Any], is_own: bool) -> None:
    if message.metadata:
        if is_own:
            metadata.update(message.metadata.get("metadata", {}))
        else:
            metadata["details"] = bounded(message.metadata, 20_000)
    if message.sources:
        metadata["citations"] = [
            {"title": one_line(title, 300), "url": storable(url)[:2_000]} for title, url in message.sources[:200]
        ]
    if message.cost is not None and 0 <= message.cost < 1e9:
        metadata["cost"] = message.cost
    if message.stopped:
        metadata["finish"] = "stopped"
    elif message.error and not is_own:
        metadata["finish"] = "failed"


def _whole_mark(at: int, row: Mapping[str, Any], parent: str, stored: str, files: list[IncomingFile]) -> str:
    """Return the mark of all that the source says of a message."""
    names = "\0".join(file.name for file in files)
    whole = (
        f"{row['role']}\0{row['model']}\0{row['total_tokens']}\0{row['input_tokens']}\0{row['output_tokens']}\0"
        f"{row['elapsed_ms']}\0{row['error_message']}\0{parent}\0{at}\0{stored}\0{names}"
    )
    return blake2b(whole.encode("utf-8", "replace"), digest_size=6).hexdigest()


def _labels(conversation: Conversation) -> dict[str, bool]:
    names = sorted({name for tag in conversation.tags if (name := tag_of("-".join(tag.split())))})
    states = {PINNED: conversation.is_pinned, ARCHIVED: conversation.is_archived}
    return {key: True for key, value in states.items() if value} | {TAG + name: True for name in names[:MOST_TAGS]}


def _settings(conversation: Conversation, source: str, native: str, is_own: bool) -> dict[str, Any]:
    if is_own:
        own = conversation.metadata.get("settings")
        return {storable(key)[:100]: value for key, value in own.items()} if isinstance(own, dict) else {}
    texts = {
        SOURCE: source,
        SOURCE_ID: native,
        PROJECT: storable(conversation.project)[:SETTING],
        RESUME: storable(conversation.resume)[:SETTING],
        "system_prompt": storable(conversation.system_prompt)[:200_000],
    }
    if conversation.parent_id:
        texts[STARTED_BY] = conversation_id(source, storable(conversation.parent_id))
    settings: dict[str, Any] = {key: value for key, value in texts.items() if value}
    details = {"model": conversation.model} if conversation.model else {}
    if conversation.metadata or details:
        settings[DETAILS] = bounded(conversation.metadata | details, 20_000)
    return settings


def _leaf(conversation: Conversation, tree: Arrangement, ids: Sequence[str], identity: str) -> str | None:
    if conversation.shown is None:
        return None
    place = tree.places.get(conversation.shown)
    if place is None and conversation.is_partial and conversation.shown:  # an earlier import brought it
        return message_id(identity, conversation.shown)
    return ids[place] if place is not None and place != NONE else None


def _branch_end(conversation: Conversation, tree: Arrangement, ids: Sequence[str]) -> str:
    """Return the newest message beneath the one that the source shows last; empty where nothing follows it."""
    place = tree.places.get(conversation.shown, NONE) if conversation.shown is not None else NONE
    if place == NONE:
        return ""
    beneath = bytearray(len(ids))
    beneath[place], newest = 1, place
    for number in range(place + 1, len(ids)):  # a parent stands before what follows it
        parent = tree.parents[number]
        if parent != NONE and beneath[parent]:
            beneath[number], newest = 1, number
    return ids[newest] if newest != place else ""


def _first_question(rows: Sequence[dict[str, Any]]) -> str:
    for role in ("user", "assistant", "system"):
        for row in rows:
            if row["role"] == role and (title := title_text(title_of_question(row["content"]))):
                return clip(title, TITLE_LENGTH)
    return DEFAULT_TITLE


def _count(value: object) -> int:
    return min(value, LARGEST) if isinstance(value, int) and value > 0 else 0


def _hash(text: str, size: int) -> str:
    return blake2b(text.encode("utf-8", "replace"), digest_size=size).hexdigest()
