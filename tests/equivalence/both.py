"""One history, written to PostgreSQL and to the SQLite mirror at the same moments."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from recount import Hand, Mirror, mirror
from tables import Postgres, differences

from sterna.storage import Database
from sterna.storage.errors import Invalid, NotFound

PERSON, SERVER, NOBODY = "authenticated", "service_role", "none"
"""Who does something: the person, the server, the superuser in whose name sign-in works."""

MISTAKES = ("42501", "P0001", "21000")
"""Refusals that are an answer, beside classes 22 and 23. Anything else is a mistake of the test or of the schema."""

VISIT_TIMES = ("started_at", "ended_at", "updated_at", "created_at")

Change = Callable[[Mirror], Any]


@cache
def translated(sql: str) -> str:
    """``sql`` with psycopg's names for parameters in place of SQLite's."""
    return re.sub(r"(?<!:):([a-z_][a-z_0-9]*)", r"%(\1)s", sql.replace("%", "%%"))


@cache
def _template() -> sqlite3.Connection:
    """A mirror before there is an account."""
    made = sqlite3.connect(":memory:", isolation_level=None)
    mirror(whole=True).db.connection.backup(made)
    made.execute("delete from auth_users")
    made.execute("delete from deleted_sessions")
    return made


def _unused() -> Mirror:
    """A copy of the template."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.row_factory = sqlite3.Row
    _template().backup(db)
    db.execute("pragma foreign_keys = on")
    clock = Hand()
    made = Mirror(Database(db, Path("mirror.db"), clock=clock))
    made.clock = clock
    return made


def _at(answer: psycopg.Cursor[dict[str, Any]]) -> datetime:
    row = answer.fetchone()
    assert row is not None
    at = row["at"]
    assert isinstance(at, datetime)
    return at


