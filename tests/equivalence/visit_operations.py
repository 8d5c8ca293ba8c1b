"""Operations on visits: messages with embeddings, and the functions of interaction analytics.

See docs/specification/schema.md#table-visit-messages and docs/specification/functions.md#start-user-session.
"""

from __future__ import annotations

import json
from array import array
from typing import Any

from both import SERVER, Both
from hypothesis import strategies as st

from sterna.storage.specification.functions import SpecifiedFunctions

TOKEN = st.sampled_from(["sess_1_a", "sess_2_b"])
VISIT_OF = "(select id from user_sessions where session_token = :token)"
EVENT = st.fixed_dictionaries(
    {"event_type": st.sampled_from(["conversation_opened", "reply_finished"])},
    optional={
        "id": st.sampled_from(["00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000B", "x"]),
        "content_id": st.sampled_from([None, "conv_1", 7, "x" * 256, []]),
        "duration": st.sampled_from([None, 0, 900, 12.5, -1, 2**31, "1"]),
        "event_data": st.sampled_from([None, {}, {"tokens": 12, "é": [True, None]}, [], {"x": "y" * 9000}]),
        "created_at": st.sampled_from([None, "2026-03-01T10:00:00.5Z", "2999-01-01T00:00:00Z", "soon"]),
    },
)
LOGGED = st.fixed_dictionaries(
    {
        "message_type": st.sampled_from(["user", "assistant", "x" * 21]),
        "content": st.sampled_from(["hello", "é🦜"]),
        "sequence_order": st.integers(1, 3),
        "embedding": st.sampled_from([None, [1.0] + [0.0] * 383, [0.5] * 384, [1.0]]),
        "similar_qa_matches": st.sampled_from([None, "[]", '[{"question":"hi","similarity":0.9}]']),
    }
)
INFO = st.sampled_from([{}, {"device_type": "terminal", "user_agent": "s/1"}, {"device_type": "x", "é": {"a": 1}}])
VISITS = st.one_of(
    st.tuples(st.just("visit"), TOKEN, INFO),
    st.tuples(st.just("visit"), TOKEN, INFO),
    st.tuples(st.just("leave"), TOKEN),
    st.tuples(st.just("events"), TOKEN, st.lists(EVENT, min_size=1, max_size=3)),
    st.tuples(st.just("events"), TOKEN, st.lists(EVENT, min_size=1, max_size=3)),
    st.tuples(st.just("logged"), TOKEN, LOGGED),
    st.tuples(st.just("unlogged"), TOKEN),
    st.tuples(st.just("idle")),
    st.tuples(st.just("later"), st.sampled_from([31, 1860]), st.just(False)),
    st.tuples(st.just("forget visit"), TOKEN),
)  # fmt: skip


def visit_of(store: Any, token: str) -> str:
    row = store.db.one("select id from user_sessions where session_token = :token", token=token)
    return row["id"] if row else "00000000-0000-4000-8000-000000000000"


def packed(embedding: list[float] | None) -> bytes | None:
    return None if embedding is None else array("f", embedding).tobytes()


def log(both: Both, token: str, row: dict[str, Any]) -> None:
    """A message of a visit, as a server writes it for the client."""
    names = ", ".join(row)
    theirs, mine = dict(row), row | {"embedding": packed(row["embedding"])}
    theirs["embedding"] = None if row["embedding"] is None else json.dumps(row["embedding"])
    values = ", ".join(f":{name}" for name in row)
    both.both(
        f"insert into visit_messages (session_id, created_at, {names}) select id, now(), {values}"
        " from user_sessions where session_token = :token",
        lambda store: store.db.execute(
            f"insert into visit_messages (session_id, created_at, {names}) select id, now, {values}"
            " from user_sessions, moment where session_token = :token",
            {**mine, "token": token},
        ),
        who=SERVER,
        token=token,
        **theirs,
    )


def happen_to_visit(both: Both, operation: tuple[Any, ...]) -> None:
    """Do one of them."""
    user = both.user
    match operation:
        case ("visit", token, info):
            if both.exists:  # a file has no caller: what PostgreSQL refuses to nobody, the mirror answers
                both.both(
                    "select start_user_session(:user, :info, :token)",
                    lambda store: store.visits.start_user_session(user, info, token),
                    info=json.dumps(info),
                    token=token,
                )
        case ("leave", token):
            both.both(
                f"select end_user_session({VISIT_OF})",
                lambda store: store.visits.end_user_session(visit_of(store, token)),
                token=token,
            )
        case ("events", token, events):
            nowhere = "'00000000-0000-4000-8000-000000000000'::uuid"
            both.both(
                "select batch_track_user_interactions(jsonb_agg(e.value || jsonb_build_object("
                f"'session_id', coalesce({VISIT_OF}, {nowhere}))))"
                " from jsonb_array_elements(:events::jsonb) as e",
                lambda store: SpecifiedFunctions(store).batch_track_user_interactions(
                    [event | {"session_id": visit_of(store, token)} for event in events]
                ),
                events=json.dumps(events),
                token=token,
            )
        case ("logged", token, row):
            if token in both.known["public.user_sessions"]:  # PostgreSQL looks at a value before it looks for the row
                log(both, token, row)
        case ("unlogged", token):
            both.both(f"delete from visit_messages where session_id = {VISIT_OF}", token=token)
        case ("idle",):
            both.both("select close_idle_visits()", lambda store: store.visits.close_idle_visits(), who=SERVER)
        case ("forget visit", token):
            both.both("delete from user_sessions where session_token = :token", token=token)
        case _:
            raise AssertionError(operation)
