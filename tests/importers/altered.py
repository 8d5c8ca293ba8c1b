"""Samples in which anything became anything, and a check that what is read of them has the types of the records."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import yaml

from sterna.importers import Attachment, Conversation, Message, Skipped, Text, ToolCall, Unsupported

JUNK: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**70, 1.5, float("inf"), float("nan"), -1e300),
    *(
        "",
        " ",
        "1",
        "null",
        "true",
        "user",
        "tool",
        "\ud83d",
        "a\0b",
        "{",
        "[]",
        '{"type": "text"}',
        "2026-13-45",
        "9" * 400,
    ),
    *(
        "9" * 400,
        "2026-02-30",
        [],
        [None],
        [[]],
        ["text"],
        [1, "a", {}],
        {},
        {"type": "text", "text": None},
        {"": {}},
        {"text": ["a"]},
    ),
)
CELLS: tuple[Any, ...] = (
    None,
    0,
    -1,
    1,
    2**62,
    1.5,
    float("inf"),
    "",
    "text",
    "\0",
    "[]",
    "{",
    b"",
    b"\xff\x00",
    '{"a": 1}',
)


def altered(value: Any, random: Random, rate: float = 0.1) -> Any:
    """Return a JSON value with junk in places."""
    if random.random() < rate:
        return random.choice(JUNK)
    if isinstance(value, dict):
        return {key: altered(member, random, rate) for key, member in value.items() if random.random() > rate / 2}
    if isinstance(value, list):
        changed = [altered(member, random, rate) for member in value]
        return changed + changed[:1] if random.random() < rate else changed
    return value


def alter_file(source: Path, target: Path, random: Random) -> None:
    """Write an altered copy of a sample."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.suffix in {".db", ".sqlite", ".vscdb"}:
        _alter_database(source, target, random)
        return
    content = source.read_text("utf-8")
    if source.suffix == ".json":
        content = json.dumps(altered(json.loads(content), random))
    elif source.suffix == ".jsonl":
        content = "\n".join(json.dumps(altered(json.loads(line), random)) for line in content.splitlines() if line)
    elif source.suffix == ".yaml":
        content = json.dumps(altered(yaml.safe_load(content), random))
    else:
        content = "\n".join(_altered_lines(content.splitlines(), random))
    target.write_text(content, "utf-8")


def _altered_lines(lines: list[str], random: Random) -> list[str]:
    kept = [line for line in lines if random.random() > 0.15]
    return [line[: random.randrange(len(line) + 1)] if random.random() < 0.1 else line for line in kept]


def _alter_database(source: Path, target: Path, random: Random) -> None:
    shutil.copyfile(source, target)
    with closing(sqlite3.connect(target)) as connection:
        connection.execute("pragma synchronous=off")
        tables = connection.execute(
            "select name from sqlite_master where type = 'table' and sql like '%(%' and sql not like '%virtual%'"
            " and name not like '%fts%' and name not like 'sqlite%'"
        ).fetchall()
        for (table,) in tables:
            cursor = connection.execute(f'select * from "{table}"')
            columns = [each[0] for each in cursor.description]
            rows = [tuple(_altered_cell(each, random) for each in row) for row in cursor]
            connection.execute(f'drop table "{table}"')
            connection.execute(f'create table "{table}" ({", ".join(f"[{each}]" for each in columns)})')
            connection.executemany(f'insert into "{table}" values ({", ".join("?" for _ in columns)})', rows)
        connection.commit()


def _altered_cell(value: Any, random: Random) -> Any:
    if random.random() < 0.1:
        return random.choice(CELLS)
    if isinstance(value, str) and value[:1] in {"{", "["}:
        return json.dumps(altered(json.loads(value), random))
    return value


def check(item: Conversation | Skipped) -> None:
    """Fail where a record has a value of another type."""
    if isinstance(item, Skipped):
        assert item.reason.endswith("."), item
        assert "cannot be read: " not in item.reason, item
        assert isinstance(item.id, str)
        assert isinstance(item.where, str)
        return
    for text in (item.id, item.title, item.system_prompt, item.project, item.parent_id, item.resume):
        assert isinstance(text, str), item
    assert item.model is None or (isinstance(item.model, str) and item.model), item
    assert item.shown is None or isinstance(item.shown, str), item
    for time in (item.created_at, item.updated_at):
        assert time is None or (isinstance(time, datetime) and time.tzinfo is UTC), item
    assert isinstance(item.is_archived, bool)
    assert isinstance(item.is_pinned, bool)
    assert all(isinstance(tag, str) for tag in item.tags)
    json.dumps(item.metadata)
    for message in item.messages:
        _check_message(message)


def _check_message(message: Message) -> None:
    assert message.role in {"user", "assistant", "system"}, message
    for text in (message.id, message.reasoning, message.error):
        assert isinstance(text, str), message
    for optional in (message.parent, message.model):
        assert optional is None or isinstance(optional, str), message
    assert message.created_at is None or message.created_at.tzinfo is UTC, message
    for number in (message.input_tokens, message.output_tokens, message.total_tokens, message.elapsed_ms):
        assert isinstance(number, int), message
        assert number >= 0, message
    assert message.cost is None or isinstance(message.cost, float), message
    assert all(isinstance(value, str) for source in message.sources for value in source), message
    json.dumps(message.metadata)
    for part in message.parts:
        match part:
            case Text(text):
                assert isinstance(text, str), message
            case ToolCall():
                assert isinstance(part.name, str), message
                assert part.name, message
                assert part.result is None or isinstance(part.result, str), message
                assert isinstance(part.is_error, bool), message
                json.dumps(part.arguments)
            case Attachment():
                assert isinstance(part.name, str), message
                assert isinstance(part.media_type, str), message
            case Unsupported():
                assert isinstance(part.kind, str), message
                json.dumps(part.raw)
