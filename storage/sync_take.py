"""Which of a server's rows are taken, and what happens to the others.

For each thing: what waits to be sent is kept, and its base does not move, so that the server can tell who had seen
what; a grave here kills what lives there; what is private takes nothing; a row that is older than what is known says
nothing. A row that cannot be taken now, because its thing is in the trash, private or on its way, is laid aside: the
cursor goes on, and such a row would never come again.

While a history is compared with one that went back (``resync``), positions of the old one mean nothing, and values are
weighed by their stamps.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from .json_text import to_json
from .remote import RemoteRow
from .sync_columns import MESSAGE_COLUMNS, is_same
from .sync_conflicts import SyncConflicts

_CONVERSATIONS = """
select j.value as id, s.title as title, s.id is not null as here, p.conv_id is not null as private,
    g.srv_seq as grave, b.op as op, b.restamp as restamp, n.id is not null as noted,
    coalesce(t.srv_seq, 0) as srv_seq, coalesce(t.title_cls, 0) as title_cls, coalesce(t.acked_cls, 0) as cls,
    coalesce(t.title_time, 0) as time, coalesce(t.title_tie, '') as tie
from json_each(:ids) as j
left join chat_sessions as s on s.id = j.value
left join sync_optout as p on p.conv_id = j.value
left join sync_grave as g on g.kind = 'c' and g.id = j.value
left join sync_outbox as b on b.kind = 'c' and b.id = j.value
left join sync_session_state as t on t.session_id = j.value
left join sync_seen as n on n.kind = 'c' and n.id = j.value
"""
_SETTINGS = """
select j.value as id, c.value as value, g.id is not null as here, p.conv_id is not null as private, b.op as op,
    b.restamp as restamp, n.id is not null as noted, coalesce(t.srv_seq, 0) as srv_seq,
    coalesce(t.time, 0) as time, coalesce(t.tie, '') as tie
