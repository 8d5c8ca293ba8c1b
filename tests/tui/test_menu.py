"""A list to choose from takes keys at any moment."""

from __future__ import annotations

from textual.app import App, ComposeResult

from sterna.tui.dialogs.menu import Menu


class MenuApp(App[None]):
    """Nothing but a list, which is laid out when it is told to be."""

    CSS = "Menu { display: none; height: 1fr; border: none; padding: 0; }"

    def compose(self) -> ComposeResult:
        yield Menu(*(str(number) for number in range(50)))


async def test_a_page_up_or_down_before_the_list_is_laid_out_does_nothing() -> None:
    app = MenuApp()
    async with app.run_test(size=(20, 8)) as pilot:
        menu = app.query_one(Menu)
        menu.highlighted = 7
        menu.action_page_down()
        menu.action_page_up()
        assert menu.highlighted == 7
        menu.display = True
        await pilot.pause()
        menu.focus()
        await pilot.press("pagedown")
        assert menu.highlighted == 15


async def test_a_list_in_a_terminal_that_is_too_narrow_for_text_is_empty() -> None:
    app = MenuApp()
    async with app.run_test(size=(20, 8)) as pilot:
        menu = app.query_one(Menu)
        menu.set_styles("display: block; height: auto; width: 2;")
        await pilot.pause()
        assert menu.size.height == 0
