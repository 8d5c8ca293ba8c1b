"""Functions of the specification that no screen or command needs, for programs that use the history as a library.

The names, arguments and results are those of the server's functions: see docs/specification/functions.md. The functions
that the program itself calls are methods of the topics, such as :meth:`Profiles.get_user_complete_profile`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..analytics.interactions import MOST_AT_ONCE
from ..database.sqlite_errors import in_sentences
from ..errors import Invalid, NotFound
from ..json_text import from_json
from ..store import Store

TIERS = ("free", "pro", "enterprise")

_NAMED = """
substr(coalesce(json_extract(a.raw_user_meta_data, '$.full_name'), json_extract(a.raw_user_meta_data, '$.name'), {kept}
    substr(a.email, 1, instr(a.email || '@', '@') - 1){last}), 1, 255)
"""

_SYNC = f"""
update profiles
set email = coalesce(a.email, profiles.email),
    full_name = {_NAMED.format(kept="profiles.full_name,", last="")},
    avatar_url = coalesce(json_extract(a.raw_user_meta_data, '$.avatar_url'), profiles.avatar_url),
    last_active = :now,
    updated_at = :now
from auth_users as a
where profiles.id = :id and a.id = :id
"""

_MAKE = f"""
insert into profiles (id, email, full_name, avatar_url, created_at, updated_at, last_active)
select a.id, coalesce(a.email, ''), {_NAMED.format(kept="", last=", ''")},
    json_extract(a.raw_user_meta_data, '$.avatar_url'), :now, :now, :now
from auth_users as a
where a.id = :id
"""

_STATISTICS = """
insert into system_stats (stat_date, total_users, total_conversations, total_messages, created_at)
values (
    :today,
    (select count(*) from profiles),
    (select count(*) from chat_sessions),
    (select count(*) from chat_messages),
    :now
)
on conflict (stat_date) do update set
    total_users = excluded.total_users,
    total_conversations = excluded.total_conversations,
    total_messages = excluded.total_messages
