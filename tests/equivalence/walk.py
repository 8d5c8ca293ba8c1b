"""Second generator of histories: long random walks of plain SQL. It shares only the comparison with ``operations.py``.

``python tests/equivalence/walk.py --walks 325 --steps 45`` runs them over an embedded PostgreSQL and prints every
difference with the seed that leads to it. The suite takes some that begin with the seed of the day, and those that
found one.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sterna.storage.specification.functions import SpecifiedFunctions

if __name__ == "__main__":
    here = Path(__file__).parent
    sys.path[:0] = [str(here.parent.parent), str(here.parent), str(here), str(here.parent / "storage")]

from both import NOBODY, SERVER, Both
from tables import Postgres

INT4, INT8 = 2**31 - 1, 2**63 - 1
SESSIONS = ("s1", "s2", 's"3', "s" * 300)
MESSAGES = tuple(f"n{number}" for number in range(6))
TIMES = tuple(f"2026-0{month}-11T0{hour}:00:00.00000{hour}Z" for month in (2, 3) for hour in (0, 5))
WORDS = ("", "one two", "é" * 199 + "x", "🦜" * 201, "'; drop table chat_messages; --", "line\n\ttab", "\u200d\u202e")
NUMBERS = (None, 0, 1, 2, 499, 500, 1499, 1500, 999_999, INT4 - 1, INT4, INT4 + 1, INT8, -1, -INT4 - 1)
JSONS = ('{"b": 1, "a": [1, {"c": null}]}', "[]", "{}", "null", "true", '"text"', "12.5", "{broken")
MODELS = (None, "", "g/m", "m" * 100, "m" * 101, 'we"ird', "a.b:c")
COLUMNS: dict[str, tuple[Any, ...]] = {
    "role": ("user", "user", "assistant", "assistant", "system", "tool"),
    "content": WORDS,
    "model": MODELS,
    "total_tokens": NUMBERS,
    "input_tokens": NUMBERS,
    "output_tokens": NUMBERS,
    "elapsed_ms": NUMBERS,
    "elapsed_time": NUMBERS,
    "error_message": (None, None, "", "failed"),
    "message_timestamp": TIMES,
    "user_message_id": (None, "n0", "nobody"),
    "content_type": (None, "text", "markdown", "html"),
    "completion_id": (None, "c" * 255, "c" * 256),
    "is_streaming": (None, True, False),
    "metadata": (None, *JSONS),
    "raw_message": (None, *JSONS),
    "reasoning": (None, *WORDS),
    "annotations": (None, *JSONS),
    "has_attachments": (True, False),
    "attachment_count": (0, 3, 4, -1),
    "websearch_result_count": (0, 50, 51),
    "output_image_tokens": NUMBERS,
    "parent_id": (None, "", "n0", "n3", "nobody", "p" * 255, "p" * 256),
}
TITLES = ("", "Title", "é" * 255, "🦜" * 256, None)
SESSION_COLUMNS: dict[str, tuple[Any, ...]] = {
    "title": TITLES,
    "message_count": NUMBERS,
    "total_tokens": NUMBERS,
    "last_model": MODELS,
    "last_message_preview": (None, "", "seen"),
    "last_message_timestamp": (None, *TIMES),
    "is_active": (True, False),
    "created_at": TIMES,
    "updated_at": TIMES,
}
NAMES = (None, "", "Ada", "n" * 255, "n" * 256, "🦜" * 400)


class Walk:
    """One history, drawn step by step from a seed."""

    def __init__(self, both: Both, seed: int) -> None:
        self.both = both
        self.draw = random.Random(seed)
        self.roomy = seed % 2 == 0
        """Much was used today, so that no counter comes near zero: PostgreSQL counts a statement at a time and SQLite a
        row, and where a counter stops at zero in between, the order of the rows counts. Only then are several written
        or deleted at once."""

    def start(self) -> None:
        """Make the account, and most often a conversation."""
        names = {"full_name": self.draw.choice(NAMES), "name": self.draw.choice(NAMES)}
        self.both.signed_up(self.both.email, self.draw.choice((None, {}, names)))
        if self.roomy:
            self._use_much()
        for session_id in SESSIONS[: self.draw.randint(0, 3)]:
            self._insert("chat_sessions", {"id": session_id}, "")

    def step(self) -> None:
        """Do one thing to both engines."""
        steps = (
            (self.write_message, 30), (self.write_several, 6 * self.roomy), (self.change_message, 18),
            (self.change_many, 4 * self.roomy),
            (self.write_session, 8), (self.change_session, 6), (self.delete, 9), (self.remember, 8),
            (self.change_memory, 5), (self.setting, 3), (self.sign_in, 3), (self.profile, 3), (self.use, 2),
        )  # fmt: skip
        chosen = self.draw.choices([step for step, _ in steps], [weight for _, weight in steps])[0]
        self.both.applying = self.draw.random() < 0.15 and chosen not in (self.sign_in, self.profile, self.use)
        self.both.foreign_keys = chosen != self.delete or self.draw.random() < 0.5
        try:
            chosen()
        finally:
            self.both.applying, self.both.foreign_keys = False, True

    def _use_much(self) -> None:
        day = dict.fromkeys(("messages_sent", "messages_received"), 9999)
        day |= dict.fromkeys(("input_tokens", "output_tokens", "total_tokens", "generation_ms"), 10**15)
        models = json.dumps({model: 9_999 for model in MODELS if model is not None})
        used = json.dumps({"total_messages": 9_999, "total_tokens": 10**15, "sessions_created": 9_999})
        names, places = ", ".join(day), ", ".join(f":{name}" for name in day)
        insert = f"insert into user_usage_daily (user_id, usage_date, {names}, models_used)"
        insert += f" values (:user, %s, {places}, :models)"
        self.both.both(insert % "current_date", insert % "(select today from moment)", who=NOBODY, models=models, **day)
        self.both.both(
            "update profiles set usage_stats = :used, token_usage = 1000000000000000 where id = :user",
            who=NOBODY,
            used=used,
        )

    def write_message(self) -> None:
        self._insert("chat_messages", self._message(), self._conflict())

    def write_several(self) -> None:
        rows = [self._message() for _ in range(self.draw.randint(2, 4))]
        names = sorted(set.intersection(*(set(row) for row in rows)))
        rows = list({row["id"]: row for row in rows}.values())
        values = {f"v{at}_{name}": row[name] for at, row in enumerate(rows) for name in names}
        places = [", ".join(f":v{at}_{name}" for name in names) for at in range(len(rows))]
        over = f"do update set {', '.join(f'{name} = excluded.{name}' for name in names if name != 'id')}"
        self.both.both(
            f"insert into chat_messages (user_id, {', '.join(names)}) values (:user, {'), (:user, '.join(places)})"
            f" on conflict (user_id, id) {over}",
            f"insert into chat_messages ({', '.join(names)}) values ({'), ('.join(places)}) on conflict (id) {over}",
            **values,
        )

    def change_message(self) -> None:
        names = self.draw.sample([*COLUMNS, "session_id"], self.draw.randint(1, 4))
        if self.draw.random() < 0.3:
            self._where(
                "update chat_messages set " + ", ".join(f"{n} = {n}" for n in names), "id = :id", id=self._known()
            )
            return
        values = {name: self._value(name) for name in names}
        sets = ", ".join(f"{name} = :{name}" for name in names)
        if (
            message_id := self._known()
        ) in self.both.messages():  # a typed value is looked at before the row is looked for
            self._where(f"update chat_messages set {sets}", "id = :id", id=message_id, **values)

    def change_many(self) -> None:
        what = self.draw.choice(
            ("error_message = 'failed'", "error_message = null", "role = 'assistant'", "model = null")
        )
        self._where(f"update chat_messages set {what}", "session_id = :session", session=self.draw.choice(SESSIONS))

    def write_session(self) -> None:
        self._insert(
            "chat_sessions", {"id": self.draw.choice(SESSIONS), **self._some(SESSION_COLUMNS, 3)}, self._conflict()
        )

    def change_session(self) -> None:
        session_id = self.draw.choice(SESSIONS)
        if session_id not in self.both.sessions():
            return
        values = self._some(SESSION_COLUMNS, 3) or {"title": "T"}
        sets = [f"{name} = {name}" if self.draw.random() < 0.3 else f"{name} = :{name}" for name in values]
        used = {name: value for name, value in values.items() if f"{name} = :{name}" in sets}
        self._where(f"update chat_sessions set {', '.join(sets)}", "id = :id", id=session_id, **used)

    def delete(self) -> None:
        session_id = self.draw.choice(SESSIONS)
        match self.draw.randint(0, 9):
            case 0 | 1 | 2:
                self._where("delete from chat_sessions", "id = :id", id=session_id)
            case 3 | 4 | 5:
                self._where("delete from chat_messages", "id = :id", id=self._known())
            case 6 | 7:
                self._where("delete from chat_messages", "session_id = :id", id=session_id)
            case 8:
                self._where("delete from chat_sessions", "id <> :id", id=session_id)
            case _:
                self.both.both("delete from chat_memory where user_id = :user and id = :id", id=self._known())

    def remember(self) -> None:
        message = self.draw.choice((
            {"role": self.draw.choice(("user", "assistant", "tool", 3)), "content": self.draw.choice(WORDS)},
            {"type": self.draw.choice(("ai", "human", "system")), "data": {"content": self.draw.choice((*WORDS, 4))}},
            {"text": self.draw.choice(WORDS), "model": self.draw.choice(MODELS)},
            {"zz": 1, "a": [1, 1.5, {"long key": None, "k": True}], "é": "x\"\\\n", "": {}},
            {"content": {"nested": [[], {}, [{}]]}, "role": "assistant"},
            ["list", 1, {"b": 2, "a": 1}], "string", 0, -1.25, True, None, {}, [],
        ))  # fmt: skip
        if (session_id := self.draw.choice(SESSIONS)) in self.both.sessions():
            self.both.both(
                "insert into chat_memory (id, session_id, message, created_at) values (:id, :session, :message, :at)",
                id=self.draw.choice(MESSAGES), session=session_id, message=json.dumps(message),
                at=self.draw.choice((None, *TIMES)),
            )  # fmt: skip

    def change_memory(self) -> None:
        if (message_id := self._known()) not in self.both.messages():
            return
        what, values = self.draw.choice((
            ("message = :message", {"message": self.draw.choice(JSONS[:-1])}),
            ("message = message", {}),
            ("created_at = :at", {"at": self.draw.choice(TIMES)}),
            ("id = :new", {"new": self.draw.choice(MESSAGES)}),
        ))  # fmt: skip
        self.both.both(f"update chat_memory set {what} where user_id = :user and id = :id", id=message_id, **values)

    def setting(self) -> None:
        row = {
            "session_id": self.draw.choice(SESSIONS),
            "key": self.draw.choice(("model", "pinned", "archived", "tag:x", "leaf")),
            "value": self.draw.choice(JSONS),
        }
        then = "on conflict ({key}) do update set value = excluded.value"
        self.both.both(
            "insert into session_settings (user_id, session_id, key, value) values (:user, :session_id, :key, :value) "
            + then.format(key="user_id, session_id, key"),
            "insert into session_settings (session_id, key, value) values (:session_id, :key, :value) "
            + then.format(key="session_id, key"),
            **row,
        )

    def sign_in(self) -> None:
        email = self.draw.choice((self.both.email, None, "x" * (255 - len(self.both.email)) + self.both.email))
        meta = self.draw.choice((None, {}, {"full_name": self.draw.choice(NAMES)}, {"name": self.draw.choice(NAMES)}))
        self.both.both(
            "update auth.users set email = :email, raw_user_meta_data = :meta where id = :user",
            "update auth_users set email = :email, raw_user_meta_data = :meta where id = :user",
            who=NOBODY, email=email, meta=None if meta is None else json.dumps(meta),
        )  # fmt: skip

    def profile(self) -> None:
        name, value = self.draw.choice((
            ("full_name", self.draw.choice(NAMES)), ("default_model", self.draw.choice(MODELS)),
            ("system_prompt", self.draw.choice(WORDS)),
            ("temperature", self.draw.choice((None, 0, 0.005, 1.995, 2.005, 9))),
        ))  # fmt: skip
        if self.draw.random() < 0.3:
            self.both.both(f"update profiles set {name} = {name} where id = :user")
        else:
            self.both.both(f"update profiles set {name} = :value where id = :user", value=value)

    def use(self) -> None:
        counts = {name: self.draw.choice((0, 1, 5, INT4)) for name in ("input_tokens", "output_tokens")}
        self.both.both(
            "select track_user_usage(p_user_id => :user, p_input_tokens => :input_tokens,"
            " p_output_tokens => :output_tokens)",
            lambda store: SpecifiedFunctions(store).track_user_usage(self.both.user, **counts),
            who=SERVER,
            **counts,
        )

    def _message(self) -> dict[str, Any]:
        row = {"id": self.draw.choice(MESSAGES), "session_id": self.draw.choice(SESSIONS)}
        return row | {"role": self._value("role"), "content": self._value("content")} | self._some(COLUMNS, 5)

    def _some(self, columns: dict[str, tuple[Any, ...]], most: int) -> dict[str, Any]:
        chosen = self.draw.sample(list(columns), self.draw.randint(0, most))
        return {name: self._value(name, columns) for name in chosen}

    def _value(self, name: str, columns: dict[str, tuple[Any, ...]] = COLUMNS) -> Any:
        if name == "session_id":
            return self.draw.choice(SESSIONS)
        values = columns[name]
        # most values are taken by the schema, or nothing would ever be stored
        return self.draw.choice(values if self.draw.random() < 0.4 else [v for v in values if _usual(v)])

    def _known(self) -> str:
        known = list(self.both.messages())
        return self.draw.choice(known) if known and self.draw.random() < 0.8 else self.draw.choice(MESSAGES)

    def _conflict(self) -> str:
        return self.draw.choice(("", "nothing", "update", "update", "update"))

    def _insert(self, table: str, row: dict[str, Any], conflict: str) -> None:
        names, places = ", ".join(row), ", ".join(f":{name}" for name in row)
        over = ", ".join(f"{name} = excluded.{name}" for name in row if name != "id")
        then = {"": "", "nothing": "on conflict ({}) do nothing", "update": "on conflict ({}) do update set " + over}[
            conflict
        ]
        if conflict == "update" and not over:
            then = "on conflict ({}) do nothing"
        owned = "user_id, " if table == "chat_sessions" else ""
        self.both.both(
            f"insert into {table} (user_id, {names}) values (:user, {places}) {then.format('user_id, id')}",
            f"insert into {table} ({owned}{names}) values ({':user, ' if owned else ''}{places}) {then.format('id')}",
            **row,
        )

    def _where(self, statement: str, condition: str, **values: Any) -> None:
        self.both.both(f"{statement} where user_id = :user and {condition}", f"{statement} where {condition}", **values)


def _usual(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= 255 and value not in ("tool", "html", "{broken")
    return not (isinstance(value, int) and not 0 <= value <= INT4)


def walk(server: Postgres, seed: int, steps: int, refused: Counter[str] | None = None) -> str | None:
    """Take one walk; return the first difference, or None."""
    with Both(server) as both:
        taken = Walk(both, seed)
        at = -1
        try:
            taken.start()
            for at in range(steps):  # noqa: B007 - told where it stopped
                taken.step()
        except AssertionError as error:
            return f"seed {seed}, step {at}: {error}"
        finally:
            if refused is not None:
                refused["done"] += both.done
                refused["refused"] += both.refused
    return None


def main() -> int:
    """Run many walks and print the differences; the exit code says whether there was one."""
    import psycopg
    from psycopg.rows import dict_row

    from sterna.server.database.embedded import APP, start, stop
    from sterna.server.database.migrations import migrate

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--walks", type=int, default=325)
    parser.add_argument("--steps", type=int, default=45)
    parser.add_argument("--first", type=int, default=0, help="the seed of the first walk")
    parser.add_argument("--folder", type=Path, help="where the database is kept; a temporary folder without it")
    options = parser.parse_args()
    found, counted = 0, Counter[str]()
    with TemporaryDirectory(prefix="walk-") as temporary:
        folder = options.folder or Path(temporary) / "postgres"
        running = start(folder)
        migrate(running.admin_url, app_role=APP)
        with psycopg.connect(running.admin_url, autocommit=True, row_factory=dict_row, prepare_threshold=None) as db:
            db.execute("alter system set fsync = off")  # nothing of it need reach the disk
            db.execute("select pg_reload_conf()")
            server = Postgres(db)
            for seed in range(options.first, options.first + options.walks):
                if (difference := walk(server, seed, options.steps, counted)) is not None:
                    found += 1
                    print(difference, flush=True)
        stop(folder)
    done, refused = counted["done"], counted["refused"]
    print(f"{options.walks} walks, {done} statements, {refused} refused by both: {found} differences")
    return min(found, 1)


if __name__ == "__main__":
    sys.exit(main())
