"""What `sterna export` wrote comes back as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imports import statuses, take_path

from sterna.storage import LabelChange, Settled, Store
from tests.generated import examples
from tests.storage.builders import in_memory


def exported(store: Store) -> dict[str, Any]:
    pieces: list[str] = []
    store.maintenance.export_json(store.user_id, pieces.append)
    return dict(json.loads("".join(pieces)))


def conversations(store: Store) -> list[Any]:
    """Return what an export has of conversations, without the account."""
    found = exported(store)["conversations"]
    for conversation in found:
        del conversation["session"]["user_id"]
    return list(found)


words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)


@st.composite
def histories(draw: st.DrawFn) -> Store:
    """Return a history with branches, edits, stopped and failed replies, labels and settings."""
    store = in_memory()
    for _ in range(draw(st.integers(1, 3))):
        session = None
        for _ in range(draw(st.integers(1, 4))):
            turn = store.live_replies.begin_turn(session, f"{draw(words)}?", model="acme/small")
            session = turn.session.id
            finish = draw(st.sampled_from(["done", "stopped", "failed"]))
            reply = Settled(
                finish, draw(words), reasoning=draw(words), model=draw(st.sampled_from([None, "acme/small"])),
                input_tokens=draw(st.integers(0, 9)), output_tokens=draw(st.integers(0, 9)), elapsed_ms=700,
                completion_id="x1", error_message="It broke." if finish == "failed" else None,
                metadata={"cost": draw(st.floats(0, 1)), "odd": [{"deep": draw(words)}]},
            )  # fmt: skip
            message = store.live_replies.settle(turn.reply.id, reply)
            if draw(st.booleans()):
                again = store.live_replies.begin_retry(message.id, model="acme/large")
                store.live_replies.settle(again.reply.id, Settled("done", draw(words)))
                here = store.db.one("select 1 from chat_messages where id = :id", id=message.id)
                if here is not None and draw(st.booleans()):
                    store.branches.show(message.id)
        assert session is not None
        if draw(st.booleans()):
            store.conversations.rename(session, f"{draw(words)} named")
        store.labels.change([session], LabelChange(pinned=draw(st.booleans()), add=("one", "two")))
        store.conversations.set_settings(session, {"model": "acme/large", "temperature": 0.5})
    return store


@examples(6)
@given(histories())
def test_an_export_of_all_data_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, store: Store) -> None:
    path = tmp_path_factory.mktemp("export") / "any.name"
    path.write_text(json.dumps(exported(store)))
    other = in_memory()
    take_path(other, path)
    assert conversations(other) == conversations(store)
    assert set(statuses(take_path(other, path))) == {"unchanged"}
    assert set(statuses(take_path(store, path))) == {"unchanged"}
    assert conversations(other) == conversations(store)
