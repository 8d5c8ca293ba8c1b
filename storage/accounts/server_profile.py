"""The server's data about the person, in the mirror: its truth, with changes that are not sent yet on top.

Use of the last days is the server's once everything was sent; the triggers go on counting from there. Conversations
that stay on this device are counted here alone, so their use is added to what the server says. See
docs/specification/schema.md#usage-in-the-mirror and docs/specification/endpoints.md#user-data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from ..database.connection import Database
from ..database.local_state import LocalState
from ..database.sqlite_errors import in_sentences
from ..json_text import from_json, jsonb_deep_merge, to_json
from .model_access import ModelAccess
from .profiles import Profiles

RELAYS = "server_relays"
"""Name of the local value that says whether the server answers questions."""
IMAGE_MODELS = "server_image_models"
"""Name of the local value with the ids of the models that take images through the server."""


_TEXTS = ("email", "full_name", "avatar_url")
_COUNTS = (
    "messages_sent",
    "messages_received",
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "sessions_created",
    "generation_ms",
)

_PRIVATE = """
select substr(m.message_timestamp, 1, 10) as usage_date, m.role, iif(m.role = 'assistant', m.model, null) as model,
    count(*) as messages, coalesce(sum(m.input_tokens), 0) as input_tokens,
    coalesce(sum(m.output_tokens), 0) as output_tokens, coalesce(sum(m.elapsed_ms), 0) as elapsed_ms
from sync_private as o
join chat_messages as m on m.session_id = o.conv_id and m.standing is not null
where m.message_timestamp >= :since and m.role in ('user', 'assistant')
group by 1, 2, 3
"""

_PUT_DAY = """
insert into user_usage_daily (user_id, usage_date, messages_sent, messages_received, input_tokens, output_tokens,
    total_tokens, models_used, sessions_created, active_minutes, generation_ms, created_at, updated_at)
values (:user_id, :usage_date, :messages_sent, :messages_received, :input_tokens, :output_tokens,
    :total_tokens, :models_used, :sessions_created, :active_minutes, :generation_ms, :now, :now)
on conflict (user_id, usage_date) do update set
    messages_sent = excluded.messages_sent, messages_received = excluded.messages_received,
    input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens,
    total_tokens = excluded.total_tokens, models_used = excluded.models_used,
    sessions_created = excluded.sessions_created, active_minutes = excluded.active_minutes,
    generation_ms = excluded.generation_ms, updated_at = excluded.updated_at
"""

_PUT_PROFILE = """
update profiles
set email = :email, full_name = :full_name, avatar_url = :avatar_url, subscription_tier = :subscription_tier,
    credits = :credits, default_model = :default_model, temperature = :temperature, system_prompt = :system_prompt,
    allowed_models = :allowed_models, ui_preferences = :ui, session_preferences = :session, usage_stats = :usage_stats
where id = :id
"""

_MODELS = """
select model_id, tier, model_name, model_description, daily_limit, monthly_limit, is_active,
    input_cost_per_token, output_cost_per_token
