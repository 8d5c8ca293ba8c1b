"""Help, settings, and the screen for a file that cannot be opened."""

from __future__ import annotations

import pytest
from home import Home, frame, until, write
from textual.pilot import Pilot
from textual.widgets import Button, Checkbox, Input, Label

from sterna import config
from sterna.providers import Delta, Done, Reasoning, Usage
from sterna.storage import Store, StoreBusy, StoreError
from sterna.tui.actions.registry import ACTIONS
from sterna.tui.app import SternaApp
from sterna.tui.dialogs.confirm import Confirm
from sterna.tui.dialogs.menu import Menu
from sterna.tui.screens.provider_dialog import ProviderDialog
from sterna.tui.screens.provider_list import full_address, table_name
from sterna.tui.screens.settings import SettingsScreen

SIZE = (100, 40)


async def opened(pilot: Pilot[int], app: SternaApp) -> None:
    await until(pilot, app.context.ready.is_set)


async def test_help_shows_the_keys_as_they_are_now_and_goes_away(home: Home) -> None:
    home.write_config('[keys]\n"conversation.new" = "alt+w"\n')
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await pilot.press("f1")
        await until(pilot, lambda: "Start a new conversation" in frame(app))
        (line,) = [line for line in frame(app).splitlines() if "Start a new conversation" in line]
        assert "alt+w" in line
        await pilot.press("pagedown", "escape")
        await until(pilot, lambda: app.screen is app.main)
        assert app.main.prompt.has_focus


@pytest.mark.parametrize(
    ("typed", "shown", "hidden"),
    [
        ("rename", "Rename this conversation", "Quit"),
        ("ctrl+n", "Start a new conversation", "Regenerate"),
        ("/model", "Choose the model", "Start a new conversation"),
        ("backup", "All conversations are in one SQLite file", "Quit"),
        ("zzzz", "nothing about “zzzz”", "Quit"),
    ],
)
async def test_help_is_filtered_by_keys_commands_and_topics(home: Home, typed: str, shown: str, hidden: str) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await pilot.press("f1")
        await until(pilot, lambda: "Start a new conversation" in frame(app))
        await write(pilot, typed)
        await until(pilot, lambda: shown in frame(app))
        page = "\n".join(line for line in frame(app).splitlines() if "│" in line)
        assert hidden not in page


async def test_a_setting_is_in_the_file_at_once_and_comments_stay(home: Home) -> None:
    home.write_config("# mine\n[ui]\nshow_reasoning = false # no\n")
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await pilot.press("f9")
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen) and app.screen.query(Checkbox))
        app.screen.query_one(Checkbox).toggle()
        await until(pilot, lambda: app.context.settings.ui.show_reasoning)
        width = app.screen.query_one("#width", Input)
        width.focus()
        width.value = "24"
        await pilot.press("enter")
        await until(pilot, lambda: app.context.settings.ui.sidebar_width == 24)
        assert app.main.sidebar.styles.width is not None
        assert app.main.sidebar.styles.width.value == 24
        for name, typed, saved in (("daily", "$2,5", 2.5), ("monthly", "30", 30.0), ("daily", "", None)):
            budget = app.screen.query_one(f"#{name}", Input)
            budget.focus()
            budget.value = typed
            await pilot.press("enter")
            await until(pilot, lambda: getattr(app.context.settings.budget, name) == saved)  # noqa: B023 - awaited here
        meaning = next(box for box in app.screen.query(Checkbox) if box.name == "meaning.enabled")
        meaning.toggle()
        await until(
            pilot, lambda: "is on. It takes about 500 kB" in str(app.screen.query_one("#answer", Label).content)
        )
        assert app.context.meaning.is_on
        meaning.toggle()
        await until(pilot, lambda: "vectors are deleted" in str(app.screen.query_one("#answer", Label).content))
        assert not app.context.meaning.is_on
    text = (home.folder / "config.toml").read_text("utf-8")
    assert "# mine" in text
    assert "show_reasoning = true # no" in text


