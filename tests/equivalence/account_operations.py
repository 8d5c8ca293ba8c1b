"""Operations on an account: execution on both engines, and their strategies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from both import NOBODY, SERVER, Both
from hypothesis import strategies as st
from memory_operations import happen_to_memory

from sterna.storage.specification.functions import SpecifiedFunctions

MODEL = st.sampled_from([None, "g/m", 'quo"ted', "a.b/c:free", "é", "", "a\\b"])
META = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "full_name": st.sampled_from([None, "Ada Lovelace", "", "é" * 255, "🦜" * 300]),
        "name": st.sampled_from([None, "Ada", "n" * 256]),
        "avatar_url": st.sampled_from([None, "https://example.org/a.png"]),
    },
)
EMAIL = st.sampled_from(["own", "own", "other", "long", "longer", None])
PREFERENCES = st.fixed_dictionaries(
    {},
    optional={
        "theme": st.sampled_from(["light", None, {"name": "sepia"}, {"hue": 3}]),
        "sidebar_width": st.sampled_from([0, 2.5]),
        "default_model": st.sampled_from([None, "g/m", "m" * 101]),
        "temperature": st.sampled_from([None, 0, 0.755, 2, 2.004, 2.005, 3, -0.1, "1.5"]),
        "system_prompt": st.sampled_from([None, "", "Be brief."]),
        "allowed_models": st.sampled_from([[], ["g/m", 'quo"ted']]),
    },
)
COLUMN = st.one_of(
    st.tuples(st.just("temperature"), st.sampled_from([None, 0.755, 2.0, 2.004, 2.005, 10.5, -0.004, -0.1])),
    st.tuples(st.just("default_model"), st.sampled_from([None, "g/m", "m" * 101])),
    st.tuples(st.just("system_prompt"), st.sampled_from([None, "Be brief."])),
    st.tuples(st.just("full_name"), st.sampled_from([None, "Ada", "é" * 256])),
    st.tuples(st.just("ui_preferences"), st.sampled_from([None, "{}", '{"theme": {"hue": 1}}', "{"])),
    st.tuples(st.just("session_preferences"), st.sampled_from([None, "{}"])),
)
USE = st.fixed_dictionaries(
    {},
    optional={
        "messages_sent": st.sampled_from([None, 0, 2, -1]),
        "messages_received": st.sampled_from([None, 0, 2, -1]),
        "input_tokens": st.sampled_from([None, 0, 5, -1]),
        "output_tokens": st.sampled_from([None, 5, 2_000_000_000, -1]),
        "model_used": MODEL,
        "session_created": st.sampled_from([None, True, False]),
        "generation_ms": st.sampled_from([None, 0, 1, 60_000, 60_001, -1]),
    },
)
DETAILS = st.sampled_from(["{}", '{"a": {"b": [1, null]}}'])
ACCOUNT = st.one_of(
    st.tuples(st.just("sign in"), EMAIL, META),
    st.tuples(st.just("sign in"), EMAIL, META),
    st.tuples(st.just("seen")),
    st.tuples(st.just("sync profile")),
    st.tuples(st.just("preferences"), st.sampled_from(["ui", "session", "model", "model", "other"]), PREFERENCES),
    st.tuples(st.just("profile"), COLUMN),
    st.tuples(st.just("same profile"), st.sampled_from(["full_name", "temperature", "ui_preferences"])),
    st.tuples(st.just("same sign-in"), st.sampled_from(["email", "raw_user_meta_data"])),
    st.tuples(st.just("tier"), st.sampled_from(["free", "pro", "enterprise", "admin", "x"])),
    st.tuples(st.just("log"), st.sampled_from(["looked", "x" * 50, "x" * 51]), DETAILS),
    st.tuples(st.just("use"), USE),
    st.tuples(st.just("use"), USE),
    st.tuples(st.just("later"), st.sampled_from([31, 61, 121]), st.booleans()),
    st.tuples(st.just("erase")),
)


def sign_in(both: Both, email: str | None, meta: Mapping[str, Any] | None) -> None:
    """They come back, with another address or other metadata perhaps."""
    long = "l" * (255 - len(both.email)) + both.email
    address = {"own": both.email, "other": f"new-{both.email}", "long": long, "longer": f"l{long}", None: None}[email]
    both.both(
        "update auth.users set email = :email, raw_user_meta_data = :meta, last_sign_in_at = now(),"
        " updated_at = now() where id = :user",
        "update auth_users set email = :email, raw_user_meta_data = :meta, last_sign_in_at = now,"
        " updated_at = now from moment where id = :user",
        who=NOBODY,
        email=address,
        meta=None if meta is None else json.dumps(meta),
    )


def happen_to_account(both: Both, operation: tuple[Any, ...]) -> None:
    """Perform an operation on the account."""
    user = both.user
    if not both.exists and operation[0] in ("preferences", "sync profile", "profile"):
        return  # a file has no caller: what PostgreSQL refuses to nobody, the mirror answers
    match operation:
        case ("sign in", email, meta):
            if both.exists:  # PostgreSQL looks at a value before it looks for the row
                sign_in(both, email, meta)
        case ("seen",):
            both.both(
                "update auth.users set last_sign_in_at = now() where id = :user",
                "update auth_users set last_sign_in_at = now from moment where id = :user",
                who=NOBODY,
            )
        case ("sync profile",):
            both.both(
                "select sync_profile_from_auth(:user)",
                lambda store: SpecifiedFunctions(store).sync_profile_from_auth(user),
            )
        case ("preferences", kind, preferences):
            both.both(
                "select update_user_preferences(:user, :kind, :preferences)",
                lambda store: store.profiles.update_user_preferences(user, kind, preferences),
                kind=kind,
                preferences=json.dumps(preferences),
            )
        case ("profile", (name, value)):
            both.both(f"update profiles set {name} = :value where id = :user", value=value)
        case ("same profile", name):
            if both.exists:
                both.both(f"update profiles set {name} = {name} where id = :user")
        case ("same sign-in", name):
            both.both(
                f"update auth.users set {name} = {name} where id = :user",
                f"update auth_users set {name} = {name} where id = :user",
                who=NOBODY,
            )
        case ("tier", tier):
            both.both(
                "select update_user_tier(:user, :tier)",
                lambda store: SpecifiedFunctions(store).update_user_tier(user, tier),
                who=SERVER,
                tier=tier,
            )
        case ("log", action, details):
            both.both(
                "select log_user_activity(:user, :action, 'thing', 'id', :details)",
                lambda store: store.profiles.log_user_activity(user, action, "thing", "id", json.loads(details)),
                who=SERVER,
                action=action,
                details=details,
            )
        case ("use", use):
            named = ", ".join(f"p_{name} => :{name}" for name in use)
            both.both(
                f"select track_user_usage(p_user_id => :user{', ' if named else ''}{named})",
                lambda store: SpecifiedFunctions(store).track_user_usage(user, **use),
                who=SERVER,
                **use,
            )
        case ("erase",):
            both.both("delete from auth.users where id = :user", "delete from auth_users where id = :user", who=NOBODY)
        case _:
            happen_to_memory(both, operation)