from model_access
order by rowid
"""


@in_sentences
class ServerProfile:
    """Data from the server, and changes that are not sent yet."""

    def __init__(self, db: Database, local_state: LocalState, model_access: ModelAccess, profiles: Profiles) -> None:
        self.db = db
        self._local_state = local_state
        self._model_access = model_access
        self._profiles = profiles

    def change_preferences(self, kind: str, preferences: Mapping[str, Any]) -> dict[str, Any]:
        """Call :meth:`update_user_preferences`, queue the change for the server, and return the result."""
        with self.db.write():
            done = self._profiles.update_user_preferences(self.db.user_id, kind, preferences)
            if done["success"]:
                known = self.pending_profile().get(kind, {})
                self._pend(kind, jsonb_deep_merge(known, preferences))
        return done

    def change_full_name(self, full_name: str | None) -> None:
        """Change the name, and queue the change for the server."""
        with self.db.write():
            self.db.execute(
                "update profiles set full_name = :name where id = :id", {"name": full_name, "id": self.db.user_id}
            )
            self._pend("full_name", full_name)

    def pending_profile(self) -> dict[str, Any]:
        """Return changes that the server does not have yet: ``full_name``, and preferences by their type."""
        return {row["name"]: from_json(row["value"]) for row in self.db.rows("select name, value from account_pending")}

    def _pend(self, name: str, value: Any) -> None:
        self.db.execute(
            "insert into account_pending (name, value) values (:name, :value)"
            " on conflict (name) do update set value = excluded.value",
            {"name": name, "value": to_json(value)},
        )

    def merge(self, result: Mapping[str, Any], sent: Mapping[str, Any]) -> bool:
        """Take the answer of ``/api/user/data`` after ``sent`` was sent; return whether its usage could be taken too.

        Use is taken only where nothing waits to be sent: else it would be counted here and later there again.
        """
        with self.db.write():
            for name, value in sent.items():
                self.db.execute(
                    "delete from account_pending where name = :name and value = :value",
                    {"name": name, "value": to_json(value)},
                )
            with self.db.applying():
                self._apply_profile(result, self.pending_profile())
                is_told = self.db.one("select 1 from sync_outbox where tries = 0 limit 1") is None
                if is_told:
                    today = str(result["today"]["usage_date"])
                    since = date.fromordinal(date.fromisoformat(today).toordinal() - 7).isoformat()
                    self.merge_days(result["recentDays"], since, today)
        return is_told

    def merge_models(self, models: Sequence[Mapping[str, Any]], *, relays: bool, images: Sequence[str] = ()) -> None:
        """Take the answer of ``/api/models``: which models there are, of which tier, how often each may be asked.

        ``images`` are the ids of those that take images.
        """
        with self.db.write():
            self.db.execute("delete from model_access")
            self.db.insert_many(
                "model_access",
                [
                    {
                        "model_id": item["id"],
                        "tier": item["tier"],
                        "model_name": item.get("name"),
                        "model_description": item.get("description"),
                        "daily_limit": item.get("daily_limit"),
                        "monthly_limit": item.get("monthly_limit"),
                        "is_active": 1,
                        "input_cost_per_token": float(item["pricing"]["prompt"]),
                        "output_cost_per_token": float(item["pricing"]["completion"]),
                    }
                    for item in models
                ],
                known="or ignore",
            )
            self._local_state.set(RELAYS, relays)
            self._local_state.set(IMAGE_MODELS, list(images))

    def server_relays(self) -> bool:
        """Return whether the server said that it offers models."""
        return self._local_state.get(RELAYS) is True

    def server_models(self) -> list[dict[str, Any]]:
        """Return every model of the server, in its order; ``allowed`` says whether the account's tier includes it.

        ``today`` and ``month`` count its replies, ``limits`` says of how many, in words; ``images`` whether it takes
        images.
        """
        seeing = self._local_state.get(IMAGE_MODELS)
        allowed = {item["model_id"] for item in self._model_access.get_user_allowed_models(self.db.user_id)}
        used = self.replies_by_model()
        result = []
        for row in self.db.rows(_MODELS):
            # a message names the endpoint too
            counts = [used.get(name, {}) for name in (row["model_id"], f"server/{row['model_id']}")]
            today, month = (sum(item.get(name, 0) for item in counts) for name in ("today", "month"))
            most = ((today, row["daily_limit"], "today"), (month, row["monthly_limit"], "this month"))
            limits = [f"{count:,} of {limit:,} {when}" for count, limit, when in most if limit is not None]
            more = {"allowed": row["model_id"] in allowed, "today": today, "month": month, "limits": ", ".join(limits)}
            more["images"] = isinstance(seeing, list) and row["model_id"] in seeing
            result.append(dict(row) | more)
        return result

    def replies_by_model(self) -> dict[str, dict[str, int]]:
        """Return how many replies each model gave today and this month."""
        today = self.db.stamp()[:10]
        result: dict[str, dict[str, int]] = {}
        for row in self.db.rows(
            "select usage_date, models_used from user_usage_daily where user_id = :user and usage_date >= :first",
            user=self.db.user_id,
            first=today[:7] + "-01",
        ):
            for name, count in (from_json(row["models_used"]) or {}).items():
                counts = result.setdefault(name, {"today": 0, "month": 0})
                counts["month"] += count
                counts["today"] += count if row["usage_date"] == today else 0
        return result

    def _apply_profile(self, result: Mapping[str, Any], pending: Mapping[str, Any]) -> None:
        profile, preferences = result["profile"], result["preferences"]
        model = {**preferences["model"], **pending.get("model", {})}
        values = {name: profile.get(name) for name in _TEXTS}
        if "full_name" in pending:
            values["full_name"] = pending["full_name"]
        self.db.execute(
            _PUT_PROFILE,
            values
            | {name: model.get(name) for name in ("default_model", "temperature", "system_prompt")}
            | {
                "id": self.db.user_id,
                "email": profile.get("email") or "",
                "subscription_tier": profile["subscription_tier"],
                "credits": int(profile.get("credits") or 0),
                "allowed_models": to_json(list(model.get("allowed_models") or [])),
                "ui": to_json(jsonb_deep_merge(preferences["ui"], pending.get("ui"))),
                "session": to_json(jsonb_deep_merge(preferences["session"], pending.get("session"))),
                "usage_stats": to_json(dict(result["allTime"])),
            },
        )

    def merge_days(self, days: Sequence[Mapping[str, Any]], since: str, today: str) -> None:
        self.db.execute(
            "delete from user_usage_daily where user_id = :user and usage_date between :since and :today",
            {"user": self.db.user_id, "since": since, "today": today},
        )
        result = {str(day["usage_date"]): _counted(day) for day in days}
        for row in self.db.rows(_PRIVATE, since=since):
            day = result.setdefault(row["usage_date"], _counted({}))
            sent = row["role"] == "user"
            day["messages_sent" if sent else "messages_received"] += row["messages"]
            tokens = row["input_tokens"] if sent else row["output_tokens"]
            day["input_tokens" if sent else "output_tokens"] += tokens
            day["total_tokens"] += tokens
            day["generation_ms"] += 0 if sent else row["elapsed_ms"]
            if row["model"] is not None:
                models = day["models_used"]
                models[row["model"]] = models.get(row["model"], 0) + row["messages"]
        for usage_date, day in result.items():
            self.db.execute(
                _PUT_DAY,
                {
                    **day,
                    "user_id": self.db.user_id,
                    "usage_date": usage_date,
                    "models_used": to_json(day["models_used"]),
                    "active_minutes": -(-day["generation_ms"] // 60_000),
                    "now": self.db.stamp(),
                },
            )


def _counted(day: Mapping[str, Any]) -> dict[str, Any]:
    return {name: int(day.get(name) or 0) for name in _COUNTS} | {"models_used": dict(day.get("models_used") or {})}
