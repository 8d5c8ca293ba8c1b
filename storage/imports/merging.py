"""Newer and older states of an imported conversation that is here: what changes, and what stays a person's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from ..clock import parse, stamp
from ..conversations.message_order import MICROSECOND
from ..conversations.shown_branch import BRANCH_END, LEAF, ShownBranch
from ..conversations.tags import ARCHIVED, PINNED, TAG
from ..database.connection import Database
from ..json_text import from_json, json_object, to_json
from .records import DETAILS, IMPORTED, MESSAGE_ID, PROJECT, RESUME, TEXT_MARK, IncomingConversation, text_mark

_FOLLOWING = (PROJECT, RESUME, DETAILS, IMPORTED)
"""Settings that say what the source says, and that nobody edits."""
UPDATED = (
    "content", "model", "total_tokens", "input_tokens", "output_tokens", "elapsed_time", "elapsed_ms", "error_message",
    "metadata", "reasoning", "has_attachments", "attachment_count", "has_websearch", "websearch_result_count",
)  # fmt: skip
"""Columns of a message that a newer state of it replaces."""


@dataclass(slots=True)
class Plan:
    """What an import changes in a conversation that is here."""

    added: list[int] = field(default_factory=list)
    """Positions of messages to add."""
    changed: list[int] = field(default_factory=list)
    """Positions of messages whose text or facts the source changed."""
    title: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    """Settings to write; None takes one away."""
    pinned_leaf: bool = False
    """The branch that is shown was continued here: it stays shown."""
    kept: int = 0
    is_older: bool = False

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.changed or self.title is not None or self.settings.keys() - {IMPORTED})


class Merging:
    """Comparison of an incoming conversation with the one that is here, and its changes."""

    def __init__(self, db: Database, shown_branch: ShownBranch) -> None:
        self.db = db
        self._shown_branch = shown_branch

    def plan(self, incoming: IncomingConversation, *, restore: bool) -> Plan:
        """Return what changes. Nothing is written."""
        settings = self._settings(incoming.id)
        session = self.db.one("select title, updated_at from chat_sessions where id = :id", id=incoming.id)
        assert session is not None
        base = settings.get(IMPORTED)
        base = base if isinstance(base, dict) else {}
        plan = Plan()
        if not incoming.has_ids:
            return plan
        if incoming.is_own:
            plan.is_older = incoming.updated_at <= session["updated_at"]
        elif base.get("digest") == incoming.digest and not restore and not incoming.is_partial:
            return plan
        else:
            plan.is_older = _version(base.get("version")) > incoming.version
        has_own = self._plan_messages(incoming, plan, restore=restore)
        if not plan.is_older:
            self._plan_title(incoming, session["title"], base, plan)
            self._plan_settings(incoming, settings, base, plan, has_own=has_own)
        if plan.is_empty and _version(base.get("version")) >= incoming.version:
            plan.settings.clear()  # the same from another file
        plan.pinned_leaf = has_own and bool(plan.added)
        return plan

    def _plan_messages(self, incoming: IncomingConversation, plan: Plan, *, restore: bool) -> bool:
        """Plan what becomes of messages; returns whether the conversation was continued here."""
        marks: dict[str, str] = {}
        texts: dict[str, str] = {}
        own = False
        for row in self.db.execute(
            "select id, content, reasoning, metadata from chat_messages where session_id = :id", {"id": incoming.id}
        ):
            mark = json_object(row["metadata"]).get(IMPORTED)
            own = own or not row["id"].startswith(MESSAGE_ID)
            marks[row["id"]] = mark if isinstance(mark, str) else ""
            texts[row["id"]] = text_mark(row["content"], row["reasoning"])
        deleted = set() if restore else {row["id"] for row in self.db.rows(
            "select id from deleted_items where session_id = :id and kind = 'message'", id=incoming.id
        )}  # fmt: skip
        for place, row in enumerate(incoming.messages):
            id_ = row["id"]
            if id_ not in marks:
                if id_ not in deleted:
                    plan.added.append(place)
            elif plan.is_older:
                continue
            elif incoming.is_own:
                if texts[id_] != text_mark(row["content"], row["reasoning"]):
                    plan.changed.append(place)
            elif (new := json_object(row["metadata"])[IMPORTED]) != marks[id_]:
                if marks[id_][:TEXT_MARK] == texts[id_] or new[:TEXT_MARK] == texts[id_]:
                    plan.changed.append(place)
                else:
                    plan.kept += 1
        return own and not incoming.is_own

    def _plan_title(self, incoming: IncomingConversation, title: str, base: Mapping[str, Any], plan: Plan) -> None:
        if incoming.title == title or incoming.title == base.get("title"):
            return
        if incoming.settings.get(IMPORTED, {}).get("untitled"):  # its first question may be gone
            return
        if title == base.get("title") or incoming.is_own:
            plan.title = incoming.title
        else:
            plan.kept += 1

    def _plan_settings(
        self,
        incoming: IncomingConversation,
        settings: Mapping[str, Any],
        base: Mapping[str, Any],
        plan: Plan,
        *,
        has_own: bool,
    ) -> None:
        if incoming.is_own:
            plan.settings = {key: value for key, value in incoming.settings.items() if settings.get(key) != value}
            return
        wanted = incoming.settings
        if incoming.is_partial:
            wanted = {**wanted, IMPORTED: _extended(base, incoming)}
        elif "title" in base and "untitled" in wanted.get(IMPORTED, {}):
            wanted = {**wanted, IMPORTED: wanted[IMPORTED] | {"title": base["title"]}}
        for key in _FOLLOWING:
            if (value := wanted.get(key)) is not None and settings.get(key) != value:
                plan.settings[key] = value
        if not base:
            return
        before = {key for key in base.get("labels", ()) if isinstance(key, str)}
        here = {key for key, value in settings.items() if _is_label(key) and value}
        for key in (incoming.labels.keys() - before) if incoming.is_partial else (before ^ incoming.labels.keys()):
            if (key in here) == (key in before):
                plan.settings[key] = True if key in incoming.labels else None
        if (
            incoming.leaf is not None
            and not has_own
            and incoming.leaf != base.get("leaf")
            and settings.get(LEAF) == base.get("leaf")
        ):
            plan.settings[LEAF] = incoming.leaf

    def apply(self, incoming: IncomingConversation, plan: Plan) -> dict[str, Any]:
        """Write the changes, inside of a write that applies rows as they are. Returns what was there before."""
        id_ = incoming.id
        session = self.db.one("select title, updated_at, last_activity from chat_sessions where id = :id", id=id_)
        assert session is not None
        settings = self._settings(id_)
        if plan.pinned_leaf:
            plan.settings[LEAF] = self._shown_branch.leaf(id_)
        before: dict[str, Any] = {
            "settings": {key: settings.get(key) for key in plan.settings},
            "added": [incoming.messages[place]["id"] for place in plan.added],
            "changed": [self._change(incoming.messages[place]) for place in plan.changed],
        }
        if plan.title is not None:
            before["title"] = [session["title"], plan.title]
            self.db.execute("update chat_sessions set title = :title where id = :id", {"title": plan.title, "id": id_})
        for key, value in plan.settings.items():
            self.write_setting(id_, key, value)
        if plan.added:
            self.db.insert_many("chat_messages", self._added_rows(incoming, plan))
        if isinstance(leaf := plan.settings.get(LEAF), str) and not plan.pinned_leaf:
            end = self._shown_branch.branch_end(self._shown_branch.tree(id_), leaf)
            if end != settings.get(BRANCH_END):
                plan.settings[BRANCH_END], before["settings"][BRANCH_END] = end, settings.get(BRANCH_END)
                self.write_setting(id_, BRANCH_END, end)
        self.db.execute(
            """update chat_sessions set updated_at = max(updated_at, :at), last_activity = max(last_activity, :at)
            where id = :id""",
            {"at": incoming.updated_at, "id": id_},
        )
        return before

    def write_setting(self, session_id: str, key: str, value: Any) -> None:
        """Write a setting; None takes it away."""
        values = {"id": session_id, "key": key}
        if value is None:
            self.db.execute("delete from session_settings where session_id = :id and key = :key", values)
        else:
            self.db.execute(
                """insert into session_settings (session_id, key, value) values (:id, :key, :value)
                on conflict (session_id, key) do update set value = excluded.value""",
                {**values, "value": to_json(value)},
            )

    def _change(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Replace a message; returns the columns that it had, with the mark of its new text."""
        columns = ", ".join(UPDATED)
        old = self.db.one(f"select id, {columns} from chat_messages where id = :id", id=row["id"])
        assert old is not None
        sets = ", ".join(f"{name} = :{name}" for name in UPDATED)
        self.db.execute(
            f"update chat_messages set {sets} where id = :id", {name: row[name] for name in ("id", *UPDATED)}
        )
        return {**dict(old), "mark": text_mark(row["content"], row["reasoning"])}

    def _added_rows(self, incoming: IncomingConversation, plan: Plan) -> list[dict[str, Any]]:
        """Return rows of messages to add, each after a parent that is here."""
        here = {
            row["id"]: row["message_timestamp"]
            for row in self.db.rows(
                "select id, message_timestamp from chat_messages where session_id = :id", id=incoming.id
            )
        }
        above = dict(zip((row["id"] for row in incoming.messages), incoming.parents, strict=True))
        newest = max(((at, id_) for id_, at in here.items()), default=("", ""))
        stays_line = not plan.pinned_leaf and self._shown_branch.is_line(incoming.id) and _stays_line(incoming, here)
        rows = []
        for place in plan.added:
            row = dict(incoming.messages[place])
            parent = incoming.parents[place]
            while parent and parent not in here:
                parent = above.get(parent, "")
            if incoming.is_partial and not parent:
                parent = newest[1]  # what it follows was hidden, or deleted here
            if parent and row["message_timestamp"] <= here[parent]:
                row["message_timestamp"] = stamp(parse(here[parent]) + MICROSECOND)
            row["parent_id"] = None if stays_line else parent
            here[row["id"]] = row["message_timestamp"]
            rows.append(row)
        return rows

    def _settings(self, session_id: str) -> dict[str, Any]:
        rows = self.db.rows("select key, value from session_settings where session_id = :id", id=session_id)
        return {row["key"]: from_json(row["value"]) for row in rows}


