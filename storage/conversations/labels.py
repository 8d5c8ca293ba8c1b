"""Labels of conversations: pinned, archived, and tags.

Each label is a setting of its conversation, each tag one of its own, so that two devices that tag at once both keep
their tags: docs/specification/schema.md#labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..errors import Invalid, NotFound
from ..json_text import to_json
from ..records import Trashed
from .conversations import NO_SUCH_CONVERSATION
from .tags import ARCHIVED, PINNED, TAG, Labels, labels_of, tag_name
from .trash_rows import TrashRows

MOST_TAGS = 50
"""Tags of one conversation."""

_IS_SET = "value not in ('false', 'null')"


@dataclass(frozen=True, slots=True)
class LabelChange:
    """Change of labels; None leaves one as it is."""

    pinned: bool | None = None
    archived: bool | None = None
    add: tuple[str, ...] = ()
    """Names of tags to add."""
    remove: tuple[str, ...] = ()
    """Names of tags to take away."""


@in_sentences
class ConversationLabels:
    """Pins, archive and tags."""

    def __init__(self, db: Database, trash_rows: TrashRows) -> None:
        self.db = db
        self._trash_rows = trash_rows

    def of(self, session_id: str) -> Labels:
        """Return the labels of a conversation."""
        return labels_of(self._keys(session_id))

    def change(self, session_ids: Sequence[str], change: LabelChange) -> Trashed | None:
        """Change labels of these conversations, as one step for undo; None when all of them have them already.

        Conversations that are gone are left out. Raises NotFound when all are; Invalid for what is no tag.
        """
        wanted = dict(_wanted(change))
        with self.db.write():
            rows = self.db.rows(
                """select s.id, s.title from json_each(:ids) as j join chat_sessions as s on s.id = j.value
                order by coalesce(s.last_message_timestamp, s.created_at) desc, s.id desc""",
                ids=to_json(list(dict.fromkeys(session_ids))),
            )
            if not rows:
                raise NotFound(NO_SUCH_CONVERSATION)
            changed = {row["id"]: self._apply(row["id"], wanted) for row in rows}
            before = {session_id: labels for session_id, labels in changed.items() if labels}
            if not before:
                return None
            title = next(row["title"] for row in rows if row["id"] in before)
            token = self._trash_rows.add_entry("session", title, len(before), 0, indexed=False)
            self.db.execute(
                "update trash set labels = :labels where token = :token", {"labels": to_json(before), "token": token}
            )
            return self._trash_rows.entry(token)

    def toggle_pinned(self, session_ids: Sequence[str]) -> tuple[bool, Trashed | None]:
        """Pin these conversations, or unpin them if all are pinned; returns whether they are now, and the change."""
        is_pinned = not self._all_have(session_ids, PINNED)
        return is_pinned, self.change(session_ids, LabelChange(pinned=is_pinned))

    def toggle_archived(self, session_ids: Sequence[str]) -> tuple[bool, Trashed | None]:
        """Archive these conversations, or take all back if all are archived; returns as :meth:`toggle_pinned` does."""
        is_archived = not self._all_have(session_ids, ARCHIVED)
        return is_archived, self.change(session_ids, LabelChange(archived=is_archived))

    def _all_have(self, session_ids: Sequence[str], key: str) -> bool:
        missing = self.db.one(
            f"""select 1 from json_each(:ids) as j join chat_sessions as s on s.id = j.value
            where s.id not in (select session_id from session_settings where key = :key and {_IS_SET}) limit 1""",
            ids=to_json(list(session_ids)), key=key,
        )  # fmt: skip
        return missing is None

    def restore(self, before: Mapping[str, Mapping[str, bool]]) -> list[str]:
        """Give conversations the labels that they had before a change; returns those that are still here."""
        back = []
        for session_id, wanted in before.items():
            if self.db.one("select 1 from chat_sessions where id = :id", id=session_id):
                self._apply(session_id, wanted)
                back.append(session_id)
        return back

    def _apply(self, session_id: str, wanted: Mapping[str, bool]) -> dict[str, bool]:
        """Give a conversation these labels or take them away; returns what those that changed were before."""
        now = self._keys(session_id)
        before = {key: key in now for key, value in wanted.items() if (key in now) != value}
        after = now | {key for key in before if wanted[key]}
        if after - now and sum(key.startswith(TAG) for key in after) > MOST_TAGS:
            raise Invalid(f"A conversation has at most {MOST_TAGS} tags.")
        for key in before:
            if wanted[key]:
                self.db.execute(
                    """insert into session_settings (session_id, key, value) values (:id, :key, 'true')
                    on conflict (session_id, key) do update set value = excluded.value""",
                    {"id": session_id, "key": key},
                )
            else:
                self.db.execute(
                    "delete from session_settings where session_id = :id and key = :key", {"id": session_id, "key": key}
                )
        if before:
            self.db.touch(session_id)
        return before

    def _keys(self, session_id: str) -> set[str]:
        rows = self.db.rows(f"select key from session_settings where session_id = :id and {_IS_SET}", id=session_id)
        return {row["key"] for row in rows}


def _wanted(change: LabelChange) -> Iterator[tuple[str, bool]]:
    """Yield the settings of a change. Raises Invalid for what is no tag, or is both added and taken away."""
    if change.pinned is not None:
        yield PINNED, change.pinned
    if change.archived is not None:
        yield ARCHIVED, change.archived
    added, removed = _names(change.add), _names(change.remove)
    if both := added & removed:
        raise Invalid(f"#{min(both)} cannot be added and removed at once.")
    yield from ((TAG + name, True) for name in sorted(added))
    yield from ((TAG + name, False) for name in sorted(removed))


def _names(texts: Iterable[str]) -> set[str]:
    return {tag_name(text) for text in texts}