async def test_the_notice_of_a_long_reply_goes_from_way_to_way(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await pilot.press("f9")
        await until(pilot, lambda: app.screen.query("#notify") and "bell and notification" in frame(app))
        app.screen.query_one("#notify").focus()
        for way, words in (("off", "nothing"), ("bell", "bell"), ("notify", "bell and notification")):
            await pilot.press("enter")
            await until(pilot, lambda way=way: config.load(home.folder).ui.notify == way)
            await until(pilot, lambda words=words: f"complete   {words}" in frame(app))


async def test_replies_are_drawn_as_the_settings_say_and_follow_them(home: Home) -> None:
    home.write_config("[ui]\nshow_reasoning = true\n")
    home.model.say([Reasoning("First I count."), Delta("Four."), Usage(3, 2, 5), Done()])
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await write(pilot, "How many?")
        await pilot.press("enter")
        await until(pilot, lambda: "2 tokens" in frame(app))
        assert "First I count." in frame(app)
        await app.context.settings_file.save("ui.show_reasoning", False)
        await app.context.settings_file.save("ui.show_token_count", False)
        await until(pilot, lambda: "First I count." not in frame(app))
        assert "2 tokens ·" not in frame(app).replace(" of 8.0k", "")
        assert "Four." in frame(app)


async def test_a_value_that_is_not_possible_is_refused_in_a_sentence(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await pilot.press("f9")
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen) and app.screen.query(Checkbox))
        width = app.screen.query_one("#width", Input)
        width.focus()
        width.value = "3"
        await pilot.press("enter")
        await until(pilot, lambda: "16 to 80" in frame(app))
        assert app.context.settings.ui.sidebar_width == 32
        budget = app.screen.query_one("#daily", Input)
        budget.focus()
        budget.value = "much"
        await pilot.press("enter")
        await until(pilot, lambda: "budget.daily" in frame(app))
        assert app.context.settings.budget.daily is None


async def provider_form(pilot: Pilot[int], app: SternaApp, row: int = -1, **values: str) -> None:
    """Open the settings and a row of the providers, the last one to add, and submit what is typed there."""
    if not isinstance(app.screen, SettingsScreen):
        await pilot.press("f9")
    await until(pilot, lambda: isinstance(app.screen, SettingsScreen) and app.screen.query(Checkbox))
    menu = app.screen.query_one("#providers", Menu)
    await until(pilot, lambda: menu.option_count)
    menu.focus()
    menu.highlighted = row % menu.option_count
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, ProviderDialog) and app.screen.query("#provider-key"))
    for name, value in values.items():
        app.screen.query_one(f"#provider-{name}", Input).value = value
    app.screen.query_one("#provider-key", Input).focus()
    await pilot.press("enter")


async def test_a_provider_is_added_and_its_key_is_not_in_the_config_file(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sterna.config.system_keyring.open_keyring", lambda _: None)
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await provider_form(pilot, app, name="Work", url="127.0.0.1:9/v1", key="sk-secret")
        await until(pilot, lambda: app.context.catalog is not None and "work" in app.context.catalog.names())
        await until(pilot, lambda: "Work" in frame(app) and "127.0.0.1:9" in frame(app))
    assert config.load(home.folder, {}).endpoints[0].url == "http://127.0.0.1:9/v1"
    assert "sk-secret" not in (home.folder / "config.toml").read_text("utf-8")
    assert "sk-secret" in (home.folder / "credentials.json").read_text("utf-8")


async def test_a_provider_is_edited_removed_and_named_as_a_person_calls_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sterna.config.system_keyring.open_keyring", lambda _: None)
    app = home.app()
    async with app.run_test(size=SIZE) as pilot:
        await opened(pilot, app)
        await provider_form(pilot, app, name="My work. (EU)", url="localhost:9", key="sk-first")
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen) and "My work. (EU)" in frame(app))
        (added,) = config.load(home.folder, {}).endpoints
        assert (added.name, added.label, added.url) == ("my-work-eu", "My work. (EU)", "http://localhost:9")
        assert "endpoints." not in frame(app)
        await provider_form(pilot, app, name="my work. (eu)", url="localhost:9")
        await until(pilot, lambda: "already a provider" in frame(app))
        await pilot.press("escape")
        await provider_form(pilot, app, row=0, url="api.example.com/v1")
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen) and "api.example.com" in frame(app))
        (edited,) = config.load(home.folder, {}).endpoints
        assert (edited.name, edited.url) == ("my-work-eu", "https://api.example.com/v1")
        assert "sk-first" in (home.folder / "credentials.json").read_text("utf-8")
        app.screen.query_one("#providers", Menu).focus()
        await pilot.press("home", "enter")
        await until(pilot, lambda: app.screen.query("#remove"))
        app.screen.query_one("#remove", Button).press()
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen) and "Removed" in frame(app))
        assert app.context.catalog is not None
        assert "my-work-eu" not in app.context.catalog.names()
    assert not config.load(home.folder, {}).endpoints
    assert "sk-first" not in (home.folder / "credentials.json").read_text("utf-8")


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("api.example.com/v1", "https://api.example.com/v1"),
        (" HTTPS://api.example.com/v1/ ", "HTTPS://api.example.com/v1"),
        ("localhost:11434", "http://localhost:11434"),
        ("192.168.1.20:8000/v1", "http://192.168.1.20:8000/v1"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("8.8.8.8/v1", "https://8.8.8.8/v1"),
        ("box:1234", "http://box:1234"),
        ("ftp://example.com", None),
        ("two words", None),
        ("http://", None),
        ("example.com:port", None),
        ("", None),
    ],
)
def test_an_address_may_leave_its_scheme_out(typed: str, address: str | None) -> None:
    assert full_address(typed) == address


