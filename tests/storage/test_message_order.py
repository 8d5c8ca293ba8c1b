"""Messages of an array are read in its order, whatever their times and ids."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sterna.storage import Store
from sterna.storage.conversations.message_order import in_array_order

T, U = "2026-03-01T10:00:00.000Z", "2026-03-01T10:05:00.000Z"
ARRAYS = {
    "without times": [None] * 5,
    "one time": [T] * 5,
    "no time in the middle": [T, None, None, U, U],
    "no time at first": [None, T, None, U, None],
}
IDS = ["m5", "m1", "m4", "m2", "m3"]


def conversation(times: list[str | None]) -> dict[str, object]:
    messages = [
        {"id": name, "role": "user", "content": f"{place} terns"} | ({"timestamp": at} if at else {})
        for place, (name, at) in enumerate(zip(IDS, times, strict=True))
    ]
    return {"id": "c", "title": "Terns", "messages": messages}


def read(store: Store) -> list[str]:
    return [message.id for message in store.messages.after("c", None, 9)]


@pytest.mark.parametrize("times", ARRAYS.values(), ids=ARRAYS)
def test_an_import_keeps_the_order_of_the_array_also_when_it_comes_again(store: Store, times: list[str | None]) -> None:
    assert store.bulk_import.import_conversations([conversation(times)])["errors"] == 0
    assert read(store) == IDS
    before = [message.message_timestamp for message in store.messages.after("c", None, 9)]
    assert store.bulk_import.import_conversations([conversation(times)])["errors"] == 0
    assert [message.message_timestamp for message in store.messages.after("c", None, 9)] == before
    assert [message.id for message in reversed(store.messages.before("c", None, 9))] == IDS[::-1]
    assert [
        one["id"] for one in store.maintenance.export_user_data(store.user_id)["conversations"][0]["messages"]
    ] == IDS
    alone = conversation(times)
    alone["messages"] = [alone["messages"][2]]  # type: ignore[index]
    assert store.bulk_import.import_conversations([alone])["errors"] == 0
    assert read(store) == IDS


@given(st.lists(st.none() | st.integers(0, 3)))
def test_known_times_are_never_before_their_own_and_equal_ones_stand_in_order(given: list[int | None]) -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    times = [None if one is None else now + timedelta(milliseconds=one) for one in given]
    spread = in_array_order(times, now)
    assert len(set(spread)) == len(spread)
    moved = [got - at for at, got in zip(times, spread, strict=True) if at is not None]
    assert all(timedelta(0) <= by < timedelta(milliseconds=1) for by in moved)
    if all(one is None for one in given) or given == sorted(one for one in given if one is not None):
        assert spread == sorted(spread)
