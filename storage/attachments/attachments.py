"""Attachments of messages and drafts: what is known of each file, who uses it, and the end of those nobody uses.

Which files a message has attached stands in its metadata; triggers keep ``message_attachments`` from it. A draft names
its own. A file is used as long as a message, a draft or the trash names it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from ..clock import stamp
from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..records import Attachment
from .files import AttachmentFiles

SPARED = timedelta(hours=1)
"""Age below which an unused file stays: another window may be about to name it."""

_UNUSED = """
select a.id from attachments as a
where a.created_at < :before
    and not exists (select 1 from message_attachments as m where m.attachment_id = a.id)
    and not exists (
        select 1 from drafts as d, json_each(d.attachments) as j where json_extract(j.value, '$.id') = a.id)
    and not exists (select 1 from live_replies as l where instr(l.metadata, a.id))
    and not exists (select 1 from trash_rows as t where instr(t.content, a.id))
"""


@dataclass(frozen=True, slots=True)
class UsedAttachment:
    """Attachment of a message, for a list."""

    attachment: Attachment
    session_id: str
    session_title: str
    message_id: str
    at: str
    """Time of the message."""
    is_here: bool
    """False while its file has not been downloaded."""
    refused: str | None = None
    """Why the account's server does not take it."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """File that the server does not have, or that this computer does not."""

    id: str
    size: int