class Both:
    """A new person on both engines; :meth:`close` erases them."""

    def __init__(self, server: Postgres) -> None:
        self.server = server
        self.store = _unused()
        self.user = str(uuid4())
        self.store.db.user_id = self.user
        self.email = f"{self.user[:13]}@example.org"
        self.claims = json.dumps({"role": PERSON, "sub": self.user, "email": self.email})
        self.days = 1
        self.refused = 0
        self.done = 0
        self.known: Any = None
        self.applying = False
        """The next statements bring rows from elsewhere: nothing of them counts as use, and they keep their times."""
        self.uncounted = False
        """Some of what is there counted as no use when it came."""
        self.foreign_keys = True
        """False: the mirror is a plain shell's, in which foreign keys are off."""

    def __enter__(self) -> Both:
        return self

    def __exit__(self, *_: object) -> None:
        self.store.db.close()
        db = self.server.db
        if db.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            db.execute("rollback")
        db.execute("delete from auth.users where id = %s", (self.user,))

    def sessions(self) -> set[str]:
        """Ids of the conversations that are there."""
        return set(self.known["public.chat_sessions"]) if self.known else set()

    def messages(self) -> dict[str, dict[str, Any]]:
        """The messages that are there, by id."""
        return self.known["public.chat_messages"] if self.known else {}

    @property
    def exists(self) -> bool:
        """True while the account exists."""
        return bool(self.known and self.known["public.profiles"])

    def both(self, sql: str, mine: str | Change | None = None, /, who: str = PERSON, **values: Any) -> None:
        """Run a statement on both engines and compare all that they keep.

        ``mine`` is how the mirror says it, when it does not say the same.
        """
        answer = self._postgres(who, sql, values)
        kept = self._sqlite(sql if mine is None else mine, values)
        assert (answer is None) == (kept is None), f"PostgreSQL says {answer!r}, SQLite says {kept!r}"
        self.done += 1
        self.refused += answer is not None
        rows = self.known if answer is None else self.server.tables(self.user)
        if answer is not None:
            assert rows == self.known, "a refused statement changed something"
        found = differences(self.server.mirrored(self.store), rows)
        assert not found, "\n".join(found)

    def _postgres(self, who: str, sql: str, values: Mapping[str, Any]) -> str | None:
        """Run it in PostgreSQL; return its error, else note the rows and set the mirror's clock to that time."""
        db = self.server.db
        try:
            with db.pipeline():  # one round trip; what follows a refused statement is not run
                db.execute("begin")
                moment = db.execute(
                    "select now() as at, set_config('role', %s, true), set_config('request.jwt.claims', %s, true)",
                    (who, self.claims if who == PERSON else '{"role": "service_role"}'),
                )
                if self.applying:
                    db.execute("select set_config('role', 'service_role', true)")
                    db.execute("select sync_applying(true)")
                    db.execute("select set_config('role', %s, true)", (who,))
                db.execute(translated(sql), {"user": self.user, **values})
                db.execute("select set_config('role', 'none', true)")
                found = self.server.ask(self.user)
                db.execute("commit")
        except psycopg.Error as error:
            db.execute("rollback")
            state = error.sqlstate or ""
            if state[:2] not in ("22", "23") and state not in MISTAKES:
                raise
            self.store.clock.at = _at(moment)
            return f"{state} {error}"
        self.store.clock.at = _at(moment)
        self.known = self.server.read(found)
        return None

    def _sqlite(self, change: str | Change, values: Mapping[str, Any]) -> str | None:
        """Run it in the mirror; return its error."""
        store = self.store
        store.db.execute(f"pragma foreign_keys = {'on' if self.foreign_keys else 'off'}")
        try:
            with store.db.write(), store.db.applying() if self.applying else nullcontext():
                if isinstance(change, str):
                    with closing(store.db.execute(change, {"user": self.user, **values})):
                        pass
                else:
                    change(store)
        except (Invalid, NotFound, sqlite3.IntegrityError) as error:
            return str(error)
        return None

    def signed_up(self, email: str | None, meta: Mapping[str, Any] | None) -> None:
        """The account is made, as sign-in makes it."""
        self.both(
            "insert into auth.users (id, email, raw_user_meta_data, created_at, updated_at)"
            " values (:user, :email, :meta, now(), now())",
            "insert into auth_users (id, email, raw_user_meta_data, created_at, updated_at)"
            " select :user, :email, :meta, now, now from moment",
            who=NOBODY,
            email=email,
            meta=None if meta is None else json.dumps(meta),
        )

    def later(self, seconds: int, days: int = 0) -> None:
        """Time goes by. PostgreSQL's clock cannot be moved, so what has happened is moved back, on both engines."""
        if days:
            self.days, days = self.days * 3, self.days  # more than the rows span, so that none is moved onto another
        seconds += days * 86400
        db = self.server.db
        with db.transaction():
            db.execute("set local session_replication_role = replica")
            db.execute(
                "update public.user_activity_log set timestamp = timestamp - make_interval(secs => %s)"
                " where user_id = %s",
                (seconds, self.user),
            )
            for name in VISIT_TIMES:
                db.execute(
                    f"update public.user_sessions set {name} = {name} - make_interval(secs => %s)"
                    " where user_id = %s".encode(),
                    (seconds, self.user),
                )
            db.execute(
                "update public.user_usage_daily set usage_date = usage_date - %s::integer where user_id = %s",
                (days, self.user),
            )
        self.store.db.execute(
            "update user_activity_log"
            " set timestamp = strftime('%Y-%m-%dT%H:%M:%S', substr(timestamp, 1, 19), :by) || substr(timestamp, 20)",
            {"by": f"-{seconds} seconds"},
        )
        self._visits_back(seconds)
        self.store.db.execute("update user_usage_daily set usage_date = date(usage_date, :by)", {"by": f"-{days} days"})
        self.known = self.server.tables(self.user)

    def _visits_back(self, seconds: int) -> None:
        """The mirror's visits began earlier; no trigger stamps them for that."""
        row = self.store.db.one("select sql from sqlite_master where name = 'own_user_session'")
        assert row is not None
        self.store.db.execute("drop trigger own_user_session")
        for name in VISIT_TIMES:
            self.store.db.execute(
                f"update user_sessions set {name} ="
                f" strftime('%Y-%m-%dT%H:%M:%S', substr({name}, 1, 19), :by) || substr({name}, 20)",
                {"by": f"-{seconds} seconds"},
            )
        self.store.db.execute(row["sql"])
