"""Dialog that adds, edits or removes a provider of models."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalGroup
from textual.content import Content
from textual.widgets import Button, Input, Label
from textual.widgets.option_list import Option

from sterna.config import ConfigError
from sterna.storage.text import one_line

from ..context import AppContext
from ..dialogs.menu import Menu
from ..dialogs.panels import Buttons, Columns, Dialog, Field, Panel, heading, sentence
from .provider_list import KNOWN, Known, full_address, table_name
from .provider_result import Result
from .provider_test import edited, test_provider

if TYPE_CHECKING:
    from sterna.config import EndpointSettings


class Form(NamedTuple):
    """Content of the fields."""

    label: str
    url: str
    """Complete address."""
    key: str
    """Empty: the saved key, or none."""


def _known_line(known: Known) -> Option:
    return Option(Content.assemble((known.name.ljust(14), "bold"), (known.note, "$foreground 75%")))


class ProviderDialog(Dialog[Result | None]):
    """Returns a sentence once something was saved or removed. The API key is stored outside config.toml."""

    BINDINGS = [Binding("escape", "dismiss(None)", "Cancel"), Binding("f5,ctrl+r", "test", "Test")]

    def __init__(self, context: AppContext, provider: EndpointSettings | None) -> None:
        super().__init__()
        self.context = context
        self._provider = provider

    def compose(self) -> ComposeResult:
        """Compose the known services, three fields and the buttons."""
        old = self._provider
        keys = "ctrl+r test   esc cancel"
        with Panel(f"Edit {old.label or old.name}" if old else "Add a provider", keys=keys, classes="-large"):
            with Columns():
                if old is None:
                    with VerticalGroup():
                        yield heading("Choose a service, or fill in the fields")
                        yield Menu(*map(_known_line, KNOWN), id="known", markup=False, compact=True)
                with VerticalGroup():
                    yield Field("Name", (old.label or old.name) if old else "", placeholder="Work", id="provider-name")
                    address = "https://api.example.com/v1"
                    yield Field("Address", old.url if old else "", placeholder=address, id="provider-url")
                    key = "blank = keep the saved key" if old else "if the provider needs one"
                    yield Field("API key", placeholder=key, password=True, id="provider-key")
            yield sentence("", id="answer", classes="answer")
            remove = [("remove", "Remove", "error")] if old else []
            save = ("save", "Save" if old else "Add", "primary")
            yield Buttons(*remove, ("cancel", "Cancel"), ("test", "Test"), save)

    def on_mount(self) -> None:
        """Show the page from its beginning."""
        self.show_top()

    @on(Menu.OptionSelected, "#known")
    def take_known(self, event: Menu.OptionSelected) -> None:
        """Fill in the name and the address of a service."""
        event.stop()
        known = KNOWN[event.option_index]
        self._field("name").value, self._field("url").value = known.name, known.url
        self._field("key" if known.needs_key else "url").focus()

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
            case "test":
                self.action_test()
            case _:
                self.dismiss(None)

    def action_test(self) -> None:
        """Ask the provider for its models, with what is in the fields now."""
        if (form := self._checked()) is not None:
            self._test(form)

    @work(group="test", exclusive=True)
    async def _test(self, form: Form) -> None:
        endpoint = edited(self.context, self._provider, form.label, form.url, form.key)
        self._answer(f"Asking {endpoint.shown} for its models…", "$foreground")
        result = await test_provider(self.context.catalog, endpoint)
        self._answer(result.sentence, "$success" if result.is_good else "$error")

    def _checked(self) -> Form | None:
        """Return what is in the fields; where something is missing, say so and return None."""
        label, typed, key = (self._field(part).value.strip() for part in ("name", "url", "key"))
        url = full_address(typed)
        if not label:
            self._refuse("name", "Give the provider a name.")
            return None
        if url is None:
            self._refuse("url", "Enter an address such as api.example.com/v1 or http://localhost:11434/v1.")
            return None
        for field in self.query(Field):
            field.remove_class("-invalid")
        return Form(label, url, key)

    @work(group="provider", exclusive=True)
    async def _save(self) -> None:
        form = self._checked()
        if form is None:
            return
        label, url, key = form
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
        self._answer(reason, "$error")

    def _answer(self, text: str, style: str) -> None:
        for answer in self.query("#answer").results(Label):  # none once the dialog was closed
            answer.display = True
            answer.update(Content.styled(one_line(text), style))