@pytest.mark.parametrize(
    ("label", "name"), [("Work", "work"), ("My work", "my-work-2"), ("guide", "guide-2"), ("日本", "provider")]
)
def test_what_a_provider_is_called_becomes_a_name_that_the_file_takes(label: str, name: str) -> None:
    assert table_name(label, {"my-work"}) == name


async def test_a_corrupt_file_is_a_calm_sentence_and_the_text_stays(home: Home) -> None:
    home.file.write_bytes(b"this is no database, but a letter to my aunt. " * 200)
    app = home.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await write(pilot, "quite ")
        await until(pilot, lambda: "conversations cannot be opened" in frame(app))
        assert "Traceback" not in frame(app)
        await write(pilot, "early")
        await pilot.press("enter")
        assert app.main.prompt.text == "quite early"
        home.file.unlink()
        await pilot.press("f5")
        await opened(pilot, app)
        await until(pilot, lambda: "cannot be opened" not in frame(app))
        assert app.main.prompt.text == "quite early"
    assert not (home.folder / "sterna.log").exists()


async def test_no_key_stumbles_before_the_file_is_open(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home.folder)
    app = home.app()
    begin, app.begin = app.begin, lambda: None  # type: ignore[method-assign]
    async with app.run_test(size=(100, 30)) as pilot:
        for action in ACTIONS:
            if action.id != "app.quit":
                await pilot.press(action.key.split(",")[0])
                while app.screen is not app.main:
                    app.pop_screen()
                    await pilot.pause()
        begin()
        await opened(pilot, app)


async def test_every_way_the_file_can_fail_ends_in_its_sentence(home: Home) -> None:
    failures: list[StoreError] = [StoreBusy("Another Sterna holds the file. Close it.")]

    def fail_once() -> Store:
        if failures:
            raise failures.pop()
        return home.open()

    app = home.app(opener=fail_once)
    async with app.run_test(size=(40, 10)) as pilot:
        await until(pilot, lambda: "Another Sterna" in frame(app))
        await pilot.press("f5")
        await opened(pilot, app)


async def test_what_was_typed_is_given_back_when_the_file_never_opened(home: Home) -> None:
    def refuse() -> Store:
        raise StoreError("No.")

    app = home.app(opener=refuse)
    async with app.run_test(size=(80, 24)) as pilot:
        await write(pilot, "do not lose me")
        await until(pilot, lambda: app.main.welcome.trouble is not None)
        await pilot.press("f10")
        await pilot.pause()
    assert app.farewell is not None
    assert app.farewell.endswith("do not lose me")


async def test_a_mistake_of_the_program_is_one_sentence_and_the_details_are_in_the_log(home: Home) -> None:
    app = home.app()

    async def stumble() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await opened(pilot, app)
            await write(pilot, "kept")
            app.main.call_later(lambda: 1 / 0)
            await pilot.pause()

    with pytest.raises(ZeroDivisionError):
        await stumble()
    assert app.farewell is not None
    assert "Your conversations are safe" in app.farewell
    assert "ZeroDivisionError" in (home.folder / "sterna.log").read_text("utf-8")
    store = home.open()
    assert store.drafts.get(None) == "kept"
    store.close()


async def test_a_look_that_was_chosen_is_the_look_of_the_next_start(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press("shift+f6")
        await until(pilot, lambda: app.context.settings.theme == "sterna-light")
    again = home.app()
    assert again.theme == "sterna-light"


async def test_a_screenshot_says_where_it_is(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home.folder)
    app = home.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press("f12")
        await until(pilot, lambda: list(home.folder.glob("*.svg")))
        assert any(str(home.folder) in notice.message for notice in app._notifications)


async def test_ctrl_c_twice_quits_and_once_does_not(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await write(pilot, "kept")
        await pilot.press("ctrl+c")
        await until(pilot, lambda: any("again" in notice.message for notice in app._notifications))
        assert not app.context.is_closing
        await pilot.press("ctrl+c")
        await until(pilot, lambda: app.context.is_closing)
    store = home.open()
    assert store.drafts.get(None) == "kept"
    store.close()


async def test_a_theme_is_seen_while_one_chooses_and_kept_only_when_chosen(home: Home) -> None:
    app = home.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, app)
        await pilot.press("shift+f7")
        await until(pilot, lambda: "sterna-dark  dark  current" in frame(app))
        background = app.screen.query_one("#chooser").styles.background
        assert background == app.main.status.styles.background  # styled from the first time it opens
        await pilot.press("down")
        await until(pilot, lambda: app.theme == "sterna-light")
        await until(pilot, lambda: app.screen.query_one("#chooser").styles.background != background)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
        assert (app.theme, app.context.settings.theme) == ("sterna-dark", "")
        await pilot.press("shift+f7")
        await until(pilot, lambda: "current" in frame(app))
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.context.settings.theme == "sterna-light")
    assert home.app().theme == "sterna-light"
