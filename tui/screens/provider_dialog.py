"""Dialog that adds, edits or removes a provider of models."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import Button, Input, Label

from sterna.config import ConfigError
from sterna.storage.text import one_line

from ..context import AppContext
from ..dialogs.panels import Buttons, Dialog, Field, Panel, sentence
from .provider_list import full_address, table_name
from .provider_result import Result

if TYPE_CHECKING:
    from sterna.config import EndpointSettings


class ProviderDialog(Dialog[Result | None]):
    """Returns a sentence once something was saved or removed. The API key is stored outside config.toml."""

    BINDINGS = [Binding("escape", "dismiss(None)", "Cancel")]

    def __init__(self, context: AppContext, provider: EndpointSettings | None) -> None:
        super().__init__()
        self.context = context
        self._provider = provider

    def compose(self) -> ComposeResult:
        """Compose three fields and the buttons."""
        old = self._provider
        with Panel(f"Edit {old.label or old.name}" if old else "Add a provider", keys="enter save   esc cancel"):
            yield sentence("Any server with an OpenAI-compatible API.", classes="note")
            yield Field("Name", (old.label or old.name) if old else "", placeholder="Work", id="provider-name")
            yield Field("Address", old.url if old else "", placeholder="api.example.com/v1", id="provider-url")
            key = "leave blank to keep the saved key" if old else "if the provider needs one"
            yield Field("API key", placeholder=key, password=True, id="provider-key")
            yield sentence("", id="answer", classes="answer")
            remove = [("remove", "Remove", "error")] if old else []
            yield Buttons(*remove, ("cancel", "Cancel"), ("save", "Save" if old else "Add", "primary"))

    @on(Input.Submitted)
    def next_field(self, event: Input.Submitted) -> None:
        """Go on to the next field, and save from the last one."""
        event.stop()
        if event.input.id == "provider-key":
            self._save()
        else:
            self.focus_next()

    @on(Button.Pressed)
    def press(self, event: Button.Pressed) -> None:
        """Do what the button says."""
        match event.button.id:
            case "save":
                self._save()
            case "remove":
                self._remove()
            case _:
                self.dismiss(None)

    @work(group="provider", exclusive=True)
    async def _save(self) -> None:
        label, typed, key = (self._field(part).value.strip() for part in ("name", "url", "key"))
        url = full_address(typed)
        if not label:
            self._refuse("name", "Give the provider a name.")
            return
        if url is None:
            self._refuse("url", "Enter an address such as api.example.com/v1 or http://localhost:11434/v1.")
            return
        taken = {endpoint.name: endpoint for endpoint in self.context.settings.endpoints}
        old = self._provider
        others = [endpoint for endpoint in taken.values() if endpoint != old]
        if any(label.casefold() in (endpoint.name, endpoint.label.casefold()) for endpoint in others):
            self._refuse("name", f"There is already a provider named “{one_line(label, 40)}”.")
            return
        known = set(self.context.catalog.names()) if self.context.catalog is not None else set()
        name = old.name if old else table_name(label, {*taken, *known})
        try:
            if key:
                await asyncio.to_thread(self.context.settings_file.credentials().put, name, key)
            await self.context.settings_file.save(f"endpoints.{name}.url", url)
            if label != name or (old and old.label):
                await self.context.settings_file.save(f"endpoints.{name}.label", label if label != name else None)
        except ConfigError as error:
            self._refuse("key" if key else "url", str(error))
            return
        problem = await self.context.add_endpoint(name)
        models = self.context.key_of("model.choose")
        done = "Saved" if old else "Added"
        sentence = problem or f"{done} “{one_line(label, 40)}”. Choose its models with {models}."
        self.dismiss(Result(sentence, problem is None))

    @work(group="provider", exclusive=True)
    async def _remove(self) -> None:
        from ..dialogs.confirm import Confirm

        old = self._provider
        assert old is not None
        label = one_line(old.label or old.name, 40)
        question = f"Remove “{label}” and its saved key? Conversations stay."
        if not await self.app.push_screen_wait(Confirm("Remove provider?", question, "Remove")):
            return
        try:
            await asyncio.to_thread(self.context.settings_file.credentials().delete, old.name)
            await self.context.remove_endpoint(old.name)
        except ConfigError as error:
            self._refuse("name", str(error))
            return
        self.dismiss(Result(f"Removed “{label}”.", True))

    def _field(self, part: str) -> Input:
        return self.query_one(f"#provider-{part}", Input)

    def _refuse(self, part: str, reason: str) -> None:
        for field in self.query(Field):
            field.set_class(field.id == f"provider-{part}", "-invalid")
        self._field(part).focus()
        answer = self.query_one("#answer", Label)
        answer.display = True
        answer.update(one_line(reason))
        self.call_after_refresh(answer.scroll_visible, animate=False)
