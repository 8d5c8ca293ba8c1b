"""Operations on conversations: execution on both engines, and their strategies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from account_operations import MODEL, happen_to_account
from both import Both
from hypothesis import strategies as st

SESSION = st.sampled_from(["a", "b", "c\"'é"])
MESSAGE = st.sampled_from([f"m{n}" for n in range(5)])
INT4, INT8 = 2**31 - 1, 2**63 - 1
SMALL = st.sampled_from([None, 0, 0, 1, 1, 7, 7, INT4, INT4 + 1])
ELAPSED = st.sampled_from([None, 0, 3, 499, 500, 1500, 2500, 61_000, INT4, INT4 + 1, INT8])
SECONDS = st.sampled_from([None, 0, 2, 90, 2_147_483, 2_147_484, INT4, INT4 + 1])
ERROR = st.sampled_from([None, None, None, "", "boom"])
ROLE = st.sampled_from(["user", "user", "assistant", "assistant", "system"])
CONTENT = st.sampled_from(["", "x", 'say "hi"\n\\', "é" * 250, "🦜" * 210, "e\u0301" * 150])
AT = st.sampled_from([f"2026-03-01T10:00:0{n}.{n}00000Z" for n in range(3)] + ["2026-03-01T10:00:00.000001Z"])
ATTACHED = (
    f'{{"attachments": [{{"id": "{"a1" * 32}", "name": "{"é" * 300}", "type": "image/png", "size": 7}}, 7, null, [],'
    f' {{"id": "{"A" * 64}"}}, {{"id": 7}}, {{"id": "{"b" * 64}", "name": 7, "type": null, "size": -1}}, {{}}]}}'
)
NOT_ATTACHED = f'{{"attachments": {{"id": "{"a" * 64}"}}}}'
JSON = st.sampled_from(
    ['{"a": {"b": [1, 2.5, null, true]}, "é": "\\ud83e\\udd9c"}', "[]", "null", "7", '"s"', ATTACHED, NOT_ATTACHED]
)

REQUIRED = {"id": MESSAGE, "session_id": SESSION, "role": ROLE, "content": CONTENT}
COUNTED = {
    "message_timestamp": AT,
    "model": MODEL,
    "total_tokens": SMALL,
    "input_tokens": SMALL,
    "output_tokens": SMALL,
    "elapsed_ms": ELAPSED,
    "elapsed_time": SECONDS,
    "error_message": ERROR,
}
CARRIED = {
    "user_message_id": st.sampled_from([None, "m0", "gone"]),
    "content_type": st.sampled_from([None, "text", "markdown"]),
    "completion_id": st.sampled_from([None, "", "x" * 255]),
    "is_streaming": st.sampled_from([None, True, False]),
    "metadata": st.none() | JSON,
    "raw_message": st.none() | JSON,
    "reasoning": st.sampled_from([None, "", "because"]),
    "reasoning_details": st.none() | JSON,
    "has_attachments": st.booleans(),
    "attachment_count": st.sampled_from([0, 3]),
    "has_websearch": st.booleans(),
    "websearch_result_count": st.sampled_from([0, 50]),
    "output_image_tokens": st.sampled_from([0, 9, -1, INT4, INT4 + 1]),
    "annotations": st.none() | JSON,
    "parent_id": st.sampled_from([None, "", "m0", "m3", "gone", "p" * 255]),
}
WRONG = st.sampled_from(
    [
        {"role": "robot"},
        {"role": None},
        {"content": None},
        {"message_timestamp": None},
        {"session_id": "nowhere"},
        {"session_id": None},
        {"content_type": "html"},
        {"model": "m" * 101},
        {"completion_id": "x" * 256},
        {"attachment_count": 4},
        {"attachment_count": -1},
        {"websearch_result_count": 51},
        {"output_image_tokens": None},
        {"has_attachments": None},
        {"metadata": "{"},
        {"annotations": "nothing"},
        {"parent_id": "p" * 256},
        {"total_tokens": -1},
        {"input_tokens": -1},
        {"output_tokens": -1},
        {"elapsed_ms": -1},
        {"elapsed_time": -1},
    ]
)
ROW = st.fixed_dictionaries(REQUIRED, optional=COUNTED)
WHOLE_ROW = st.fixed_dictionaries(REQUIRED, optional=COUNTED | CARRIED)
SAME = st.lists(st.sampled_from([*REQUIRED, *COUNTED, *CARRIED]), min_size=1, max_size=4, unique=True)

SPOKEN = st.one_of(
    st.tuples(st.just("put"), ROW),
    st.tuples(st.just("put"), WHOLE_ROW),
    st.tuples(st.just("put"), ROW),
    st.tuples(st.just("many"), st.lists(ROW, min_size=1, max_size=4, unique_by=lambda row: row["id"])),
    st.tuples(st.just("ignore"), ROW),
    st.tuples(st.just("plain"), ROW),
    st.tuples(
        st.just("change"), MESSAGE, st.fixed_dictionaries({}, optional=COUNTED | {"role": ROLE, "content": CONTENT})
    ),
    st.tuples(st.just("same"), MESSAGE, SAME),
    st.tuples(st.just("fail"), MESSAGE),
    st.tuples(st.just("fail all"), SESSION),
    st.tuples(st.just("repair"), MESSAGE),
    st.tuples(st.just("take"), MESSAGE, SECONDS),
    st.tuples(st.just("move"), MESSAGE, SESSION),
    st.tuples(st.just("move all"), SESSION, SESSION),
    st.tuples(st.just("delete"), MESSAGE),
    st.tuples(st.just("delete all"), SESSION),
    st.tuples(st.just("branch"), MESSAGE, ROW),
    st.tuples(st.just("switch"), MESSAGE),
    st.tuples(st.just("fork"), MESSAGE, SESSION),
    st.tuples(st.just("session"), SESSION, st.sampled_from([0, 99])),
    st.tuples(st.just("drop"), SESSION),
    st.tuples(st.just("clear")),
    st.tuples(st.just("later"), st.sampled_from([0, 31]), st.booleans()),
)
SESSION_ROW = st.fixed_dictionaries(
    {"id": SESSION},
    optional={
        "title": st.sampled_from(["New Chat", "", "é" * 255]),
        "message_count": st.sampled_from([0, 99, INT4, INT4 + 1]),
        "total_tokens": st.sampled_from([0, 5_000_000_000, INT8]),
        "created_at": AT,
        "last_model": st.sampled_from([None, "g/m"]),
        "is_active": st.booleans(),
        "last_message_preview": st.sampled_from([None, "seen"]),
        "last_message_timestamp": st.none() | AT,
    },
)
LISTED = st.one_of(
    st.tuples(st.just("session row"), SESSION_ROW, st.sampled_from(["insert", "upsert", "ignore"])),
    st.tuples(st.just("session row"), SESSION_ROW, st.just("upsert")),
    st.tuples(st.just("title"), SESSION, st.sampled_from(["T", "", "🦜" * 255, "é" * 256, None])),
    st.tuples(st.just("change session"), SESSION_ROW),
    st.tuples(
        st.just("same session"), SESSION, st.sampled_from(["title", "updated_at", "last_model", "message_count"])
    ),
    st.tuples(st.just("setting"), SESSION, st.sampled_from(["model", "pinned", "archived", "tag:x"]), JSON),
    st.tuples(st.just("unset"), SESSION, st.sampled_from(["model", "pinned"])),
    st.tuples(st.just("put"), ROW),
    st.tuples(st.just("drop"), SESSION),
    st.tuples(st.just("clear")),
)
GONE = st.one_of(
    st.tuples(st.just("drop"), SESSION),
    st.tuples(st.just("clear")),
    st.tuples(st.just("delete"), MESSAGE),
    st.tuples(st.just("delete all"), SESSION),
    st.tuples(st.just("erase")),
)
APPLIED = st.tuples(st.just("applying"), SPOKEN | LISTED)
KEYLESS = st.tuples(st.just("without keys"), GONE)
FORK = """
insert into chat_messages ({owner}id, session_id, role, content, model, message_timestamp)
select {owner}'f' || substr(id, 1, 9), :new, role, content, model, message_timestamp from chat_messages
where session_id = :old and message_timestamp <= :at and parent_id is null and substr(id, 1, 1) = 'm'
on conflict do nothing
"""
"""Copies the line of a conversation up to a moment into another one."""
REFUSED = st.one_of(
    st.tuples(st.just("wrong"), ROW, WRONG),
    st.tuples(st.just("wrong change"), MESSAGE, WRONG),
    st.tuples(st.just("wrong among many"), ROW, ROW, WRONG),
)


def _insert(table: str, row: Mapping[str, Any], then: str, mine: str | None = None) -> tuple[str, str]:
    """The statement for PostgreSQL, where the owner is named, and for the mirror."""
    names, places = ", ".join(row), ", ".join(f":{name}" for name in row)
    owned = f"insert into {table} (user_id, {names}) values (:user, {places}) {then}"
    return owned, f"insert into {table} ({names}) values ({places}) {then if mine is None else mine}"


def _over(row: Mapping[str, Any], key: tuple[str, ...] = ("id",)) -> str:
    changes = ", ".join(f"{name} = excluded.{name}" for name in row if name not in key)
    return f"do update set {changes}" if changes else "do nothing"


def put(both: Both, row: Mapping[str, Any]) -> None:
    """Insert a message, or write it over the one that has its id."""
    theirs, mine = _insert(
        "chat_messages", row, f"on conflict (user_id, id) {_over(row)}", f"on conflict (id) {_over(row)}"
    )
    both.both(theirs, mine, **row)


def many(both: Both, rows: list[dict[str, Any]]) -> None:
    """Insert or write over several messages in one statement."""
    names = list({name: None for row in rows for name in row})
    values: dict[str, Any] = {f"v_{at}_{name}": row.get(name) for at, row in enumerate(rows) for name in names}
    places = [", ".join(f":v_{at}_{name}" for name in names) for at in range(len(rows))]
    over, listed = _over(dict.fromkeys(names)), ", ".join(names)
    both.both(
        f"insert into chat_messages (user_id, {listed}) values (:user, {'), (:user, '.join(places)})"
        f" on conflict (user_id, id) {over}",
        f"insert into chat_messages ({listed}) values ({'), ('.join(places)}) on conflict (id) {over}",
        **values,
    )


def session(both: Both, session_id: str, count: int = 0) -> None:
    """Insert a conversation, or write its numbers over."""
    session_row(both, {"id": session_id, "message_count": count, "total_tokens": count}, "upsert")


def session_row(both: Both, row: Mapping[str, Any], how: str) -> None:
    """Insert a conversation; how decides what becomes of one that is there."""
    names, places = ", ".join(row), ", ".join(f":{name}" for name in row)
    then = {"insert": "", "upsert": f"on conflict {{key}} {_over(row)}", "ignore": "on conflict {key} do nothing"}[how]
    said = f"insert into chat_sessions (user_id, {names}) values (:user, {places})"
    both.both(f"{said} {then.format(key='(user_id, id)')}", f"{said} {then.format(key='(id)')}", **row)


def change(both: Both, message_id: str, changes: Mapping[str, Any]) -> None:
    """Update only these columns of one message."""
    if changes and message_id in both.messages():  # PostgreSQL looks at a value before it looks for the row
        sets = ", ".join(f"{name} = :{name}" for name in changes)
        both.both(
            f"update chat_messages set {sets} where user_id = :user and id = :which",
            f"update chat_messages set {sets} where id = :which",
            which=message_id,
            **changes,
        )


def setting(both: Both, session_id: str, key: str, value: str) -> None:
    """Set a setting of a conversation."""
    row = {"session_id": session_id, "key": key, "value": value}
    theirs, mine = _insert(
        "session_settings",
        row,
        "on conflict (user_id, session_id, key) do update set value = excluded.value",
        "on conflict (session_id, key) do update set value = excluded.value",
    )
    both.both(theirs, mine, **row)


def where(both: Both, statement: str, condition: str, /, **values: Any) -> None:
    """A statement on the person's rows that fulfil a condition."""
    both.both(f"{statement} where user_id = :user and {condition}", f"{statement} where {condition}", **values)