def _stays_line(incoming: IncomingConversation, here: Mapping[str, str]) -> bool:
    """Return whether messages without parents stand in the order of the source."""
    times = [here.get(row["id"], row["message_timestamp"]) for row in incoming.messages]
    if not incoming.is_line or not all(earlier < later for earlier, later in pairwise(times)):
        return False
    if not incoming.is_partial or incoming.messages[0]["id"] in here:
        return True
    newest = max(((at, id_) for id_, at in here.items()), default=("", ""))
    return times[0] > newest[0] and incoming.parents[0] in ("", newest[1])


def _extended(base: Mapping[str, Any], incoming: IncomingConversation) -> dict[str, Any]:
    """Return what a later import compares with, after one that brought a part."""
    new = dict(incoming.settings.get(IMPORTED, incoming.base))
    if new.pop("untitled", False) and "title" in base:
        new["title"] = base["title"]
    new["labels"] = sorted({*base.get("labels", ()), *new["labels"]})
    new["leaf"] = new["leaf"] or base.get("leaf")
    new["version"] = list(max(_version(base.get("version")), incoming.version))
    new["digest"] = ""
    return new


def _is_label(key: str) -> bool:
    return key in (PINNED, ARCHIVED) or key.startswith(TAG)


def _version(value: object) -> tuple[int, int]:
    if isinstance(value, list) and len(value) == 2 and all(type(part) is int for part in value):
        return value[0], value[1]
    return 0, 0
