"""Drafts are stored while one types."""

from __future__ import annotations

import pytest
from home import SIZE, Home, opened, until

from sterna.storage import Drafts
from sterna.tui.main import navigation


async def test_what_is_typed_without_a_pause_is_stored_meanwhile_and_not_once_for_each_key(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(navigation, "SAVE_SECONDS", 1.5)  # long enough for several keys on a busy machine
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        saved: list[str] = []
        save = app.main.navigation.drafts.save

        async def noting(conversation_id: str | None, text: str) -> bool:
            saved.append(text)
            return await save(conversation_id, text)

        app.main.navigation.drafts.save = noting  # type: ignore[method-assign]
        await pilot.press("a")
        await until(pilot, lambda: saved == ["a"])
        for _ in range(2_000):
            await pilot.press("c")
            if len(saved) > 1:
                break
        else:
            raise AssertionError("nothing was stored while keys came")
        await until(pilot, lambda: saved[-1] == app.main.prompt.text)
        assert len(saved) < len(app.main.prompt.text), "several keys are stored at once"
        assert await app.context.store.run(Drafts.get, None) == app.main.prompt.text
