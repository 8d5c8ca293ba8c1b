"""One device: its file, its clock, what a person does there, and the sync that goes on meanwhile, a step at a time."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sterna.storage import LabelChange, PushBatch, Store, StoreError, SyncPush
from sterna.storage.ids import DIGITS
from sterna.sync.protocol.delta import DeltaSync
from sterna.sync.protocol.effects import (
    CycleResult,
    Effect,
    Prefetch,
    Progress,
    Request,
    Response,
    Transaction,
    Unreachable,
)
from sterna.sync.wire import Capability

from .driving import done
from .ledger import Ledger, Written

EPOCH = datetime(2026, 3, 1, tzinfo=UTC)
USER = "6f0c0000-0000-4000-8000-000000000001"
ORIGIN = "https://chat.example.org"
CAPS = Capability.parse("1; caps=delta,gzip,seen,tomb")


class Device:
    """A copy of the history, and who writes there."""

    def __init__(
        self,
        name: str,
        path: Path,
        rng: random.Random,
        now: Callable[[], int],
        ledger: Ledger,
        make_sync: Callable[[random.Random], Any],
        *,
        divides_freeze: bool = False,
    ) -> None:
        """``divides_freeze``: anything may happen between reading the rows of a push and freezing them."""
        self.divides_freeze = divides_freeze
        self.name, self.path, self.rng, self.ledger = name, path, rng, ledger
        self.skew_ms = 0
        self.online = True
        self.undoable: list[tuple[int, str, frozenset[str]]] = []
        self.kept: Path | None = None
        self.was_set_back = False
        self._world_now = now
        self._make_sync = make_sync
        self._work: Generator[Effect, Any, CycleResult] | None = None
        self._came: Any = None
        self._thrown: BaseException | None = None
        self._ahead: tuple[Request, Response | Unreachable] | None = None
        self.last: CycleResult | None = None
        self.store = self._opened()
        self.fence = self.store.sync_metadata.acquire_fence()
        self.sync = make_sync(rng)

    def now_ms(self) -> int:
        """The device's clock."""
        return self._world_now() + self.skew_ms

    def clock(self) -> datetime:
        """The same, as the store has it."""
        return EPOCH + timedelta(milliseconds=self.now_ms())

    def ms(self) -> int:
        """The same, since 1970."""
        return int(self.clock().timestamp() * 1000)

    def _opened(self) -> Store:
        store = Store.open(self.path, clock=self.clock, token=self._token)
        self.state = store.sync_metadata.state()
        """As it was when it was looked at last."""
        for pragma in ("synchronous = off", "locking_mode = exclusive", "journal_mode = memory"):
            store.db.execute(f"pragma {pragma}")
        return store

    def _token(self, length: int) -> str:
        return "".join(self.rng.choice(DIGITS) for _ in range(length))

    # Failing

    def crash(self) -> None:
        """The process dies, and another starts. What it had not committed it had not begun: a step is a transaction, so
        the file is opened anew only now and then, for that costs more than the rest."""
        self.stop()
        if self.rng.random() < 0.1:
            self.store.db.close()
            self.store = self._opened()
        self.fence = self.store.sync_metadata.acquire_fence()
        self.sync = self._make_sync(self.rng)

    def taken_over(self) -> None:
        """Another process syncs this file from now on; the work of the first goes on until it notices."""
        self.fence = self.store.sync_metadata.acquire_fence()

    def keep_copy(self) -> None:
        """Remember the disk as it is now."""
        self.kept = self.path.with_suffix(".kept")
        self._copy_to(self.kept)

    def set_back(self) -> None:
        """The disk is as it was when it was copied; what was written since and not sent is lost."""
        if self.kept is None:
            return
        there = self._everything()
        self.stop()
        self.store.db.close()
        for suffix in ("-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        shutil.copyfile(self.kept, self.path)
        self.store = self._opened()
        self.fence = self.store.sync_metadata.acquire_fence()
        self.sync = self._make_sync(self.rng)
        self.undoable.clear()
        self.ledger.lost |= there - self._everything()
        self.was_set_back = True
        self._note_undated()

    def set_clock(self, skew_ms: int) -> None:
        """Put the clock forward or back."""
        self.skew_ms = skew_ms
        if self.was_set_back:
            self._note_undated()

    def _note_undated(self) -> None:
        """Note what waits here and was written before the clock was put back, or forward: its age is not known."""
        waiting = self.store.db.rows(
            """select m.content as text from sync_outbox as o join chat_messages as m on o.kind = 'm' and m.id = o.id
            where o.op = 'put' and not o.restamp
            union all select s.title from sync_outbox as o join chat_sessions as s on o.kind = 'c' and s.id = o.id
            where o.op = 'put' and not o.restamp"""
        )
        texts = [self.ledger.written[row["text"]] for row in waiting if row["text"] in self.ledger.written]
        self.ledger.undated |= {one.text for one in texts if one.skew_ms > self.skew_ms}
        self.ledger.overaged |= {one.text for one in texts if one.skew_ms < self.skew_ms}

    def _copy_to(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        with sqlite3.connect(path) as copy:
            self.store.db.connection.backup(copy)
        copy.close()

    def copy_to(self, path: Path) -> None:
        """Copy the disk to another device's."""
        self._copy_to(path)

    def close(self) -> None:
        """Be switched off for good."""
        self.stop()
        self.store.db.close()

    # Syncing

    def stop(self) -> None:
        """Give the cycle up where it is."""
        if self._work is not None:
            self._work.close()
        self._work, self._came, self._thrown, self._ahead = None, None, None, None

    @property
    def idle(self) -> bool:
        """No cycle is going on."""
        return self._work is None

    def step(self, answer: Callable[[Request], Response]) -> Effect | None:
        """Do one step of a cycle, the first of a new one where none goes on; None when the cycle ended."""
        if self._work is None:
            self._work = self.sync.cycle(self.fence)
            self._came, self._thrown = None, None
        try:
            thrown, came, self._thrown, self._came = self._thrown, self._came, None, None
            step = self._work.throw(thrown) if thrown is not None else self._work.send(came)
            while isinstance(step, Progress):  # no step of its own: it changes nothing
                step = self._work.send(None)
        except StopIteration as stop:
            self._work, self.last = None, stop.value
            return None
        except StoreError:
            self._work, self.last = None, None  # another process has taken over
            return None
        try:
            self._came = self._done(step, answer)
        except (Unreachable, StoreError, ValueError) as error:
            self._thrown = error
        if isinstance(step, Transaction) and step.method == SyncPush.next_batch:
            if not isinstance(self._came, PushBatch):
                self._world_now()  # as a write would: seeds that once failed stay what they were
            elif not self.divides_freeze:
                return self.step(answer)
        return step

    def _done(self, step: Effect, answer: Callable[[Request], Response]) -> Any:
        if isinstance(step, Prefetch):
            self._ahead = step.request, _tried(answer, step.request)
            return None
        kept = self._ahead
        if isinstance(step, Request):
            self._ahead = None
            if kept is not None and kept[0] == step:
                if isinstance(kept[1], Unreachable):
                    raise kept[1]
                return kept[1]
        return done(step, self.store, answer, self.ms)

    # What a person does

    def sessions(self) -> list[str]:
        """The conversations that a person sees."""
        return [row["id"] for row in self.store.db.rows("select id from chat_sessions order by id")]

    def messages(self, session_id: str | None = None) -> list[tuple[str, str, str]]:
        """Id, conversation and text of the messages that a person sees."""
        where = "where session_id = :id" if session_id else ""
        rows = self.store.db.rows(
            f"select id, session_id, content from chat_messages {where} order by id",
            **({"id": session_id} if session_id else {}),
        )
        return [(row["id"], row["session_id"], row["content"]) for row in rows]

    def texts(self) -> set[str]:
        """Every text of this disk, wherever it is kept."""
        found = {text for _, _, text in self.messages()}
        found |= {row["title"] for row in self.store.db.rows("select title from chat_sessions")}
        for row in self.store.db.rows("select value from sync_conflict"):
            found.add(json.loads(row["value"])["mine"])
        return found

    def _everything(self) -> set[str]:
        """Every text that is anywhere on this disk, the trash included."""
        tables = {
            "trash_rows": "content",
            "chat_messages": "content",
            "chat_sessions": "title",
            "sync_conflict": "value",
        }
        disk = "\n".join(
            str(row[0])
            for table, column in tables.items()
            for row in self.store.db.rows(f"select {column} from {table}")
        )
        return {text for text in self.ledger.written if text in disk}

    def write_message(self, session_id: str | None, word: str = "said", parent: str | None = None) -> str:
        """Say something, in a new conversation if none is named; gives the conversation. ``parent`` begins a branch."""
        if session_id is None:
            session_id = self.store.conversations.create().id
        text = self.ledger.text(word)
        with self.store.db.write():
            moment = self.store.messages.next_timestamp(session_id)
            from sterna.storage.clock import stamp
            from sterna.storage.ids import message_id

            key = message_id(moment, self._token)
            self.store.db.execute(
                """insert into chat_messages (id, session_id, role, content, message_timestamp, parent_id)
                values (:id, :session, :role, :content, :at, :parent)""",
                {
                    "id": key,
                    "session": session_id,
                    "role": self.rng.choice(("user", "assistant")),
                    "content": text,
                    "at": stamp(moment),
                    "parent": self.store.shown_branch.next_parent(session_id) if parent is None else parent,
                },
            )
            if parent is not None:
                self.store.branches.show(key)
        self._wrote("m", key, session_id, text, None)
        if self.store.sync_metadata.is_private(session_id) and word == "secret":
            self.ledger.secrets.add(text)
        return session_id

    def _wrote(self, kind: str, thing: str, session_id: str, text: str, parent: str | None) -> None:
        self.ledger.wrote(Written(kind, thing, session_id, text, parent, self.name, self.skew_ms))

    def edit_message(self) -> None:
        """Change the text of a message."""
        if not (there := self.messages()):
            return
        key, session_id, before = self.rng.choice(there)
        text = self.ledger.text("secret" if before in self.ledger.secrets else "edit")
        with self.store.db.write():
            self.store.db.execute("update chat_messages set content = :text where id = :id", {"text": text, "id": key})
        self._wrote("m", key, session_id, text, before)
        if before in self.ledger.secrets:
            self.ledger.secrets.add(text)

    def _public_messages(self) -> list[tuple[str, str, str]]:
        return [one for one in self.messages() if not self.store.sync_metadata.is_private(one[1])]

    def branch(self) -> None:
        """Write another message in place of one, as an edit does that is sent again."""
        if there := self._public_messages():
            key, session_id, _ = self.rng.choice(there)
            before = self.store.messages.parent(self.store.messages.get(key))
            self.write_message(session_id, "branch", before.id if before is not None else "")

    def switch(self) -> None:
        """Show the branch of a message."""
        if there := self._public_messages():
            self.store.branches.show(self.rng.choice(there)[0])

    def fork(self) -> None:
        """Copy a conversation up to a message; the copies get texts of their own, by which they are known."""
        if not (there := self._public_messages()):
            return
        session_id = self.store.branches.fork(self.rng.choice(there)[0]).id
        for key, _, _ in self.messages(session_id):
            text = self.ledger.text("fork")
            with self.store.db.write():
                self.store.db.execute(
                    "update chat_messages set content = :text where id = :id", {"text": text, "id": key}
                )
            self._wrote("m", key, session_id, text, None)

    def rename(self) -> None:
        """Give a conversation a title by hand."""
        if not (there := self.sessions()):
            return
        session_id = self.rng.choice(there)
        before = self.store.conversations.get(session_id).title
        private = self.store.sync_metadata.is_private(session_id)
        text = self.ledger.text("secret" if private and session_id in self._never_shown() else "title")
        self.store.conversations.rename(session_id, text)
        self._wrote("c", session_id, session_id, text, before)
        if text.startswith("secret"):
            self.ledger.secrets.add(text)

    def _never_shown(self) -> set[str]:
        return {one.session_id for one in self.ledger.written.values() if one.text in self.ledger.secrets}

    def set_setting(self) -> None:
        """Set, or take away, a setting of a conversation."""
        if there := self.sessions():
            session_id, key = self.rng.choice(there), self.rng.choice(("model", "pinned"))
            value = self.rng.choice((None, self.rng.randrange(1000), self.rng.randrange(1000)))
            self.store.conversations.set_setting(session_id, key, value)

    def label(self) -> None:
        """Pin, archive or tag some conversations, or no longer; sometimes take it back at once."""
        if there := self.sessions():
            some = self.rng.sample(there, min(len(there), self.rng.randrange(1, 4)))
            tags = ("red", "green", "blue")
            add = self.rng.choice(tags)
            change = LabelChange(
                pinned=self.rng.choice((None, True, False)),
                archived=self.rng.choice((None, True, False)),
                add=(add,),
                remove=tuple(tag for tag in tags if tag != add and self.rng.random() < 0.3),
            )
            changed = self.store.labels.change(some, change)
            if changed is not None and self.rng.random() < 0.2:
                self.store.undo.undo(changed.token)

    def delete_message(self) -> None:
        """Delete one."""
        if not (there := self.messages()):
            return
        key, session_id, text = self.rng.choice(there)
        private = self.store.sync_metadata.is_private(session_id)
        binned = self.store.trash.delete_message(key)
        self.ledger.delete("m", key, self.name, frozenset((key, *self.ledger.names(text))), private=private)
        self.undoable.append((binned.token, "m", frozenset((key,))))

    def delete_session(self) -> None:
        """Delete a conversation."""
        if not (there := self.sessions()):
            return
        session_id = self.rng.choice(there)
        seen = self._seen(session_id)
        private = self.store.sync_metadata.is_private(session_id)
        binned = self.store.trash.delete_conversation(session_id)
        self.ledger.delete("c", session_id, self.name, seen, private=private)
        self.undoable.append((binned.token, "c", frozenset((session_id,))))

    def _seen(self, session_id: str) -> frozenset[str]:
        """Every id that what can be seen there has had."""
        there = self.messages(session_id)
        return frozenset(key for key, _, _ in there).union(*(self.ledger.names(text) for _, _, text in there))

    def clear(self) -> None:
        """Delete everything."""
        if not (there := self.sessions()):
            return
        for session_id in there:
            seen = self._seen(session_id)
            self.ledger.delete(
                "c", session_id, self.name, seen, private=self.store.sync_metadata.is_private(session_id)
            )
        binned = self.store.trash.clear_all()
        self.undoable.append((binned.token, "x", frozenset(there)))

    def undo(self) -> None:
        """Bring back what was deleted last."""
        if not self.undoable:
            return
        token, _, things = self.undoable.pop()
        try:
            self.store.undo.undo(token)
        except StoreError:
            return
        self.ledger.brought_back |= things

    def undo_removal(self) -> None:
        """Bring back what another device removed last."""
        rows = self.store.db.rows(
            """select t.token, r.thing from trash as t join trash_rows as r on r.token = t.token
            where t.elsewhere = 1 and r.place = 'chat_sessions'
                and t.token = (select max(token) from trash where elsewhere = 1)"""
        )
        if not rows:
            return
        things = {row["thing"] for row in rows if row["thing"] not in self.sessions()}
        try:
            self.store.undo.undo(rows[0]["token"])
        except StoreError:
            return
        self.ledger.brought_back |= things | self._inside(things)

    def _inside(self, sessions: set[str]) -> set[str]:
        return {key for key, session_id, _ in self.messages() if session_id in sessions}

    def hide(self) -> None:
        """Keep a conversation on this device only, one that is new or one that is not."""
        if self.rng.random() < 0.5 or not (there := self.sessions()):
            session_id = self.store.conversations.create().id
            self.store.privacy.set_private(session_id, True)
            for _ in range(self.rng.randrange(1, 3)):
                self.write_message(session_id, "secret")
            self.ledger.hidden.add(session_id)
            return
        session_id = self.rng.choice(there)
        if not self.store.sync_metadata.is_private(session_id):
            # neither what waits to be said, nor what needed no word because this disk does not know that it was sent
            unsaid = {
                row["id"]
                for row in self.store.db.rows(
                    """select id from sync_outbox where kind = 'm' and op = 'del' and conv_id = :id
                    union select id from sync_tombstones where kind = 'm' and server_seq = 0""",
                    id=session_id,
                )
            }
            inside = {one.thing for one in self.ledger.written.values() if one.session_id == session_id}
            self.ledger.forgotten += [
                one for one in self.ledger.deleted if one.device == self.name and one.thing in unsaid & inside
            ]
            self.store.privacy.set_private(session_id, True)
            self.ledger.hidden.add(session_id)

    def show(self) -> None:
        """Show a private conversation to the server again."""
        private = [one.id for one in self.store.sync_metadata.private_conversations()]
        if not private:
            return
        session_id = self.rng.choice(sorted(private))
        texts = {one.text for one in self.ledger.written.values() if one.session_id == session_id}
        self.ledger.secrets -= texts | {text for _, _, text in self.messages(session_id)}
        self.store.privacy.set_private(session_id, False)
        self.ledger.brought_back.add(session_id)


def delta(rng: random.Random, **limits: int) -> DeltaSync:
    """The real protocol, with small parcels."""
    return DeltaSync(CAPS, rng=rng, **limits)


__all__ = ["CAPS", "ORIGIN", "USER", "Device", "delta"]


def _tried(answer: Callable[[Request], Response], request: Request) -> Response | Unreachable:
    try:
        return answer(request)
    except Unreachable as error:
        return error