from json_each(:ids) as j
left join chat_sessions as g on g.id = :session
left join session_settings as c on c.session_id = :session and j.value = :session || '/' || c.key
left join sync_optout as p on p.conv_id = :session
left join sync_outbox as b on b.kind = 's' and b.id = j.value
left join sync_setting_state as t on t.id = j.value
left join sync_seen as n on n.kind = 's' and n.id = j.value
"""
_MESSAGE = f"select {', '.join(MESSAGE_COLUMNS)} from chat_messages where id = :id"


@dataclass(slots=True)
class Page:
    """What is known here of the things that a page speaks of."""

    resync: bool
    now_ms: int
    flying: frozenset[tuple[str, str]]
    """On their way to the server, and the conversations that they belong to."""
    here: Mapping[str, str] = field(default_factory=dict)
    """Message → its conversation."""
    graves: Mapping[str, int] = field(default_factory=dict)
    waiting: Mapping[str, tuple[str, bool]] = field(default_factory=dict)
    """Message → op and whether it offers an old value again."""
    states: Mapping[str, tuple[int, int, str]] = field(default_factory=dict)
    noted: Collection[str] = ()
    private: Collection[str] = ()
    sessions: Collection[str] = ()

    def known(self, message_id: str) -> int:
        """The newest position at which the message is known."""
        if self.resync and message_id not in self.noted:
            return 0
        return self.states.get(message_id, (0, 0, ""))[0]


class SyncTake(SyncConflicts):
    """Rows judged."""

    def _take_rows(self, rows: Iterable[RemoteRow], *, resync: bool, now_ms: int) -> None:
        """Take a page: conversations first."""
        newest: dict[tuple[str, str], RemoteRow] = {}
        for row in rows:
            there = newest.get((row.kind, row.id))
            if there is None or there.seq < row.seq:
                newest[row.kind, row.id] = row
        by_kind: dict[str, list[RemoteRow]] = {"c": [], "m": [], "s": []}
        for row in newest.values():
            by_kind[row.kind].append(row)
        page = Page(resync, now_ms, self._flying())
        with self.applying():
            came = self._take_conversations(by_kind["c"], page)
            self._take_messages(by_kind["m"], page)
            self._take_settings(by_kind["s"], page)
            if resync:
                self._note_seen(newest.values())
            self._take_aside(came, page)

    def _flying(self) -> frozenset[tuple[str, str]]:
        row = self.one("select items from sync_inflight")
        items = json.loads(row["items"]) if row else []
        return frozenset((kind, id_) for kind, id_, _, _ in items) | frozenset(("c", item[3]) for item in items)

    def _take_landed(self, flown: Collection[tuple[str, str]], now_ms: int) -> None:
        """Take what came for things while they were on their way, now that they are not."""
        if flown and self.one("select 1 from sync_aside limit 1"):
            rows = self._from_aside(
                """(kind, id) in (
                    select json_extract(value, '$[0]'), json_extract(value, '$[1]') from json_each(:items))""",
                items=to_json(sorted(flown)),
            )
            self._take_rows(rows, resync=False, now_ms=now_ms)

    # conversations

    def _take_conversations(self, rows: Sequence[RemoteRow], page: Page) -> list[str]:
        """Gives those that are new here."""
        if not rows:
            return []
        facts = {row["id"]: row for row in self.rows(_CONVERSATIONS, ids=to_json([row.id for row in rows]))}
        fresh: list[RemoteRow] = []
        for row in rows:
            fact = facts[row.id]
            known = fact["srv_seq"] if fact["noted"] or not page.resync else 0
            if row.is_dead:
                self._dead_conversation(row, fact, known, page)
            elif fact["private"]:
                self._private_conversation(row, fact, page)
            elif fact["grave"] is not None:
                if self._is_brought_back(row, fact["grave"], fact["op"], page):
                    self.db.execute("delete from sync_grave where kind = 'c' and id = :id", {"id": row.id})
                    fresh.append(row)
                elif page.resync or fact["grave"] < row.seq:
                    self._bury_again(row, fact["op"], page)
            elif row.seq <= known:
                continue
            elif not fact["here"]:
                fresh.append(row)
            elif fact["op"] in ("put", "restore"):
                self._edited_conversation(row, fact, page)
            elif page.resync and row.stamp < _stamp(fact) and row.value and row.value["title"] != fact["title"]:
                self._offer("c", row.id, row.id, row.seq, page.now_ms)
            else:
                if page.resync and fact["title_cls"] and row.value and row.value["title"] != fact["title"]:
                    self._file("c", row.id, row.id, fact["title"], page.now_ms)
                self._adopt_conversation(row)
        self._insert_conversations(fresh)
        return [row.id for row in fresh]

    def _adopt_conversation(self, row: RemoteRow) -> None:
        if row.value is not None:
            self._set_title_to(row)
        self._note_conversation(row)

    def _edited_conversation(self, row: RemoteRow, fact: sqlite3.Row, page: Page) -> None:
        same = row.value is not None and row.value["title"] == fact["title"]
        if ("c", row.id) in page.flying:
            self._lay_aside(row, page)
        elif fact["op"] == "put" and (same or (fact["restamp"] and row.stamp > _stamp(fact))):
            if not same and fact["title_cls"]:
                self._file("c", row.id, row.id, fact["title"], page.now_ms)
            self._unqueue("c", row.id)
            self._adopt_conversation(row)
            return
        self._keep_edit("c", row, page, _stamp(fact))
        self.db.execute(
            """insert into sync_session_state (session_id, created_seq) values (:id, :created)
            on conflict (session_id) do update set created_seq = excluded.created_seq""",
            {"id": row.id, "created": row.created_seq},
        )

    def _private_conversation(self, row: RemoteRow, fact: sqlite3.Row, page: Page) -> None:
        """One that the person took back: a copy that a history brings back is taken back again."""
        if fact["grave"] is not None and (page.resync or fact["grave"] <= 0):
            self._bury_again(row, fact["op"], page)
        else:
            self._lay_aside(row, page)

    def _dead_conversation(self, row: RemoteRow, fact: sqlite3.Row, known: int, page: Page) -> None:
        if row.seq <= known and fact["grave"] is None:
            return
        dies = fact["here"] and not fact["private"] and fact["op"] != "restore"
        if dies and ("c", row.id) in page.flying:
            self._lay_aside(row, page)  # the answer says what the server has of it
            return
        self._bury("c", row, page)
        self._forget_aside(row)
        if dies:
            self._let_die(row.id, page.now_ms)

    def _let_die(self, session_id: str, now_ms: int) -> None:
        """A conversation died elsewhere: what nobody else has of it is kept, the rest goes."""
        self._save_edits(session_id, now_ms)
        self._drop_conversation(session_id)

    def _save_edits(self, session_id: str, now_ms: int) -> None:
        """File and move apart what nobody else has of a conversation that is about to go."""
        edited = self.one(
            """select s.title from chat_sessions as s
            join sync_session_state as t on t.session_id = s.id and t.srv_seq > 0 and t.title_cls = 1
            join sync_outbox as o on o.kind = 'c' and o.id = s.id and o.op = 'put'
            where s.id = :id""",
            id=session_id,
        )
        if edited is not None:
            self._file("c", session_id, session_id, edited["title"], now_ms)
        for row in self.rows(
            """select m.id, m.content from sync_outbox as o
            join chat_messages as m on m.id = o.id
            join sync_message_state as t on t.message_id = m.id and t.srv_seq > 0
            where o.conv_id = :id and o.kind = 'm' and o.op = 'put'""",
            id=session_id,
        ):
            self._file("m", row["id"], session_id, row["content"], now_ms)
        self._file_prompt(session_id, now_ms)
        self._rescue(session_id)

    # messages

    def _take_messages(self, rows: Sequence[RemoteRow], page: Page) -> None:
        if not rows:
            return
        self._look_up(rows, page)
        fresh: list[RemoteRow] = []
        same: list[RemoteRow] = []
        for row in rows:
            at = page.here.get(row.id)
            if row.is_dead:
                self._dead_message(row, at, page)
            elif row.session_id in page.private or row.session_id not in page.sessions:
                self._lay_aside(row, page)
            elif row.id in page.graves:
                self._graved_message(row, fresh, page)
            elif row.seq <= page.known(row.id):
                continue
            elif at is None:
                fresh.append(row)
            elif at in page.private:
                self._name_anew(row.id)
                fresh.append(row)
            elif row.id in page.waiting:
                self._edited_message(row, page)
            elif page.resync:
                self._weigh_message(row, same, page)
            else:
                self._update_message(row)
                same.append(row)
        self._note_messages(same)
        self._insert_messages(fresh)

    def _graved_message(self, row: RemoteRow, fresh: list[RemoteRow], page: Page) -> None:
        grave, op = page.graves[row.id], page.waiting.get(row.id, (None, False))[0]
        if self._is_brought_back(row, grave, op, page):
            self.db.execute("delete from sync_grave where kind = 'm' and id = :id", {"id": row.id})
            fresh.append(row)
        elif page.resync or grave < row.seq:
            self._bury_again(row, op, page)

    def _edited_message(self, row: RemoteRow, page: Page) -> None:
        op, restamp = page.waiting[row.id]
        stamp = (0, *page.states.get(row.id, (0, 0, ""))[1:])
        if ("m", row.id) in page.flying:
            self._lay_aside(row, page)
        elif op == "put":
            mine = self.one(_MESSAGE, id=row.id)
            same = mine is not None and row.value is not None and is_same(dict(mine), row.value)
            if same or (restamp and row.stamp > stamp):
                if mine is not None and row.value is not None and mine["content"] != row.value["content"]:
                    self._file("m", row.id, row.session_id, mine["content"], page.now_ms)
                self._unqueue("m", row.id)
                if not same:
                    self._update_message(row)
                self._note_messages([row])
                return
        self._keep_edit("m", row, page, stamp)

    def _weigh_message(self, row: RemoteRow, same: list[RemoteRow], page: Page) -> None:
        mine = self.one(_MESSAGE, id=row.id)
        assert mine is not None
        if row.value is not None and not is_same(dict(mine), row.value):
            if row.stamp < (0, *page.states.get(row.id, (0, 0, ""))[1:]):
                self._offer("m", row.id, row.session_id, row.seq, page.now_ms)
                return
            if mine["content"] != row.value["content"]:
                self._file("m", row.id, row.session_id, mine["content"], page.now_ms)
            self._update_message(row)
        same.append(row)

    def _dead_message(self, row: RemoteRow, at: str | None, page: Page) -> None:
        if row.seq <= page.known(row.id) and row.id not in page.graves:
            return
        if row.session_id not in page.sessions or ("m", row.id) in page.flying:
            self._lay_aside(row, page)  # an undo may bring it back; what the server has of it, the answer says
            self._bury("m", row, page, known=False)
            return
        self._bury("m", row, page)
        self.db.execute("delete from sync_aside where kind = 'm' and id = :id", {"id": row.id})
        if at is None or at in page.private or page.waiting.get(row.id, ("", False))[0] == "restore":
            return
        if row.id in page.waiting:
            mine = self.one("select content from chat_messages where id = :id", id=row.id)
            if mine is not None:
                self._file("m", row.id, at, mine["content"], page.now_ms)
            self._unqueue("m", row.id)
        self._delete_message_row(row.id, at)

    def _look_up(self, rows: Sequence[RemoteRow], page: Page) -> None:
        ids = to_json([row.id for row in rows])
        sessions = {row.session_id for row in rows}
        page.here = {
            row["id"]: row["session_id"]
            for row in self.rows(
                "select id, session_id from chat_messages where id in (select value from json_each(:ids))", ids=ids
            )
        }
        page.states = {
            row["message_id"]: (row["srv_seq"], row["body_time"], row["body_tie"])
            for row in self.rows(
                """select message_id, srv_seq, body_time, body_tie from sync_message_state
                where message_id in (select value from json_each(:ids))""",
                ids=ids,
            )
        }
        page.graves = {
            row["id"]: row["srv_seq"]
            for row in self.rows(
                """select id, srv_seq from sync_grave
                where kind = 'm' and id in (select value from json_each(:ids))""",
                ids=ids,
            )
        }
        page.waiting = {
            row["id"]: (row["op"], bool(row["restamp"]))
            for row in self.rows(
                """select id, op, restamp from sync_outbox
                where kind = 'm' and id in (select value from json_each(:ids))""",
                ids=ids,
            )
        }
        if page.resync:
            page.noted = {
                row["id"]
                for row in self.rows(
                    "select id from sync_seen where kind = 'm' and id in (select value from json_each(:ids))", ids=ids
                )
            }
        places = to_json(sorted(sessions | set(page.here.values())))
        page.sessions = {
            row["id"]
            for row in self.rows(
                "select id from chat_sessions where id in (select value from json_each(:ids))", ids=places
            )
        }
        page.private = {
            row["conv_id"]
            for row in self.rows(
                "select conv_id from sync_optout where conv_id in (select value from json_each(:ids))", ids=places
            )
        }

    # settings

    def _take_settings(self, rows: Sequence[RemoteRow], page: Page) -> None:
        for row in rows:
            fact = self.one(_SETTINGS, ids=to_json([row.id]), session=row.session_id)
            assert fact is not None
            known = fact["srv_seq"] if fact["noted"] or not page.resync else 0
            value = None if row.is_dead or row.value is None else row.value["value"]
            same = value == fact["value"]
            stamp = (0, fact["time"], fact["tie"])
            if fact["private"] or not fact["here"]:
                self._lay_aside(row, page)
            elif row.seq <= known:
                continue
            elif fact["op"] is not None:
                self._edited_setting(row, fact, page, same)
            elif page.resync and not same and row.stamp < stamp:
                self._offer(
                    "s", row.id, row.session_id, row.seq, page.now_ms, "del" if fact["value"] is None else "put"
                )
            else:
                if page.resync and not same:
                    self._file_setting(row.id, row.session_id, fact["value"], page.now_ms)
                self._adopt_setting(row)

    def _adopt_setting(self, row: RemoteRow) -> None:
        self._set_setting(row)
        self._note_setting(row)

    def _edited_setting(self, row: RemoteRow, fact: sqlite3.Row, page: Page, same: bool) -> None:
        stamp = (0, fact["time"], fact["tie"])
        if ("s", row.id) in page.flying:
            self._lay_aside(row, page)
        elif same or (fact["restamp"] and row.stamp > stamp):
            if not same:
                self._file_setting(row.id, row.session_id, fact["value"], page.now_ms)
            self._unqueue("s", row.id)
            self._adopt_setting(row)
            return
        self._keep_edit("s", row, page, stamp)

    # all kinds

    def _is_brought_back(self, row: RemoteRow, grave: int, op: str | None, page: Page) -> bool:
        """Whether a person brought it back after the deletion here was acknowledged."""
        return not page.resync and op != "del" and 0 < grave < row.created_seq

    def _bury(self, kind: str, row: RemoteRow, page: Page, *, known: bool = True) -> None:
        """The server has written a death down."""
        self.db.execute(
            "update sync_grave set srv_seq = :seq where kind = :kind and id = :id",
            {"seq": row.seq, "kind": kind, "id": row.id},
        )
        if known:
            self._know(kind, row.id, row.seq)
        if (kind, row.id) not in page.flying:
            self.db.execute(
                "delete from sync_outbox where kind = :kind and id = :id and op = 'del'", {"kind": kind, "id": row.id}
            )

    def _bury_again(self, row: RemoteRow, op: str | None, page: Page) -> None:
        """It lives there and is buried here: another copy of this file, or a history that went back, sent it."""
        self._lay_aside(row, page)
        covered = row.kind == "c" and self.one(
            "select 1 from sync_outbox where kind = 'x' and arg >= :created", created=row.created_seq
        )
        if op != "del" and not covered:
            self._queue_op(row.kind, row.id, row.session_id, "del", page.now_ms)

    def _keep_edit(self, kind: str, row: RemoteRow, page: Page, stamp: tuple[int, int, str]) -> None:
        """What waits stays. A server that has the row must hear of a deletion, whoever sent it."""
        self.db.execute("update sync_outbox set sent = 1 where kind = :kind and id = :id", {"kind": kind, "id": row.id})
        if page.resync:
            # who wrote it had seen what this history says, or something newer; or had not: then no position is right
            self._know(kind, row.id, row.seq if row.stamp <= stamp else row.seq - 1)

    def _know(self, kind: str, id_: str, seq: int) -> None:
        """Move the position at which a thing is known, and nothing else."""
        table, key = {
            "c": ("sync_session_state", "session_id"),
            "m": ("sync_message_state", "message_id"),
            "s": ("sync_setting_state", "id"),
        }[kind]
        self.db.execute(
            f"""insert into {table} ({key}, srv_seq) values (:id, :seq)
            on conflict ({key}) do update set srv_seq = excluded.srv_seq""",
            {"id": id_, "seq": seq},
        )

    def _offer(self, kind: str, id_: str, session_id: str, seq: int, now_ms: int, op: str = "put") -> None:
        """Say an acknowledged value again, with its own stamp, to a history that has an older one or none."""
        self._know(kind, id_, seq)
        self._queue_op(kind, id_, session_id, op, now_ms, restamp=1)

    def _queue_op(self, kind: str, id_: str, session_id: str, op: str, now_ms: int, *, restamp: int = 0) -> None:
        self.db.execute(
            """insert into sync_outbox (kind, id, conv_id, op, edited_at, restamp)
            values (:kind, :id, :session, :op, :ms, :restamp)
            on conflict (kind, id) do update set op = excluded.op, rev = rev + 1, edited_at = excluded.edited_at,
                restamp = excluded.restamp""",
            {"kind": kind, "id": id_, "session": session_id, "op": op, "ms": now_ms, "restamp": restamp},
        )

    def _unqueue(self, kind: str, id_: str) -> None:
        self.db.execute("delete from sync_outbox where kind = :kind and id = :id", {"kind": kind, "id": id_})

    # aside

    def _lay_aside(self, row: RemoteRow, page: Page) -> None:
        if page.resync:
            self._know(row.kind, row.id, row.seq - 1)  # the position that it had in the old history means nothing
        self.db.execute(
            """insert into sync_aside (kind, id, session_id, seq, content)
            values (:kind, :id, :session, :seq, :content)
            on conflict (kind, id) do update set
                session_id = excluded.session_id, seq = excluded.seq, content = excluded.content
            where seq <= excluded.seq""",
            {
                "kind": row.kind,
                "id": row.id,
                "session": row.session_id,
                "seq": row.seq,
                "content": to_json(asdict(row)),
            },
        )

    def _forget_aside(self, grave: RemoteRow) -> None:
        """A conversation died there: only a restore brings back what lived in it, as new; not what died before it."""
        self.db.execute(
            """delete from sync_aside
            where session_id = :id and seq < :seq and not json_extract(content, '$.is_dead')""",
            {"id": grave.id, "seq": grave.seq},
        )

    def _from_aside(self, where: str, /, **values: str) -> list[RemoteRow]:
        """Rows that were laid aside; they are not any more."""
        found = self.rows(f"delete from sync_aside where {where} returning content, seq", **values)
        return [RemoteRow(**json.loads(row["content"])) for row in sorted(found, key=lambda row: int(row["seq"]))]

    def _take_aside(self, session_ids: Collection[str], page: Page) -> None:
        """What came before its conversation."""
        if session_ids and self.one("select 1 from sync_aside limit 1"):
            rows = self._from_aside(
                "kind <> 'c' and session_id in (select value from json_each(:ids))", ids=to_json(sorted(session_ids))
            )
            self._take_messages([row for row in rows if row.kind == "m"], page)
            self._take_settings([row for row in rows if row.kind == "s"], page)

    def _note_seen(self, rows: Iterable[RemoteRow]) -> None:
        self.db.executemany(
            "insert into sync_seen (kind, id) values (?, ?) on conflict do nothing",
            [(row.kind, row.id) for row in rows],
        )


def _stamp(fact: sqlite3.Row) -> tuple[int, int, str]:
    return fact["cls"], fact["time"], fact["tie"]
