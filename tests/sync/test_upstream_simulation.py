"""Sync with upstream under a bad network, crashes and wrong clocks, on many seeds; and that the checks would notice.

One seed again: ``World(SEED)``, ``run()``, ``check()``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from functools import wraps
from typing import Any

import pytest

from sterna.storage import ConversationEntry, ListComparison, OutgoingConversation, UpstreamPull, UpstreamPush
from sterna.sync.upstream import push
from sterna.sync.upstream.pull import ConversationPull
from sterna.sync.upstream.push import ConversationPush
from tests.sync.upstream_world import World

A_TEST = 15
SEEDS = int(os.environ.get("UPSTREAM_SEEDS", "30"))
"""Seeds from 0 on; more in `make sim`."""
BUDGET = 100
"""Runs in which a broken rule has to be noticed, beginning a few before one that did."""


@pytest.mark.parametrize("first", range(0, SEEDS, A_TEST))
def test_nothing_is_lost_and_nothing_deleted_is_back(first: int) -> None:
    for seed in range(first, first + A_TEST):
        with closing(World(seed)) as world:
            world.run()
            assert world.check() == [], f"seed {seed}"


def test_nothing_of_the_shown_branch_is_lost_where_conversations_have_branches() -> None:
    for seed in range(5000, 5000 + A_TEST):
        with closing(World(seed, trees=True)) as world:
            world.run()
            assert world.check() == [], f"seed {seed}"


FOUND = (143, 167, 700, 831)
"""Seeds that a rule was made for."""


@pytest.mark.parametrize("seed", FOUND)
def test_what_was_found_once_stays_found(seed: int) -> None:
    with closing(World(seed)) as world:
        world.run(60)
        assert world.check() == []


def trusting(self: UpstreamPull, entries: list[ConversationEntry], **more: Any) -> ListComparison:
    """What is not in a list is gone, however long the list."""
    found: ListComparison = SURVEY(self, entries, **more)
    listed = {one.id for one in entries}
    for row in self.db.rows("select id from chat_sessions where id not in (select conv_id from sync_private)"):
        known = self.db.one("select 1 from sync_remote where id = :id and title_base is not null", id=row["id"])
        if row["id"] not in listed and known:
            self.db.execute("delete from chat_messages where session_id = :id", {"id": row["id"]})
            self.db.execute("delete from chat_sessions where id = :id", {"id": row["id"]})
    return found


SURVEY = UpstreamPull.survey


def without_tombstones(self: UpstreamPull, entries: list[ConversationEntry], **more: Any) -> ListComparison:
    """What was deleted here and is there again stays there."""
    gone = {row["id"] for row in self.db.rows("select id from sync_tombstones where kind = 'c'")}
    return SURVEY(self, [one for one in entries if one.id not in gone], **more)


def acked_all(self: ConversationPush, parcels: Any, response: Any, outcome: Any) -> Any:
    """A push that is answered is stored, whatever the answer says."""
    for parcel in parcels:
        outcome.acked += parcel.conversation.items
    return
    yield


def acked_whatever_revision(self: UpstreamPush, acked: Any, refused: Any = (), **more: Any) -> None:
    with self.db.write():
        now = {(row["kind"], row["id"]): row["rev"] for row in self.db.rows("select kind, id, rev from sync_outbox")}
        SETTLE(self, [(kind, id_, now.get((kind, id_), rev)) for kind, id_, rev in acked], refused, **more)


SETTLE = UpstreamPush.settle


def titled_always(one: OutgoingConversation, user_id: str, messages: list[dict[str, Any]]) -> dict[str, Any]:
    """The title goes along with every message."""
    return ITEM(one, user_id, messages) | {"title": one.row["title"]}


ITEM = push.encode_conversation


@pytest.mark.parametrize(
    ("room", "name", "broken", "first"),
    [
        (UpstreamPull, "survey", trusting, 1008),
        (UpstreamPull, "survey", without_tombstones, 1250),
        (UpstreamPush, "settle", acked_whatever_revision, 1025),
        (push, "encode_conversation", titled_always, 1075),
        (UpstreamPull, "_enqueue_lost", lambda *_: None, 1063),
        (ConversationPush, "_read_details", acked_all, 1080),
        (ConversationPull, "_is_given_up", lambda *_: True, 1000),
    ],
)
def test_a_broken_rule_is_noticed(
    monkeypatch: pytest.MonkeyPatch, room: Any, name: str, broken: Callable[..., Any], first: int
) -> None:
    monkeypatch.setattr(room, name, wraps(getattr(room, name))(broken))
    for seed in range(first, first + BUDGET):
        with closing(World(seed)) as world:
            world.run()
            if world.check():
                return
    pytest.fail(f"{BUDGET} runs noticed nothing")