@in_sentences
class Attachments:
    """Facts of each attached file."""

    def __init__(self, db: Database, files: AttachmentFiles) -> None:
        self.db = db
        self.files = files

    def add(self, attachment: Attachment) -> None:
        """Note a file that has just been kept, before a draft or a message names it."""
        with self.db.write():
            self.db.execute(
                """insert into attachments (id, media_type, size, created_at) values (:id, :type, :size, :now)
                on conflict (id) do update set created_at = excluded.created_at""",
                {
                    "id": attachment.id,
                    "type": attachment.media_type,
                    "size": attachment.size,
                    "now": self.db.stamp(),
                },
            )

    def used(self, session_id: str | None = None) -> list[UsedAttachment]:
        """Return the attachments of one conversation, or of all, the newest message first."""
        rows = self.db.rows(
            """select a.attachment_id, a.name, a.media_type, a.size, m.session_id, s.title, m.id, m.message_timestamp,
                k.refused
            from message_attachments as a
            left join attachments as k on k.id = a.attachment_id
            join chat_messages as m on m.id = a.message_id
            join chat_sessions as s on s.id = m.session_id
            where :session is null or m.session_id = :session
            order by m.message_timestamp desc, m.id desc, a.position""",
            session=session_id,
        )
        return [
            UsedAttachment(
                Attachment(row["attachment_id"], row["name"], row["media_type"], row["size"]),
                row["session_id"],
                row["title"],
                row["id"],
                row["message_timestamp"],
                self.files.has(row["attachment_id"]),
                row["refused"],
            )
            for row in rows
        ]

    def sweep(self) -> int:
        """Remove the files that no message, draft or deletion that can be undone names; return how many there were."""
        if self.db.read_only is not None:
            return 0
        before = self.db.now() - SPARED
        if self.db.one(f"{_UNUSED} limit 1", before=stamp(before)) is not None:
            with self.db.write():
                for row in self.db.rows(_UNUSED, before=stamp(before)):
                    self.db.execute("delete from attachments where id = :id", {"id": row["id"]})
        known = {row["id"] for row in self.db.rows("select id from attachments")}
        known |= {row["id"] for row in self.db.rows("select distinct attachment_id as id from message_attachments")}
        # a file that has just been attached again is new, although nothing names it yet
        gone = [name for name, time in self.files.ids() if name not in known and time < before.timestamp()]
        for attachment_id in gone:
            self.files.remove(attachment_id)
        self.files.remove_leftovers((before - timedelta(days=1)).timestamp())
        return len(gone)

    def copy_from(self, other: Attachments) -> None:
        """Take over the files of another history that messages or drafts of this one name."""
        rows = self.db.rows(
            """select attachment_id as id, media_type, size from message_attachments
            union select json_extract(j.value, '$.id'), json_extract(j.value, '$.type'), json_extract(j.value, '$.size')
            from drafts as d, json_each(d.attachments) as j"""
        )
        for row in rows:
            if not self.files.has(row["id"]) and self.files.copy_from(other.files, row["id"]):
                self.add(Attachment(row["id"], "", row["media_type"], row["size"]))

    # Sync

    def unsent(self, limit: int) -> list[Transfer]:
        """Return files of messages that are synced which the account's server does not have, the newest first."""
        rows = self.db.rows(
            """select a.id, a.size, max(m.message_timestamp) as at
            from attachments as a
            join message_attachments as l on l.attachment_id = a.id
            join chat_messages as m on m.id = l.message_id
            join sync_message_state as s on s.message_id = m.id and s.server_seq > 0
            where a.uploaded = 0 and a.refused is null
                and m.session_id not in (select conv_id from sync_private)
            group by a.id order by at desc limit :limit""",
            limit=limit,
        )
        return [Transfer(row["id"], row["size"]) for row in rows if self.files.has(row["id"])]

    def missing(self, limit: int) -> list[Transfer]:
        """Return files of messages that a server acknowledged and that are not here, the newest first."""
        rows = self.db.rows(
            """select l.attachment_id as id, max(l.size) as size, max(m.message_timestamp) as at
            from message_attachments as l
            join chat_messages as m on m.id = l.message_id
            join sync_message_state as s on s.message_id = m.id and s.server_seq > 0
            where not exists (select 1 from attachments as a where a.id = l.attachment_id)
            group by l.attachment_id order by at desc limit :limit""",
            limit=limit,
        )
        return [Transfer(row["id"], row["size"]) for row in rows]

    def complete(self, attachment_id: str) -> bool:
        """Take over a file that was downloaded; False when its content is not what its id says."""
        row = self.db.one(
            "select media_type from message_attachments where attachment_id = :id limit 1", id=attachment_id
        )
        if row is None or not self.files.complete(attachment_id):
            self.files.discard(attachment_id)
            return row is None  # no message has it any more
        size = self.files.path(attachment_id).stat().st_size
        with self.db.write():
            self.add(Attachment(attachment_id, "", row["media_type"], size))
            self.mark_uploaded(attachment_id)
            sessions = self.db.rows(
                """select distinct m.session_id as id from message_attachments as a
                join chat_messages as m on m.id = a.message_id where a.attachment_id = :id""",
                id=attachment_id,
            )
            self.db.touch(*(row["id"] for row in sessions))
        return True

    def mark_uploaded(self, attachment_id: str) -> None:
        """Note that the account's server has a file."""
        with self.db.write():
            self.db.execute("update attachments set uploaded = 1, refused = null where id = :id", {"id": attachment_id})

    def refused(self) -> dict[str, int]:
        """Return how many files the account's server does not take, by the reason."""
        rows = self.db.rows(
            """select refused as reason, count(*) as n from attachments as a
            where refused is not null
                and exists (select 1 from message_attachments as m where m.attachment_id = a.id)
            group by refused order by n desc, reason"""
        )
        return {row["reason"]: row["n"] for row in rows}

    def forget_refusals(self) -> None:
        """Forget which files the account's server refused: it may have room for them now."""
        if self.db.one("select 1 from attachments where refused is not null") is not None:
            with self.db.write():
                self.db.execute("update attachments set refused = null")

    def mark_refused(self, attachment_id: str, reason: str) -> None:
        """Note why the account's server does not take a file."""
        with self.db.write():
            self.db.execute(
                "update attachments set refused = :reason where id = :id", {"id": attachment_id, "reason": reason}
            )
