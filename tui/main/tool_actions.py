"""Actions on tools: choose those of the open conversation, and answer whether one may be called."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

from sterna import config, storage
from sterna.storage.text import one_line

from ..tool_names import tool_names
from .layout import MainLayout
from .navigation import Navigation
from .question_bar import ANSWER
from .sentences import quoted
from .status_display import StatusDisplay
from .undoable_actions import UndoableActions

if TYPE_CHECKING:
    from ..services.tool_questions import Question
    from .reply_notice import Alerting

LONGEST_NAME = 64


class ToolActions(UndoableActions):
    """Each public method without arguments runs one action, or shows what has changed."""

    def __init__(
        self, layout: MainLayout, navigation: Navigation, display: StatusDisplay, *, offer_undo: Callable[[str], None]
    ) -> None:
        super().__init__(layout, navigation, display, offer_undo=offer_undo)
        self._navigation = navigation
        self._questions = layout.context.tools.questions
        navigation.opened.append(self.show)
        self._questions.changed = self.show
        self._questions.asked = self._call_attention

    def follow_servers(self) -> None:
        """Count the chosen tools again whenever servers have told what they offer."""
        if (toolbox := self._context.tools.toolbox) is not None:
            toolbox.subscribe(self._count_soon)

    def _count_soon(self) -> None:
        self._layout.call_later(self._count)

    def _count(self) -> None:
        if self._layout.is_alive:
            self._layout.status.tools = self._display.tools

    # Choosing

    def choose(self) -> None:
        """Choose the tools of the open conversation."""
        if self._context.tools.toolbox is None:
            is_starting = not self._context.ready.is_set()
            text = "Sterna is still starting. Try again in a moment." if is_starting else "There are no tools here."
            self._layout.notify(text)
        else:
            self._layout.start_worker("tools", self._choose)

    async def _choose(self) -> None:
        from ..pickers.tools import ToolPicker

        toolbox = self._context.tools.toolbox
        assert toolbox is not None
        await self._read_servers()
        picker = ToolPicker(toolbox, self._conversation.tools, keep=self._keep)
        chosen = await self._layout.app.push_screen_wait(picker)
        if chosen is not None:
            self._context.spawn(self._save(chosen), "conversation.tools")

    async def _read_servers(self) -> None:
        """Follow the tables of servers in config.toml, which somebody may have edited since the start."""
        file = self._context.settings_file
        settings = await asyncio.to_thread(config.load, file.folder, file.environ)
        if settings.blocked:  # it may not be readable at all
            self._layout.complain(settings.blocked)
            return
        for problem in settings.problems:
            if problem not in self._context.settings.problems:
                self._layout.complain(problem)
        await self._context.tools.configure(settings)

    async def _save(self, chosen: Sequence[str]) -> None:
        try:
            await self._conversation.set_settings({"tools": list(chosen)})
        except storage.StoreError as error:
            self._layout.complain(str(error))
            return
        await self._display.refresh()
        what = self._display.tools or "No tools"
        self._offer_undo(f"{what}, from the next message on.")

    def _keep(self, chosen: Sequence[str]) -> None:
        self._context.spawn(self._save_default(chosen), "tools.default")

    async def _save_default(self, chosen: Sequence[str]) -> None:
        try:
            await self._context.settings_file.save("tools.chosen", list(chosen))
        except config.ConfigError as error:
            self._layout.complain(str(error))
        else:
            what = "these tools" if chosen else "no tools"
            self._layout.notify(f"Conversations without a choice of their own have {what} now.", timeout=8)

    # Questions

    def show(self) -> None:
        """Show the question of the open conversation, and in the list where others wait."""
        if not self._layout.is_alive or not self._layout.query("#sidebar"):
            return
        self._layout.sidebar.rows.asking = self._questions.conversations
        questions, bar = self._questions.of(self._conversation.id), self._layout.question_bar
        if questions:
            from sterna.storage.conversations.tool_calls import ToolCall  # not needed for the first frame

            ask = questions[0].ask
            server, tool = tool_names(ask.tool.name)
            name = f"{tool} of {server}" if server else tool
            subject = ToolCall(tool, dict(ask.arguments)).subject or "no arguments"
            bar.show(name, subject, more=len(questions) - 1, key=self._display.key_name(ANSWER))
        else:
            bar.hide()
        self._display.show_activity()

    def answer(self) -> None:
        """Open the question of the open conversation, or the conversation in which one waits."""
        if questions := self._questions.of(self._conversation.id):
            self._layout.start_worker("question", self._answer, questions[0])
        elif elsewhere := self._questions.conversations:
            self._navigation.go_to(min(elsewhere))
        else:
            self._layout.notify("No tool waits for your answer.")

    async def _answer(self, question: Question) -> None:
        from ..dialogs.tool_question import ToolQuestion

        toolbox, name = self._context.tools.toolbox, question.ask.tool.name
        known = [tool for server in (toolbox.servers() if toolbox else ()) for tool in server.tools]
        harmless = any(tool.changes_nothing for tool in known if tool.name == name)
        await self._layout.app.push_screen_wait(ToolQuestion(question, changes_nothing=harmless))

    def _call_attention(self, question: Question) -> None:
        """Say that a question waits, where the person does not look at it."""
        is_open = question.ask.session_id == self._conversation.id and self._layout.app.screen is self._layout
        if not is_open or not cast("Alerting", self._layout.app).app_focus:
            self._context.spawn(self._say(question, is_open=is_open), "tool.notice")

    async def _say(self, question: Question, *, is_open: bool) -> None:
        ask, ui = question.ask, self._context.settings.ui
        try:
            record = await self._context.store.run(storage.Conversations.get, ask.session_id)
        except storage.StoreError:
            return
        if not question.is_open or not self._layout.is_alive:
            return
        name = one_line(tool_names(ask.tool.name)[1], LONGEST_NAME)
        text = f"{quoted(record.title)} waits for your answer: call {name}?"
        app, environ = cast("Alerting", self._layout.app), self._context.settings_file.environ
        if ui.notify != "off" and not app.app_focus:
            app.alert("Sterna", text, environ, on_desktop=ui.notify == "notify")
        if not is_open:
            self._layout.notify(f"{text} {self._display.key_name(ANSWER)} opens it.", timeout=10)