"""


@in_sentences
class SpecifiedFunctions:
    """The functions, over an open store."""

    def __init__(self, store: Store) -> None:
        self.db = store.db
        self._store = store

    def sync_profile_from_auth(self, user_id: str) -> dict[str, Any]:
        """Bring the profile up to what the sign-in row says; the answer names what changed."""
        with self.db.write():
            if self.db.one("select 1 from auth_users where id = :id", id=user_id) is None:
                return _refused("User not found in auth.users")
            now = self.db.stamp()
            if self.db.execute(_SYNC, {"id": user_id, "now": now}).rowcount:
                changes: dict[str, Any] = {"email_synced": True, "profile_synced": True, "synced_at": now}
                self._store.profiles.log_user_activity(user_id, "profile_manual_sync", "profile", user_id, changes)
            else:
                self.db.execute(_MAKE, {"id": user_id, "now": now})
                changes = {"profile_created": True, "created_at": now}
        return {"success": True, "updated": True, "changes": changes}

    def update_user_tier(self, user_id: str, new_tier: str) -> dict[str, Any]:
        """Move the account to another tier; the answer names the old and the new one."""
        if new_tier not in TIERS:
            return _refused(f"Invalid tier. Must be one of {', '.join(TIERS)}")
        with self.db.write():
            known = self.db.one("select subscription_tier from profiles where id = :id", id=user_id)
            if known is None:
                return _refused("User not found")
            self.db.execute(
                "update profiles set subscription_tier = :tier where id = :id", {"tier": new_tier, "id": user_id}
            )
            tiers = {"old_tier": known["subscription_tier"], "new_tier": new_tier}
            self._store.profiles.log_user_activity(user_id, "tier_updated", "profile", user_id, tiers)
            return {"success": True, **tiers, "updated_at": self.db.stamp()}

    def can_user_use_model(self, user_id: str, model_to_check: str) -> bool:
        """Return whether the account's tier allows the model."""
        allowed = self._store.model_access.get_user_allowed_models(user_id)
        return any(item["model_id"] == model_to_check for item in allowed)

    def get_user_recent_sessions(self, user_uuid: str, session_limit: int | None = 10) -> list[dict[str, Any]]:
        """Return the user's conversations that changed last, at most 1,000, as rows.

        See docs/specification/functions.md#get-user-recent-sessions.
        """
        rows = self.db.rows(
            """select id, title, created_at, updated_at, last_activity, message_count, total_tokens, last_model,
                is_active, last_message_preview, last_message_timestamp
            from chat_sessions where user_id = :user order by updated_at desc limit :limit""",
            user=user_uuid, limit=1000 if session_limit is None else min(max(session_limit, 0), 1000),
        )  # fmt: skip
        return [dict(row) for row in rows]

    def get_session_with_messages(self, session_text_id: str, requesting_user_uuid: str) -> list[dict[str, Any]]:
        """Return one row per message, oldest first, with the conversation's columns on each; one row for an empty one.

        See docs/specification/functions.md#get-session-with-messages.
        """
        rows = self.db.rows(
            """select s.id as session_id, s.title as session_title, s.created_at as session_created_at,
                s.updated_at as session_updated_at, m.id as message_id, m.role as message_role,
                m.content as message_content, m.model as message_model, m.total_tokens as message_tokens,
                m.message_timestamp, m.metadata as message_metadata
            from chat_sessions as s left join chat_messages as m on m.session_id = s.id
            where s.id = :id and s.user_id = :user order by m.message_timestamp, m.id""",
            id=session_text_id, user=requesting_user_uuid,
        )  # fmt: skip
        if not rows:
            raise NotFound("Session not found or access denied")
        return [{**dict(row), "message_metadata": from_json(row["message_metadata"])} for row in rows]

    def get_user_chat_history(self) -> list[dict[str, Any]]:
        """Return every conversation, last changed first: id, title, newest message as in ``chat_memory``, times."""
        rows = self.db.rows(
            """select s.id as session_id, s.title, s.created_at, s.updated_at, (
                    select m.message from chat_memory as m where m.session_id = s.id
                    order by m.created_at desc, m.id desc limit 1) as last_message
            from chat_sessions as s order by s.updated_at desc, s.id desc"""
        )
        return [{**dict(row), "last_message": from_json(row["last_message"])} for row in rows]

    def sync_user_conversations(self, user_uuid: str, conversations_data: Sequence[Any]) -> dict[str, Any]:
        """Import conversations; return ``{synced, errors, details}``, where details name those that were refused."""
        if user_uuid != self.db.user_id:
            raise Invalid("This file holds another account.")
        return self._store.bulk_import.import_conversations(conversations_data)

    def track_user_usage(
        self,
        user_id: str,
        messages_sent: int | None = 0,
        messages_received: int | None = 0,
        input_tokens: int | None = 0,
        output_tokens: int | None = 0,
        model_used: str | None = None,
        session_created: bool | None = False,
        generation_ms: int | None = 0,
        *,
        usage_date: str | None = None,
    ) -> None:
        """Add to a day, today if none is named, and to the profile's totals. None is 0; nothing may be negative."""
        added = {
            "messages_sent": messages_sent or 0,
            "messages_received": messages_received or 0,
            "input_tokens": input_tokens or 0,
            "output_tokens": output_tokens or 0,
            "generation_ms": generation_ms or 0,
        }
        for name, value in added.items():
            if value < 0:
                raise Invalid(f"{name} cannot be {value}: use is only ever added to.")
        models = {} if model_used is None else {model_used: 1}
        with self.db.write():
            if self.db.one("select 1 from profiles where id = :id", id=user_id) is None:
                raise NotFound(f"No account has the id {user_id}.")
            self._store.usage.add_usage(
                user_id, added, models, sessions_created=int(bool(session_created)), usage_date=usage_date
            )

    def track_user_interaction(
        self,
        session_id: str,
        event_type: str,
        content_id: str | None = None,
        duration: int | None = None,
        event_data: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Keep one event of an open visit: ``{success, id}``, or ``{success: False, error}``."""
        item = {
            "session_id": session_id,
            "event_type": event_type,
            "content_id": content_id,
            "duration": duration,
            "event_data": dict(event_data or {}),
        }
        with self.db.write():
            stored, _, error = self._store.interactions.keep_interaction(item)
        return {"success": True, "id": stored} if error is None else {"success": False, "error": error}

    def batch_track_user_interactions(self, interactions: Sequence[Any]) -> dict[str, Any]:
        """Keep up to 500: ``{success, inserted, failed, errors}``. What is wrong with one does not stop the others."""
        if not isinstance(interactions, list | tuple):
            return {"success": False, "error": "Interactions come as an array"}
        if len(interactions) > MOST_AT_ONCE:
            return {"success": False, "error": "More than 500 interactions at once"}
        inserted, errors = 0, []
        with self.db.write():
            for index, item in enumerate(interactions):
                _, is_new, error = self._store.interactions.keep_interaction(item)
                inserted += is_new
                if error is not None:
                    errors.append({"index": index, "error": error})
        return {"success": True, "inserted": inserted, "failed": len(errors), "errors": errors}

    def cleanup_old_data(self, days_to_keep: int | None = 90) -> dict[str, Any]:
        """Remove log and usage rows older than that many days and cache entries that expired; the answer counts them.

        None removes nothing and only writes today's ``system_stats``. Tombstones for sync are never removed.
        """
        if days_to_keep is not None and days_to_keep < 1:
            raise Invalid("days_to_keep must be at least 1.")
        with self.db.write():
            now = self.db.stamp()
            ages = {"now": now, "today": now[:10], "days": None if days_to_keep is None else f"-{days_to_keep:d} days"}
            removed = {
                name: self.db.execute(sql, ages).rowcount
                for name, sql in {
                    "activity_logs": "delete from user_activity_log"
                    " where timestamp < strftime('%Y-%m-%dT%H:%M:%f', :now, :days) || '000Z'",
                    "usage_records": "delete from user_usage_daily where usage_date < date(:today, :days)",
                    "visits": "delete from user_sessions"
                    " where ended_at < strftime('%Y-%m-%dT%H:%M:%f', :now, :days) || '000Z'",
                    "cache_entries": "delete from system_cache where :days is not null and expires_at < :now",
                }.items()
            }
            self.db.execute(_STATISTICS, ages)
        return {
            "success": True,
            "cleanup_date": now[:10],
            "deleted_records": removed,
            "cleanup_completed_at": self.db.stamp(),
        }


def _refused(error: str) -> dict[str, Any]:
    return {"success": False, "error": error}