def happen(both: Both, operation: tuple[Any, ...]) -> None:
    """Do one of the things above."""
    match operation:
        case ("many", rows) if both.days > 1 or both.uncounted:
            # PostgreSQL counts a statement, SQLite a row: where a day may fall below zero, which comes first decides.
            # Neither engine can follow the other, see docs/data.md.
            for row in rows:
                happen(both, ("put", row))
        case ("many", rows):
            for session_id in sorted({row["session_id"] for row in rows} - both.sessions()):
                session(both, session_id)
            many(both, rows)
        case ("put" | "plain" | "ignore" as how, row):
            if row["session_id"] not in both.sessions():
                session(both, row["session_id"])
            if how == "put":
                put(both, row)
            else:
                both.both(*_insert("chat_messages", row, "" if how == "plain" else "on conflict do nothing"), **row)
        case ("session", session_id, count):
            session(both, session_id, count)
        case ("drop", session_id):
            where(both, "delete from chat_sessions", "id = :id", id=session_id)
        case ("clear",):
            both.both("delete from chat_sessions where user_id = :user")
        case ("later", seconds, night):
            both.later(seconds, int(night))
        case ("applying", inner):
            both.applying = both.uncounted = True
            happen(both, inner)
            both.applying = False
        case ("without keys", inner):
            both.foreign_keys = False
            happen(both, inner)
            both.foreign_keys = True
        case _:
            happen_to_messages(both, operation)


