"""A list to choose from takes keys at any moment."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import OptionList

from sterna.storage import Tag
from sterna.tui.dialogs.menu import Menu
from sterna.tui.pickers.tags import TagPicker


class MenuApp(App[None]):
    """Application with one list, which is hidden at first and therefore not laid out."""

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


async def test_a_line_that_typing_replaced_is_not_chosen_by_an_earlier_click() -> None:
    class TagApp(App[None]):
        def on_mount(self) -> None:
            self.push_screen(TagPicker([Tag("sea", 1), Tag("sky", 1), Tag("zoo", 1)], [], 1))

    app = TagApp()
    async with app.run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        picker = app.screen
        assert isinstance(picker, TagPicker)
        for line, typed, marked in ((2, "z", False), (1, "s", True), (0, "z", False)):
            clicked = OptionList.OptionSelected(picker.menu, picker.menu.get_option_at_index(line), line)
            picker.field.value = typed
            await pilot.pause()
            picker.choose_option(clicked)
            await pilot.pause()
            lines = [str(option.prompt) for option in picker.menu.options]
            assert any("[x]" in shown for shown in lines) == marked, lines
            picker.field.value = ""
            await pilot.pause()
            for option in [option for option in picker.menu.options if "[x]" in str(option.prompt)]:
                picker.menu.highlighted = picker.menu.options.index(option)
                picker.action_toggle_tag()
                await pilot.pause()
