"""Account of the file: its profile, preferences, tier and activity log.

See docs/specification/functions.md#log-user-activity and the functions after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..database.connection import Database
from ..database.sqlite_errors import in_sentences
from ..errors import NotFound
from ..json_text import from_json, jsonb_deep_merge, to_json
from .model_access import ModelAccess

_LONGEST_MODEL = 100

_LOG = """
insert into user_activity_log (user_id, action, resource_type, resource_id, details, timestamp)
values (:user_id, :action, :resource_type, :resource_id, :details, :now)
returning id
"""

_SIGN_IN = """
insert into auth_users (id, email, raw_user_meta_data, last_sign_in_at, created_at, updated_at)
values (:id, :email, :meta, :now, :now, :now)
on conflict (id) do update set
    email = coalesce(excluded.email, email),
    raw_user_meta_data = excluded.raw_user_meta_data,
    last_sign_in_at = excluded.last_sign_in_at,
    updated_at = excluded.updated_at
"""

_COMPLETE = """
select id, email, full_name, avatar_url, subscription_tier, credits, default_model, temperature, system_prompt,
    allowed_models, ui_preferences, session_preferences, usage_stats, created_at, updated_at, last_active
from profiles
where id = :id
"""

_RECENT = """
select messages_sent, messages_received, total_tokens, models_used, sessions_created, active_minutes
from user_usage_daily
where user_id = :id and usage_date >= date(:today, '-7 days')
order by usage_date desc
"""

_SET = {
    "ui": "update profiles set ui_preferences = :value where id = :id",
    "session": "update profiles set session_preferences = :value where id = :id",
    "default_model": "update profiles set default_model = :value where id = :id",
    "temperature": "update profiles set temperature = :value where id = :id",
    "system_prompt": "update profiles set system_prompt = :value where id = :id",
    "allowed_models": "update profiles set allowed_models = :value where id = :id",
}


@in_sentences
class Profiles:
    """Reading and changing the profile."""

    def __init__(self, db: Database, model_access: ModelAccess) -> None:
        self.db = db
        self._model_access = model_access

    def ensure_profile(self, user_id: str, email: str | None = None, metadata: Mapping[str, Any] | None = None) -> str:
        """Note a sign-in: a new account and its profile are made, a known one is brought up to date. Gives the id."""
        with self.db.write():
            self.db.execute(
                _SIGN_IN, {"id": user_id, "email": email, "meta": to_json(dict(metadata or {})), "now": self.db.stamp()}
            )
        return user_id

    def log_user_activity(
        self,
        user_id: str,
        action: str,
        resource_type: str | None = None,
        resource_id: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> str:
        """Add a row to the activity log, and return its id."""
        with self.db.write():
            if self.db.one("select 1 from profiles where id = :id", id=user_id) is None:
                raise NotFound(f"No account has the id {user_id}.")
            values = {
                "user_id": user_id,
                "action": action,
                "resource_type": resource_type,
                "resource_id": resource_id,
                "details": to_json(dict(details or {})),
                "now": self.db.stamp(),
            }
            row_id: str = self.db.execute(_LOG, values).fetchone()[0]
        return row_id

    def recent_activity(self, limit: int) -> list[dict[str, Any]]:
        """Return the newest entries of the activity log, newest first."""
        rows = self.db.rows(
            """select action, resource_type, resource_id, details, timestamp from user_activity_log
            where user_id = :user order by timestamp desc, rowid desc limit :limit""",
            user=self.db.user_id,
            limit=max(0, limit),
        )
        return [{**dict(row), "details": from_json(row["details"])} for row in rows]

    def update_user_preferences(
        self, user_id: str, preference_type: str, preferences: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Change preferences: ``ui`` and ``session`` merge into what is there, ``model`` sets the keys it names."""
        if preference_type not in ("ui", "session", "model"):
            return _refused("Invalid preference type. Must be ui, session or model")
        try:
            details = to_json({"preference_type": preference_type, "updated_fields": dict(preferences)})
            named = _model_preferences(preferences) if preference_type == "model" else {}
        except (ValueError, TypeError) as error:
            return _refused(f"Invalid preferences: {error}")
        with self.db.write():
            known = self.db.one("select ui_preferences, session_preferences from profiles where id = :id", id=user_id)
            if known is None:
                return _refused("User not found")
            if preference_type != "model":
                before = from_json(known[f"{preference_type}_preferences"])
                named = {preference_type: to_json(jsonb_deep_merge(before, preferences))}
            if not named:  # an update of nothing is one too, as at the server
                self.db.execute(
                    "update profiles set updated_at = :now where id = :id", {"now": self.db.stamp(), "id": user_id}
                )
            for name, value in named.items():
                self.db.execute(_SET[name], {"id": user_id, "value": value})
            self.log_user_activity(user_id, "preferences_updated", "profile", user_id, from_json(details))
            return {"success": True, "preference_type": preference_type, "updated_at": self.db.stamp()}

    def get_user_complete_profile(self, user_id: str) -> dict[str, Any]:
        """Return everything about the account; ``usage_stats.today`` is a list of up to eight days.

        See docs/specification/functions.md#get-user-complete-profile.
        """
        profile = self.db.one(_COMPLETE, id=user_id)
        if profile is None:
            return {"error": "User not found"}
        shown = ("model_id", "model_name", "model_description", "model_tags", "daily_limit", "monthly_limit")
        models = [{key: model[key] for key in shown} for model in self._model_access.get_user_allowed_models(user_id)]
        days = [
            {**dict(row), "models_used": from_json(row["models_used"])}
            for row in self.db.rows(_RECENT, id=user_id, today=self.db.stamp()[:10])
        ]
        plain = ("id", "email", "full_name", "avatar_url", "subscription_tier", "credits")
        return {
            **{key: profile[key] for key in plain},
            "preferences": {
                "model": {
                    **{key: profile[key] for key in ("default_model", "temperature", "system_prompt")},
                    "allowed_models": from_json(profile["allowed_models"]),
                },
                "ui": from_json(profile["ui_preferences"]),
                "session": from_json(profile["session_preferences"]),
            },
            "available_models": models or None,
            "usage_stats": {"today": days or None, "total": from_json(profile["usage_stats"])},
            "timestamps": {key: profile[key] for key in ("created_at", "updated_at", "last_active")},
        }


