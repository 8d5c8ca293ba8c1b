"""Runs of imports, and the undo of one: what it added goes to the trash, what it changed is as it was.

Conversations that somebody changed since, here or by a later import, stay.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from ..conversations.shown_branch import LEAF
from ..conversations.trash import Trash
from ..database.connection import Database
from ..database.local_state import LocalState
from ..database.sqlite_errors import in_sentences
from ..errors import NotFound
from ..json_text import from_json, json_object, to_json
from .imports import Imports
from .merging import UPDATED
from .records import IMPORTED, MESSAGE_ID, TEXT_MARK, ImportRun, UndoneImport, text_mark

_CACHE, _LARGE_CACHE = 8_000, 40_000
"""KiB, as :func:`..database.connection.connect` sets it, and during an import."""
_OFTEN, _SELDOM = 1_000, 10_000
"""Pages of the journal after which it is copied into the file."""
GATHERED = "gathered from "
"""Beginning of the path of a run to which everything belongs that is gathered from one source."""
UNDONE_AT_ONCE = 5_000
"""Messages of one transaction of an undo."""
_UNDO = "import undo"
"""Key of the import that is being taken back, and of the deletion that has its conversations (``local_state``)."""
_COLUMNS = "id, began_at, state, paths, counts"


@in_sentences
class ImportRuns:
    """Imports that took place."""

    def __init__(self, db: Database, imports: Imports, trash: Trash) -> None:
        self.db = db
        self._imports = imports
        self._local_state = LocalState(db)
        self._trash = trash

    def begin(self, paths: Sequence[str]) -> int:
        """Note an import that begins; returns its number."""
        self._make_room(_LARGE_CACHE, _SELDOM)
        with self.db.write():
            cursor = self.db.execute(
                "insert into import_runs (began_at, paths) values (:at, :paths)",
                {"at": self.db.stamp(), "paths": to_json(list(paths))},
            )
            return int(cursor.lastrowid or 0)

    def finish(self, run: int, counts: Mapping[str, int], *, stopped: bool = False) -> None:
        """Note the end of an import; one that changed nothing is forgotten."""
        self._make_room(_CACHE, _OFTEN)
        with self.db.write():
            if self.db.one("select 1 from import_changes where run_id = :run limit 1", run=run) is None:
                self.db.execute("delete from import_runs where id = :run", {"run": run})
                return
            self.db.execute(
                "update import_runs set state = :state, counts = :counts where id = :run",
                {"run": run, "state": "stopped" if stopped else "done", "counts": to_json(dict(counts))},
            )

    def _make_room(self, cache: int, checkpoint: int) -> None:
        """Let each transaction of an import stay in memory, and copy the journal into the file seldom."""
        self.db.execute(f"pragma cache_size = -{cache:d}")
        self.db.execute(f"pragma wal_autocheckpoint = {checkpoint:d}")

    def recent(self, limit: int = 50) -> list[ImportRun]:
        """Return the last imports, the newest first."""
        rows = self.db.rows(
            f"""select {_COLUMNS} from import_runs where exists (
                select 1 from import_changes where run_id = import_runs.id
            ) order by id desc limit :limit""",
            limit=limit,
        )
        return [
            ImportRun(
                row["id"],
                row["began_at"],
                row["state"],
                tuple(str(path) for path in from_json(row["paths"]) or ()),
                json_object(row["counts"]) or self._written(row["id"]),
            )
            for row in rows
        ]

    def _written(self, run: int) -> dict[str, int]:
        """Return the counts of an import that did not come to its end."""
        row = self.db.one(
            """select coalesce(sum(before is null), 0) as new, coalesce(sum(before is not null), 0) as updated
            from import_changes where run_id = :run""",
            run=run,
        )
        assert row is not None
        return {"new": row["new"], "updated": row["updated"]}

    def undo(self, run: int | None = None) -> UndoneImport:
        """Take back an import, the last one if none is named: nothing gathered. Raises NotFound where there is none."""
        undone = self.undo_some(run)
        while undone.after is not None:
            undone = self.undo_some(run, undone)
        return undone

    def undo_some(
        self, run: int | None = None, so_far: UndoneImport | None = None, messages: int = UNDONE_AT_ONCE
    ) -> UndoneImport:
        """Take back a part of an import in one transaction: of conversations with so many messages, one at least.

        Returns what is taken back so far, to be passed to the next call. After a crash an undo goes on from where it
        was, and one deletion in the trash has all that it removed.
        """
        with self.db.write():
            done = so_far or self._begin_undo(run)
            changes = self._changes(done.run, done.after or "", messages)
            removed, restored, kept = [], 0, 0
            for change in changes:
                id_ = change["session_id"]
                if self._is_changed_later(done.run, id_):
                    kept += 1
                elif change["before"] is None:
                    if self._is_as_imported(id_):
                        removed.append(id_)
                    else:
                        kept += 1
                        continue
                else:
                    restored += 1
                    self._restore(id_, json_object(change["before"]))
                    self._mark_undone(done.run, id_)
            token = self._trash.delete_conversations(removed, into=done.token).token if removed else done.token
            for id_ in removed:
                self._mark_undone(done.run, id_)
            if not changes:
                self.db.execute("update import_runs set state = 'undone' where id = :run", {"run": done.run})
            self._local_state.set(_UNDO, [done.run, token] if changes else None)
        return UndoneImport(
            done.run,
            done.removed + len(removed),
            done.restored + restored,
            done.kept + kept,
            token,
            changes[-1]["session_id"] if changes else None,
        )

    def _begin_undo(self, run: int | None) -> UndoneImport:
        row = self.db.one(
            """select id from import_runs where state <> 'undone'
                and iif(:run is null, substr(paths, 3, length(:gathered)) <> :gathered, id = :run)
                and exists (select 1 from import_changes where run_id = import_runs.id)
            order by id desc limit 1""",
            run=run,
            gathered=GATHERED,
        )
        if row is None:
            raise NotFound(
                "There is no import to take back." if run is None else f"There is no import {run} to take back."
            )
        begun = self._local_state.get(_UNDO)
        token = begun[1] if isinstance(begun, list) and len(begun) == 2 and begun[0] == row["id"] else None
        return UndoneImport(row["id"], 0, 0, 0, token, "")

    def _changes(self, run: int, after: str, messages: int) -> list[sqlite3.Row]:
        """Return the next changes of a run: those of conversations with so many messages, one at least."""
        rows = self.db.execute(
            """select c.session_id, c.before, s.message_count from import_changes as c
            join chat_sessions as s on s.id = c.session_id
            where c.run_id = :run and c.undone = 0 and c.session_id > :after order by c.session_id""",
            {"run": run, "after": after},
        )
        found: list[sqlite3.Row] = []
        while messages > 0 and (row := rows.fetchone()) is not None:
            found.append(row)
            messages -= 1 + (row["message_count"] or 0)
        rows.close()
        return found

    def _mark_undone(self, run: int, session_id: str) -> None:
        self.db.execute(
            "update import_changes set undone = 1 where run_id = :run and session_id = :id",
            {"run": run, "id": session_id},
        )

    def _is_changed_later(self, run: int, session_id: str) -> bool:
        later = "select 1 from import_changes where session_id = :id and run_id > :run and undone = 0"
        return self.db.one(later, id=session_id, run=run) is not None

    def _is_as_imported(self, session_id: str) -> bool:
        """Return whether a conversation has nothing but what the import wrote."""
        row = self.db.one(
            """select s.title, (
                select value from session_settings where session_id = s.id and key = :key
            ) as base from chat_sessions as s where s.id = :id""",
            id=session_id, key=IMPORTED,
        )  # fmt: skip
        assert row is not None
        if row["base"] is None:  # from another Sterna: its messages bear no marks
            return self._was_not_touched(session_id)
        base = json_object(row["base"])
        labels = {item["key"] for item in self.db.rows(
            """select key from session_settings where session_id = :id and value not in ('false', 'null')
                and (key in ('pinned', 'archived') or key glob 'tag:*')""",
            id=session_id,
        )}  # fmt: skip
        if row["title"] != base.get("title") or labels != {*base.get("labels", ()), *base.get("tagged", ())}:
            return False
        for message in self.db.execute(
            "select content, reasoning, metadata from chat_messages where session_id = :id", {"id": session_id}
        ):
            mark = json_object(message["metadata"]).get(IMPORTED)
            if not isinstance(mark, str) or mark[:TEXT_MARK] != text_mark(message["content"], message["reasoning"]):
                return False
        return not self._has_own(session_id)

    def _has_own(self, session_id: str) -> bool:
        own = "select 1 from chat_messages where session_id = :id and substr(id, 1, length(:ours)) <> :ours limit 1"
        return self.db.one(own, id=session_id, ours=MESSAGE_ID) is not None

    def _was_not_touched(self, session_id: str) -> bool:
        row = self.db.one(
            """select 1 from chat_sessions as s join import_changes as c on c.session_id = s.id
            join import_runs as r on r.id = c.run_id where s.id = :id and s.updated_at >= r.began_at""",
            id=session_id,
        )
        return row is None

    def _restore(self, session_id: str, before: Mapping[str, Any]) -> None:
        """Give a conversation back what an import changed, where nobody changed it since."""
        merging = self._imports.merging
        if isinstance(title := before.get("title"), list):
            self.db.execute(
                "update chat_sessions set title = :old where id = :id and title = :new",
                {"old": title[0], "new": title[1], "id": session_id},
            )
        for old in before.get("changed", ()):
            now = self.db.one("select content, reasoning from chat_messages where id = :id", id=old["id"])
            if now is not None and text_mark(now["content"], now["reasoning"]) == old["mark"]:
                sets = ", ".join(f"{name} = :{name}" for name in UPDATED)
                self.db.execute(
                    f"update chat_messages set {sets} where id = :id", {name: old[name] for name in ("id", *UPDATED)}
                )
        self._remove_added(session_id, before.get("added", ()))
        for key, value in before.get("settings", {}).items():
            if key != LEAF or value is None or self.db.one("select 1 from chat_messages where id = :id", id=value):
                merging.write_setting(session_id, key, value)
        self.db.touch(session_id)

    def _remove_added(self, session_id: str, added: Sequence[str]) -> None:
        """Delete messages that an import added, and that are as they were and followed by nothing of a person's."""
        continued = self.db.one(
            """select 1 from chat_messages where session_id = :session and substr(id, 1, length(:ours)) <> :ours
                and parent_id is null and message_timestamp > (
                    select min(message_timestamp) from chat_messages
                    where id in (select value from json_each(:added)) and parent_id is null
                )""",
            session=session_id, ours=MESSAGE_ID, added=to_json(list(added)),
        )  # fmt: skip
        if continued is not None:
            return
        for id_ in reversed(added):
            row = self.db.one(
                """select content, reasoning, metadata from chat_messages where id = :id and session_id = :session
                    and not exists (select 1 from chat_messages where session_id = :session and parent_id = :id)""",
                id=id_, session=session_id,
            )  # fmt: skip
            if row is not None:
                mark = json_object(row["metadata"]).get(IMPORTED)
                if not isinstance(mark, str) or mark[:TEXT_MARK] == text_mark(row["content"], row["reasoning"]):
                    self.db.execute("delete from chat_messages where id = :id", {"id": id_})
                    # nobody deleted it: the next import brings it again
                    self.db.execute("delete from deleted_items where kind = 'message' and id = :id", {"id": id_})
