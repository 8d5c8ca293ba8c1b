"""Choosing a model: what is known is there at once, the rest comes, any name can be typed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from lists import Clock, ListApp, fill, frame, line_of, opened, running, until
from textual import events
from textual.pilot import Pilot

from sterna.providers import Catalog, Endpoint, Event, Failed, FailureKind, Model, ProviderError, Request
from sterna.providers.model_traits import traits_of
from sterna.storage import ModelUse, Settled
from sterna.tui.pickers import ModelPicker
from sterna.tui.pickers.compared_models import ComparedModelsPicker


class Back:
    """A back end that lists what it is told, once it may."""

    def __init__(self, name: str, *models: Model, problem: str | None = None) -> None:
        self.name = name
        self.listed = list(models)
        self.problem = problem
        self.asked = 0
        self.open = asyncio.Event()
        self.open.set()

    async def stream(self, request: Request) -> AsyncIterator[Event]:
        raise AssertionError("nobody asks here")
        yield

    async def models(self) -> list[Model]:
        self.asked += 1
        await self.open.wait()
        if self.problem is not None:
            raise ProviderError(Failed(FailureKind.REFUSED, self.problem))
        return self.listed

    async def aclose(self) -> None:
        return


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "me.db"


def catalog(*backs: Back) -> Catalog:
    found = Catalog([], guide=Back("guide", Model("guide", "guide", "Sterna guide")))
    for back in backs:
        found.add_provider(back)
    return found


def router() -> Back:
    return Back(
        "router",
        Model("router", "anthropic/claude-sonnet-4", "Claude Sonnet 4", 200_000),
        Model("router", "openai/gpt-4o", "GPT-4o", 128_000),
        Model("router", "[/x]\x1b[31mred", "", 8_192),
    )


async def open_picker(app: ListApp, pilot: Pilot[Any], models: Catalog, current: str | None = None) -> ModelPicker:
    screen = ModelPicker(models, current=current)
    await app.push_screen(screen, app.keep_result)
    await until(pilot, lambda: app.screen is screen and screen.field.has_focus)
    return screen


def shown(app: ListApp) -> str:
    return "\n".join(frame(app))


async def chosen(app: ListApp, pilot: Pilot[Any]) -> object:
    await until(pilot, lambda: app.result != "nothing yet")
    return app.result


async def test_models_stand_under_their_endpoints_with_what_they_take(file: Path) -> None:
    app = ListApp(file, Clock())
    async with running(app, (80, 24)) as pilot:
        await open_picker(app, pilot, catalog(router()), "router/openai/gpt-4o")
        await until(pilot, lambda: "128k" in shown(app))
        lines = [" ".join(line.strip("│▌").strip("▌").split()) for line in frame(app)]
        assert "openai/gpt-4o current 128k" in lines
        assert "anthropic/claude-sonnet-4 Claude Sonnet 4 200k" in lines
        assert "[/x][31mred 8.2k" in lines
        assert "guide built in, offline" in lines
        assert lines.index("router") < lines.index("anthropic/claude-sonnet-4 Claude Sonnet 4 200k")
        await pilot.press("enter")
        assert await chosen(app, pilot) == "router/openai/gpt-4o"


async def test_favourites_and_recent_models_stand_first_with_what_they_can_do(file: Path) -> None:
    fill(file, Clock(), (3, "Where?", "There."))
    store = opened(file, Clock())
    for model, failure in (
        ("down/m", Settled("failed", "", error_message="Down refused the key.", metadata={"kind": "auth"})),
        ("full/m", Settled("failed", "", error_message="Too long.", metadata={"kind": "too_long"})),
    ):
        store.live_replies.settle(store.live_replies.begin_turn(None, "Hi", model=model).reply.id, failure)
    store.close()
    priced = {
        "pricing": {"prompt": "0.000003", "completion": "0.000015"},
        "supported_parameters": ["tools", "reasoning"],
    }
    able = Model("test", "able", "", 128_000, traits=traits_of(priced | {"input_modalities": ["text", "image"]}))
    back = Back("test", Model("test", "other"), Model("test", "small"), able)
    app = ListApp(file, Clock())
    async with running(app, (80, 30)) as pilot:
        others = [Back(name, Model(name, f"of-{name}")) for name in ("down", "full")]
        screen = ModelPicker(catalog(back, *others), store=app.store)
        await app.push_screen(screen, app.keep_result)
        await until(pilot, lambda: "Recent" in shown(app) and "of-full" in shown(app))
        assert re.search(r"! Last reply, \d+ \w{3} \d\d:\d\d: Down refused the key\.", shown(app))
        assert "Too long" not in shown(app)
        recent, other = line_of(app, "☆ test/small"), line_of(app, "☆ other")
        assert recent is not None
        assert other is not None
        assert recent < other
        await pilot.press(*"able")
        await until(pilot, lambda: "Sees images, uses tools, reasons · 128,000 tokens of context" in shown(app))
        assert "$3/$15" in shown(app)
        await pilot.press("f2")
        await until(pilot, lambda: "★ able" in shown(app))
        await pilot.press(*["backspace"] * 4)
        await until(pilot, lambda: "★ test/able" in shown(app))
        assert shown(app).index("Favourites") < shown(app).index("Recent")
        star = line_of(app, "★ test/able")
        assert star is not None
        await pilot.click(offset=(4, star))
        await until(pilot, lambda: "Favourites" not in shown(app))
        assert app.result == "nothing yet"
        assert await app.store.run(ModelUse.favourites) == []


async def test_the_list_fills_as_endpoints_answer(file: Path) -> None:
    slow = Back("slow", Model("slow", "tortoise"))
    slower = Back("slower", Model("slower", "snail"))
    slow.open.clear()
    slower.open.clear()
    app = ListApp(file, Clock())
    async with running(app, (80, 30)) as pilot:
        await open_picker(app, pilot, catalog(router(), slow, slower))
        await until(pilot, lambda: "openai/gpt-4o" in shown(app))
        await until(pilot, lambda: "Loading models from slow, slower…" in shown(app))
        assert "tortoise" not in shown(app)
        await pilot.press("down")
        slow.open.set()
        await until(pilot, lambda: "tortoise" in shown(app))
        assert "Loading models from slower…" in shown(app)
        slower.open.set()
        await until(pilot, lambda: "snail" in shown(app))
        assert "Loading" not in shown(app)
        await pilot.press("enter")
        assert await chosen(app, pilot) == "router/openai/gpt-4o"


@pytest.mark.parametrize("current", [None, "router/openai/gpt-4o"])
async def test_the_highlight_leaves_the_guide_when_endpoints_answer_after_opening(
    file: Path, current: str | None
) -> None:
    slow = router()
    slow.open.clear()
    app = ListApp(file, Clock())
    async with running(app, (80, 24)) as pilot:
        await open_picker(app, pilot, catalog(slow), current)
        await until(pilot, lambda: "Sterna guide" in shown(app))
        slow.open.set()
        await until(pilot, lambda: "openai/gpt-4o" in shown(app))
        await until(pilot, lambda: "Loading" not in shown(app))
        await pilot.press("enter")
        assert await chosen(app, pilot) == (current or "router/anthropic/claude-sonnet-4")


async def test_a_highlight_that_was_moved_stays_while_the_list_fills(file: Path) -> None:
    slow = Back("slow", Model("slow", "tortoise"))
    slow.open.clear()
    app = ListApp(file, Clock())
    async with running(app, (80, 30)) as pilot:
        await open_picker(app, pilot, catalog(router(), slow), "slow/tortoise")
        await until(pilot, lambda: "Sterna guide" in shown(app) and "gpt-4o" in shown(app))
        await pilot.press("down")
        slow.open.set()
        await until(pilot, lambda: "tortoise" in shown(app))
        await pilot.press("enter")
        assert await chosen(app, pilot) == "router/openai/gpt-4o"


async def test_the_picker_waits_for_the_catalog_and_keeps_what_is_typed_meanwhile(file: Path) -> None:
    there = asyncio.Event()

    async def find() -> tuple[Catalog, str | None]:
        await there.wait()
        return catalog(router()), "router/anthropic/claude-sonnet-4"

    app = ListApp(file, Clock())
    async with running(app, (80, 24)) as pilot:
        screen = ModelPicker(None, find=find)
        await app.push_screen(screen, app.keep_result)
        await until(pilot, lambda: app.screen is screen and screen.field.has_focus)
        await until(pilot, lambda: "Loading models…" in shown(app))
        await pilot.press(*"gpt", "enter", "down")
        assert app.result == "nothing yet"
        there.set()
        await until(pilot, lambda: "openai/gpt-4o" in shown(app))
        assert screen.field.value == "gpt"
        await pilot.press("enter")
        assert await chosen(app, pilot) == "router/openai/gpt-4o"


async def test_an_endpoint_that_fails_says_why_and_can_be_asked_again(file: Path) -> None:
    broken = Back("ollama", Model("ollama", "qwen"), problem="Ollama does not answer. Start it, then retry. [/x]")
    app = ListApp(file, Clock())
    async with running(app, (80, 24)) as pilot:
        await open_picker(app, pilot, catalog(router(), broken))
        await until(pilot, lambda: "Ollama does not answer. Start it, then retry. [/x]" in shown(app))
        broken.problem = None
        await pilot.press("f5")
        await until(pilot, lambda: "qwen" in shown(app))
        assert "does not answer" not in shown(app)
        assert broken.asked == 2


async def test_typing_narrows_and_the_best_match_is_chosen(file: Path) -> None:
    app = ListApp(file, Clock())
    async with running(app, (80, 24)) as pilot:
        await open_picker(app, pilot, catalog(router()), "router/anthropic/claude-sonnet-4")
        await until(pilot, lambda: "gpt-4o" in shown(app))
        await pilot.press(*"gpt")
        await until(pilot, lambda: "claude" not in shown(app))
        await pilot.press("enter")
        assert await chosen(app, pilot) == "router/openai/gpt-4o"


async def test_a_model_that_no_list_has_is_asked_for_as_typed(file: Path) -> None:
    models = Catalog(
        [Endpoint("home", "http://127.0.0.1:1/v1", lambda: None)], guide=Back("guide", Model("guide", "guide"))
    )
    app = ListApp(file, Clock())
    async with running(app, (80, 24)) as pilot:
        await open_picker(app, pilot, models)
        await pilot.press(*"maker/brand-new")
        await until(pilot, lambda: "Use home/maker/brand-new" in shown(app))
        await pilot.press("enter")
        assert await chosen(app, pilot) == "home/maker/brand-new"
    await models.aclose()


@pytest.mark.parametrize(
    "ref", ["router/openai/gpt-4o", "router/anthropic/claude-sonnet-4", "guide/guide", "router/openai/gpt-4"]
)
async def test_a_name_typed_in_full_is_chosen_whether_it_is_listed_or_not(file: Path, ref: str) -> None:
    app = ListApp(file, Clock())
    async with running(app, (80, 24)) as pilot:
        await open_picker(app, pilot, catalog(router()))
        await until(pilot, lambda: "gpt-4o" in shown(app))
        await pilot.press(*ref)
        await until(pilot, lambda: app.screen.query_one("Input").value == ref)  # type: ignore[attr-defined]
        await pilot.press("enter")
        assert await chosen(app, pilot) == ref


async def test_a_whole_name_is_taken_at_its_word(file: Path) -> None:
    app = ListApp(file, Clock())
    async with running(app, (80, 24)) as pilot:
        await open_picker(app, pilot, catalog(router()))
        await pilot.press(*"router/not/listed")
        await until(pilot, lambda: "Use router/not/listed" in shown(app))
        await pilot.press("enter")
        assert await chosen(app, pilot) == "router/not/listed"


async def test_headings_and_problems_cannot_be_chosen_and_escape_chooses_nothing(file: Path) -> None:
    app = ListApp(file, Clock())
    async with running(app, (80, 24)) as pilot:
        await open_picker(app, pilot, catalog(router(), Back("ollama", problem="Down.")))
        await until(pilot, lambda: "Down." in shown(app))
        for text in ("ollama", "Down."):
            line = line_of(app, text)
            assert line is not None
            await pilot.click(offset=(10, line))
        assert app.result == "nothing yet"
        await pilot.press("escape")
        assert await chosen(app, pilot) is None


async def test_arrows_pass_over_headings_and_stop_at_the_ends(file: Path) -> None:
    app = ListApp(file, Clock())
    async with running(app, (80, 24)) as pilot:
        screen = await open_picker(app, pilot, catalog(router()))
        await until(pilot, lambda: "gpt-4o" in shown(app))
        await pilot.press("up", "up")
        first = screen.menu.highlighted
        await pilot.press("down", "down", "down", "down", "down")
        assert screen.menu.highlighted == screen.menu.option_count - 1
        assert first == 1
        await pilot.press("enter")
        assert await chosen(app, pilot) == "guide/guide"


async def test_it_can_be_used_in_a_small_terminal(file: Path) -> None:
    app = ListApp(file, Clock())
    async with running(app, (40, 12)) as pilot:
        await open_picker(app, pilot, catalog(router()))
        await until(pilot, lambda: "openai/gpt-4o" in shown(app))
        await pilot.resize_terminal(10, 5)
        await pilot.pause()


async def test_a_model_of_a_higher_tier_is_shown_locked_and_cannot_be_chosen(file: Path) -> None:
    server = Back(
        "server",
        Model("server", "small", tier="free", limits="3 of 20 today"),
        Model("server", "large", tier="pro", allowed=False),
    )
    app = ListApp(file, Clock())
    async with running(app, (100, 24)) as pilot:
        await open_picker(app, pilot, catalog(server), "server/small")
        await until(pilot, lambda: "large  pro only" in shown(app))
        assert "small  current  3 of 20 today" in shown(app)
        await pilot.press("down", "enter")
        await until(pilot, lambda: "large needs the pro tier." in shown(app))
        assert app.result == "nothing yet"
        await pilot.press("up", "enter")
        assert await chosen(app, pilot) == "server/small"


async def test_models_that_come_while_the_picker_is_taken_away_are_shown_to_nobody(file: Path) -> None:
    app = ListApp(file, Clock())
    async with running(app, (80, 24)) as pilot:
        screen = await open_picker(app, pilot, catalog(router()))
        await until(pilot, lambda: "gpt-4o" in shown(app))
        await screen.query_one("#chooser").remove()
        screen.action_refresh()
        await pilot.pause()
        await until(pilot, lambda: not screen._is_loading)
        assert app._exception is None


async def test_two_to_four_models_are_marked_and_returned_in_that_order(file: Path) -> None:
    app = ListApp(file, Clock())
    async with running(app, (80, 24)) as pilot:
        backs = Back("router", *(Model("router", name) for name in ("a", "b", "c", "d", "e")))
        screen = ComparedModelsPicker(catalog(backs), current="router/a", marked=["router/e"])
        await app.push_screen(screen, app.keep_result)
        await until(pilot, lambda: app.screen is screen and screen.field.has_focus and "[ ] a" in shown(app))
        await pilot.press("space", "down", "space", "down", "space", "down", "space")
        await until(pilot, lambda: "4 models are marked already" in shown(app))
        await pilot.press("up", "space", "enter")
        assert await chosen(app, pilot) == ("router/e", "router/a", "router/b")


async def test_the_default_model_is_marked_by_its_name_and_keys_take_effect_in_their_order(file: Path) -> None:
    app = ListApp(file, Clock())
    async with running(app, (80, 24)) as pilot:
        known = catalog(Back("one", Model("one", "a"), Model("one", "b")), Back("two", Model("two", "a")))
        screen = ComparedModelsPicker(known, marked=["one/"])
        assert known.default_ref() == "one/"  # nothing is listed yet
        await app.push_screen(screen, app.keep_result)
        await until(pilot, lambda: app.screen is screen and screen.field.has_focus and "[x] a" in shown(app))
        assert "Marked: a " in shown(app)
        for key in ("down", "space", "down", "space"):
            app.post_message(events.Key(key, " " if key == "space" else None))
        await until(pilot, lambda: "Marked: one/a, b, two/a" in shown(app))
        await pilot.press("enter")
        assert await chosen(app, pilot) == ("one/a", "one/b", "two/a")
