"""A message whose provider cannot be reached: shown, taken back, sent once the provider is back."""

from __future__ import annotations

import pytest
from home import SIZE, Home, Scripted, frame, no_reply_runs, opened, until, write

from sterna.providers import Failed, FailureKind
from sterna.storage import Store

UNREACHED = Failed(FailureKind.REFUSED, "Nothing answers at test.", unreached=True)


class Distant(Scripted):
    """Model that cannot be reached at first."""

    answers = False

    async def is_reachable(self) -> bool:
        return self.answers


def said(store: Store) -> list[str]:
    """Messages of the only conversation."""
    try:
        (conversation,) = store.conversations.page(0, 9)
        return [message.content for message in store.messages.after(conversation.id, None, 9)]
    finally:
        store.close()


async def test_a_message_waits_in_sight_for_its_provider(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sterna.chat.outages.SHORTEST_PAUSE", 0.05)
    model = home.model = Distant()
    model.say([UNREACHED], [UNREACHED])
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await write(pilot, "Where do terns go?")
        await pilot.press("enter")
        await until(pilot, lambda: "Waiting for test. Nothing answers at test." in frame(app))
        await until(pilot, lambda: "waiting for test, asking again in" in app.main.status.activity)
        await until(pilot, lambda: any(" waiting" in line[:32] for line in frame(app).splitlines()))
        await pilot.press("alt+q")
        await until(pilot, lambda: app.main.prompt.text == "Where do terns go?" and no_reply_runs(app))
        await until(pilot, lambda: "Waiting for test" not in frame(app))
        assert said(home.open()) == []
        await pilot.press("ctrl+underscore")
        await until(pilot, lambda: said(home.open()) == ["Where do terns go?"])
        assert app.main.prompt.text == ""
        await pilot.press("alt+g")
        await until(pilot, lambda: "Waiting for test" in frame(app))
        assert said(home.open()) == ["Where do terns go?"]
        await write(pilot, "And back?")
        await pilot.press("enter")
        await until(pilot, lambda: "Next: And back?" in frame(app))
    again = home.app()
    async with again.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "Waiting for test. Nothing answers at test." in frame(again))
        assert len(model.requests) == 2
        model.answers = True
        await pilot.press("alt+g")
        await until(pilot, lambda: said(home.open())[-1] == "Yes.")
        assert "Not sent: And back?" in frame(again)
    assert len(model.requests) == 3
