"""Actions on what is being written: the editor, earlier prompts, snippets, waiting messages, and slash commands."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sterna import config, storage

from ..prompt.slash_commands import Command
from .compare_actions import CompareActions
from .complaints import PROMPT
from .completion import Completion
from .export_actions import ExportActions
from .layout import MainLayout
from .navigation import Navigation
from .persona_actions import PersonaActions
from .prompt_attachments import PromptAttachments
from .prompt_queue import PromptQueue
from .status_display import StatusDisplay

if TYPE_CHECKING:
    from ..prompt import Prompt
    from ..prompt.tokens import Token
    from .conversation_actions import ConversationActions


class WritingActions:
    """Each public method without arguments runs one action of the list of actions."""

    def __init__(
        self,
        layout: MainLayout,
        navigation: Navigation,
        display: StatusDisplay,
        conversations: ConversationActions,
        queue: PromptQueue,
        attachments: PromptAttachments,
        exports: ExportActions,
        comparisons: CompareActions,
    ) -> None:
        self._layout = layout
        self._navigation = navigation
        self._display = display
        self._conversations = conversations
        self._queue = queue
        self._attachments = attachments
        self._exports = exports
        self._comparisons = comparisons
        self._context = layout.context
        self._conversation = navigation.conversation
        self._personas = PersonaActions(layout, navigation, display, offer_undo=conversations.offer_undo)
        self._completion: Completion | None = None
        self._is_editing = False
        self._with_argument: dict[str, Callable[[str], Awaitable[bool]]] = {
            "search": self._search,
            "ask": self._ask_history,
            "attach": self._attach,
            "export": self._export,
            "model": self._use_model,
            "pull": conversations.downloads.pull,
            "persona": self._personas.use,
            "system": self._set_system_prompt,
            "title": self._rename,
            "snippet": self._insert_named_snippet,
            "history": self._search_history,
        }
        """Methods of commands with their argument; each returns whether the text has been used."""

    @property
    def completion(self) -> Completion:
        """List of what may be meant by the token at the cursor."""
        if self._completion is None:
            self._completion = Completion(self._layout, self.choose_file)
        return self._completion

    # Editor

    def edit_prompt(self) -> None:
        """Edit the prompt in the user's editor."""
        if not self._is_editing:
            self._is_editing = True
            self._context.spawn(self._edit_prompt(), "prompt.editor")

    async def _edit_prompt(self) -> None:
        from ..terminal.editor import EditorError, edit_text

        prompt = self._layout.prompt
        try:
            if self._conversation.reopened:
                await self._navigation.save_draft()
            edited = await edit_text(self._layout.app, prompt.whole, self._context.settings_file.environ)
            prompt.replace_all(edited.text)
            prompt.focus()
            if edited.note:
                self._layout.notify(edited.note, timeout=8)
            if self._conversation.reopened:
                await self._navigation.save_draft()
        except EditorError as error:
            self._layout.complain(str(error))
        finally:
            self._is_editing = False

    # Earlier prompts

    def search_history(self) -> None:
        """Choose an earlier prompt."""
        self._layout.start_worker("history", self._choose_prompt)

    async def _search_history(self, words: str) -> bool:
        self._layout.prompt.empty()
        await self._choose_prompt(words)
        return False

    async def _choose_prompt(self, words: str = "") -> None:
        from ..pickers.prompts import PromptPicker

        chosen = await self._layout.app.push_screen_wait(PromptPicker(self._context.store, words))
        if chosen is not None:
            self._layout.prompt.show_earlier(chosen)
            self._layout.prompt.focus()

    # Waiting messages

    def take_back(self) -> None:
        """Take the last waiting message back into the prompt."""
        if not self._queue.take_back():
            self._layout.notify("No message is waiting.")

    # Personas and snippets

    def choose_persona(self) -> None:
        """Choose a persona for this conversation."""
        self._layout.start_worker("persona", self._choose_persona)

    async def _choose_persona(self) -> None:
        try:
            await self._personas.choose()
        except (config.ConfigError, storage.StoreError) as error:
            self._layout.complain(str(error))

    def insert_snippet(self) -> None:
        """Choose a snippet and insert it at the cursor."""
        self._layout.start_worker("snippet", self._choose_snippet)

    async def _choose_snippet(self) -> None:
        from ..pickers.named import NamedPicker, Row

        snippets = await self._snippets()
        if not snippets.texts and not snippets.problems:
            self._layout.notify(
                f"No snippets yet. Each is a file NAME.md or NAME.txt in {snippets.folder}.", timeout=12
            )
            return
        rows = [Row(name, text) for name, text in snippets.texts.items()]
        problems = [problem.replace(f"{snippets.folder}/", "") for problem in snippets.problems]
        picker = NamedPicker("Snippet", rows, problems=problems)
        name = await self._layout.app.push_screen_wait(picker)
        if name is not None:
            self._insert_snippet(snippets.texts[name])

    async def _insert_named_snippet(self, name: str) -> bool:
        snippets = await self._snippets()
        if (text := snippets.texts.get(name)) is None:
            near = config.nearest(name, snippets.texts)
            advice = f"Did you mean {near}?" if near else f"Snippets are files in {snippets.folder}."
            raise config.ConfigError(f"There is no snippet {name}. {advice}")
        self._layout.prompt.empty()
        self._insert_snippet(text)
        return False

    def _insert_snippet(self, text: str) -> None:
        self._layout.prompt.insert_paste(config.fill(text, config.built_in(self._context.clock())))
        self._layout.prompt.focus()

    async def _snippets(self) -> config.Snippets:
        return await asyncio.to_thread(config.load_snippets, self._context.settings_file.folder)

    # Files

    def choose_file(self, token: Token, path: str) -> None:
        """Attach the file that a token names."""
        if token.kind == "file":
            self._layout.prompt.complete(token, "")
        else:
            self._layout.prompt.empty()
        self._attachments.add([Path(os.path.expanduser(path))])

    # Slash commands

    def run_command(self, command: Command, argument: str, event: Prompt.Submitted) -> None:
        """Run a command with its argument; the prompt keeps its text until that has worked."""
        self._layout.start_worker("command", self._run_command, command, argument, event)

    async def _run_command(self, command: Command, argument: str, event: Prompt.Submitted) -> None:
        from sterna.providers import ProviderError

        if not self._conversation.reopened:
            self._layout.notify("Your conversations are not open yet. Your text is kept.", severity="warning")
            return
        try:
            if command.name == "compare":  # its text is a message, which stays in the prompt until it is stored
                await self._comparisons.compare_text(argument, event)
            elif await self._with_argument[command.name](argument):
                self._layout.prompt.sent(event.shown, event.text)
                self._layout.complaints.end(PROMPT)
        except (config.ConfigError, ProviderError, storage.StoreError) as error:
            self._layout.complain(str(error), PROMPT)

    async def _attach(self, typed: str) -> bool:
        from sterna.chat import typed_files

        self._attachments.add(await asyncio.to_thread(typed_files, typed))
        return True

    async def _export(self, path: str) -> bool:
        return self._exports.export_to(path)

    async def _search(self, words: str) -> bool:
        self._layout.prompt.empty()
        self._conversations.search(words)
        return False

    async def _ask_history(self, question: str) -> bool:
        self._layout.prompt.empty()
        self._conversations.ask_history(question)
        return False

    async def _use_model(self, name: str) -> bool:
        await self._context.ready.wait()
        catalog = self._context.catalog
        assert catalog is not None
        if "/" not in name:
            matches = [model.ref for model in catalog.known() if model.id == name]
            name = matches[0] if matches else name
        if catalog.downloads.is_absent(name):
            return await self._conversations.downloads.pull(name)
        catalog.resolve(name)
        await self._set({"model": name})
        self._conversations.offer_undo(f"Model {name}, from the next message on.")
        return True

    async def _set_system_prompt(self, text: str) -> bool:
        await self._set({"system_prompt": text, "persona": None})
        self._conversations.offer_undo("System prompt set, from the next message on.")
        return True

    async def _set(self, values: Mapping[str, Any]) -> None:
        await self._conversation.set_settings(values)
        await self._display.refresh()
        await self._display.show_welcome()

    async def _rename(self, title: str) -> bool:
        if self._conversation.id is None:
            self._layout.notify("Send a message first.")
            return False
        await self._context.store.run(storage.Conversations.rename, self._conversation.id, title)
        return True
