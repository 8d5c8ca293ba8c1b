"""Gathering: what a day's growth of the history of each source costs, from the look at its files to the disk.

A history has 200 sessions of 100 messages. In a day three of them are continued by 20 messages, and two are new.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sterna.importers.gather.places import Places
from sterna.importers.gather.rounds import gather_round
from sterna.storage import GatherChoice, SourceChoice, Store

from .report import heading, line, median

SESSIONS, MESSAGES, DAYS = 200, 100, 5
CONTINUED, NEW, MORE = 3, 2, 20
GOAL = 0.05
WORDS = "Terns fly from the Arctic to the Antarctic and back, and nobody knows how they find their way. " * 6
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)

Write = Callable[[Path, int, int, int], None]
"""Append messages of a session, from one number to another, to the history below a folder."""


def at(session: int, number: int) -> str:
    """Return the time of a message as most programs write it."""
    return (BEGIN + timedelta(hours=session, seconds=number)).isoformat()


def appended(path: Path, lines: Iterator[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.writelines(json.dumps(one) + "\n" for one in lines)


def claude_code(home: Path, session: int, start: int, end: int) -> None:
    """Every fourth reply calls a tool."""

    def lines() -> Iterator[dict[str, Any]]:
        for n in range(start, end):
            role = "assistant" if n % 2 else "user"
            content: list[dict[str, Any]] = [{"type": "text", "text": f"{n} {WORDS}"}]
            where = {"sessionId": f"s{session}", "cwd": "/home/ana/app", "timestamp": at(session, n)}
            parent = f"{session}-{n - 1}" if n else None
            if n % 4 == 3:
                content.append({"type": "tool_use", "id": f"t{n}", "name": "Bash", "input": {"command": "ls"}})
            message = {
                "id": f"m{n}",
                "role": role,
                "model": "claude",
                "content": content,
                "usage": {"output_tokens": 9},
            }
            yield {"type": role, "uuid": f"{session}-{n}", "parentUuid": parent, "message": message, **where}
            if n % 4 == 3:
                result = {
                    "role": "user",
                    "content": [{"type": "tool_result", "tool_use_id": f"t{n}", "content": WORDS}],
                }
                yield {
                    "type": "user",
                    "uuid": f"{session}-{n}r",
                    "parentUuid": f"{session}-{n}",
                    "message": result,
                    **where,
                }

    appended(home / ".claude" / "projects" / f"p{session % 20}" / f"s{session}.jsonl", lines())


def codex(home: Path, session: int, start: int, end: int) -> None:
    def lines() -> Iterator[dict[str, Any]]:
        if not start:
            yield {"type": "session_meta", "timestamp": at(session, 0), "payload": {"id": f"s{session}", "cwd": "/p"}}
        for n in range(start, end):
            content = [{"type": "text", "text": f"{n} {WORDS}"}]
            item = {"type": "message", "role": "assistant" if n % 2 else "user", "content": content}
            yield {"type": "response_item", "timestamp": at(session, n), "payload": item}

    appended(home / ".codex" / "sessions" / f"{session % 20}" / f"rollout-s{session}.jsonl", lines())


def gemini_cli(home: Path, session: int, start: int, end: int) -> None:
    def lines() -> Iterator[dict[str, Any]]:
        if not start:
            yield {"sessionId": f"s{session}", "projectHash": "x", "startTime": at(session, 0)}
        for n in range(start, end):
            kind = "gemini" if n % 2 else "user"
            yield {"id": f"{n}", "type": kind, "timestamp": at(session, n), "content": f"{n} {WORDS}"}

    appended(home / ".gemini" / "tmp" / "p" / "chats" / f"session-s{session}.jsonl", lines())


def pi(home: Path, session: int, start: int, end: int) -> None:
    def lines() -> Iterator[dict[str, Any]]:
        if not start:
            yield {"type": "session", "version": 3, "id": f"s{session}", "timestamp": at(session, 0), "cwd": "/p"}
        for n in range(start, end):
            content = [{"type": "text", "text": f"{n} {WORDS}"}]
            message = {"role": "assistant" if n % 2 else "user", "content": content, "timestamp": 1769947200000 + n}
            parent = f"{n - 1}" if n else None
            yield {"type": "message", "id": f"{n}", "parentId": parent, "timestamp": at(session, n), "message": message}

    appended(home / ".pi" / "agent" / "sessions" / "p" / f"s{session}.jsonl", lines())


def opencode(home: Path, session: int, start: int, end: int) -> None:
    path = home / ".local" / "share" / "opencode" / "opencode.db"
    is_new = not path.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as database:
        if is_new:
            database.executescript(
                """create table session(id text primary key, project_id text, parent_id text, directory text,
                    title text, version text, revert text, time_created integer, time_updated integer);
                create table message(id text primary key, session_id text, time_created integer,
                    time_updated integer, data text);
                create table part(id text primary key, message_id text, session_id text, time_created integer,
                    time_updated integer, data text);
                create index message_session on message (session_id); create index part_session on part (session_id);"""
            )
        first = 1769947200000 + session * 3_600_000 + start * 10_000_000
        key = f"ses_{session}"
        database.execute(
            """insert into session values (?, 'p', null, '/p', 'About terns', '1', null, ?, ?)
            on conflict (id) do update set time_updated = excluded.time_updated""",
            [key, first, first + end],
        )
        for n in range(start, end):
            message, name = {"role": "assistant" if n % 2 else "user"}, f"{session:06}-{n:06}"
            part = {"type": "text", "text": f"{n} {WORDS}"}
            times = [first + n, first + n]
            database.execute("insert into message values (?, ?, ?, ?, ?)", [name, key, *times, json.dumps(message)])
            database.execute("insert into part values (?, ?, ?, ?, ?, ?)", [name, name, key, *times, json.dumps(part)])
        database.commit()


SOURCES: dict[str, Write] = {
    "claude-code": claude_code,
    "codex": codex,
    "gemini-cli": gemini_cli,
    "opencode": opencode,
    "pi": pi,
}


def measure(name: str, write: Write) -> tuple[float, float, float]:
    """Return seconds of the first round, and medians of a day's and of an idle round."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder, "home")
        for session in range(SESSIONS):
            write(home, session, 0, MESSAGES)
        store = Store.open(Path(folder, "history.db"))
        places, choice = Places(home, {}, "linux"), GatherChoice({name: SourceChoice()})

        def round_seconds() -> float:
            began = time.perf_counter()
            gather_round(store, places, choice)
            return time.perf_counter() - began

        whole, days, idle = round_seconds(), [], []
        lengths = dict.fromkeys(range(SESSIONS), MESSAGES)
        for day in range(DAYS):
            for session in (*range(day, day + CONTINUED), *range(len(lengths), len(lengths) + NEW)):
                start = lengths.get(session, 0)
                write(home, session, start, start + MORE)
                lengths[session] = start + MORE
            days.append(round_seconds())
            idle.append(round_seconds())
        store.close()
    return whole, median(days), median(idle)


def main() -> None:
    heading(f"gather: {SESSIONS} sessions of {MESSAGES} messages; in a day {CONTINUED} continued and {NEW} new")
    for name, write in SOURCES.items():
        whole, day, idle = measure(name, write)
        facts = f"{day * 1000:.0f} ms ({whole:.2f} s for all, {idle * 1000:.1f} ms for nothing new)"
        line(name, facts, target=f"<= {GOAL * 1000:.0f} ms", ok=day <= GOAL)


if __name__ == "__main__":
    main()