def happen_to_messages(both: Both, operation: tuple[Any, ...]) -> None:
    """Perform an operation on existing messages, or one with rows that are refused."""
    match operation:
        case ("change", message_id, changes):
            change(both, message_id, changes)
        case ("same", message_id, names):
            where(both, f"update chat_messages set {', '.join(f'{n} = {n}' for n in names)}", "id = :id", id=message_id)
        case ("fail", message_id):
            change(both, message_id, {"error_message": "No answer."})
        case ("fail all", session_id):
            where(both, "update chat_messages set error_message = 'No answer.'", "session_id = :s", s=session_id)
        case ("repair", message_id):
            repaired = {"error_message": None, "role": "assistant", "model": "g/m", "output_tokens": 5}
            change(both, message_id, repaired)
        case ("take", message_id, taken):
            change(both, message_id, {"elapsed_time": taken})
        case ("move", message_id, session_id):
            change(both, message_id, {"session_id": session_id})
        case ("move all", one, other):
            where(both, "update chat_messages set session_id = :o", "session_id = :s", o=other, s=one)
        case ("delete", message_id):
            where(both, "delete from chat_messages", "id = :id", id=message_id)
        case ("delete all", session_id):
            where(both, "delete from chat_messages", "session_id = :s", s=session_id)
        case ("branch", message_id, row) if (old := both.messages().get(message_id)) is not None:
            put(both, row | {"session_id": old["session_id"], "parent_id": old["parent_id"] or ""})
        case ("switch", message_id) if (shown := both.messages().get(message_id)) is not None:
            setting(both, shown["session_id"], "leaf", json.dumps(message_id))
        case ("fork", message_id, session_id) if (last := both.messages().get(message_id)) is not None:
            copied = {"at": last["message_timestamp"], "old": last["session_id"], "new": session_id}
            if session_id in both.sessions():
                both.both(FORK.format(owner="user_id, "), FORK.format(owner=""), **copied)
        case ("branch" | "switch" | "fork", *_):
            return
        case ("wrong", row, wrong):
            put(both, row | wrong)
        case ("wrong change", message_id, wrong):
            change(both, message_id, wrong)
        case ("wrong among many", row, other, wrong):
            many(both, [row, other | {"id": "another"} | wrong])
        case _:
            happen_listed(both, operation)


def happen_listed(both: Both, operation: tuple[Any, ...]) -> None:
    """Perform an operation on a conversation."""
    match operation:
        case ("session row", row, how):
            session_row(both, row, how)
        case ("title", session_id, title):
            if session_id not in both.sessions():  # as with a wrong change of a message
                return
            where(both, "update chat_sessions set title = :title", "id = :id", title=title, id=session_id)
        case ("change session", row) if row["id"] in both.sessions():  # as with a wrong change of a message
            if sets := ", ".join(f"{name} = :{name}" for name in row if name != "id"):
                where(both, f"update chat_sessions set {sets}", "id = :id", **row)
        case ("change session", _):
            return
        case ("same session", session_id, name):
            where(both, f"update chat_sessions set {name} = {name}", "id = :id", id=session_id)
        case ("setting", session_id, key, value):
            setting(both, session_id, key, value)
        case ("unset", session_id, key):
            where(both, "delete from session_settings", "session_id = :s and key = :k", s=session_id, k=key)
        case _:
            happen_to_account(both, operation)