def _refused(error: str) -> dict[str, Any]:
    return {"success": False, "error": error}


def _model_preferences(preferences: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that these preferences name, with new values. Raises ValueError with what does not fit."""
    named: dict[str, Any] = {}
    for name in ("default_model", "system_prompt"):
        if name in preferences:
            value = preferences[name]
            if value is not None and not isinstance(value, str):
                raise ValueError(f"{name} must be text")
            named[name] = value
    if len(named.get("default_model") or "") > _LONGEST_MODEL:
        raise ValueError(f"default_model is longer than {_LONGEST_MODEL} characters")
    if "temperature" in preferences:
        named["temperature"] = _temperature(preferences["temperature"])
    if "allowed_models" in preferences:
        models = preferences["allowed_models"]
        if not isinstance(models, list) or not all(isinstance(model, str) for model in models):
            raise ValueError("allowed_models must be a list of model ids")
        named["allowed_models"] = to_json(models)
    return named


def _temperature(value: object) -> float | None:
    """Return ``value`` rounded to two decimals, as ``numeric(3,2)`` stores it."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("temperature must be a number")
    from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

    try:
        rounded = Decimal(str(value)).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    except InvalidOperation:
        raise ValueError("temperature must be a number between 0 and 2") from None
    if not 0 <= rounded <= 2:
        raise ValueError("temperature must be between 0 and 2")
    return float(rounded)
