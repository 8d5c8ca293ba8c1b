"""Page on which a person chooses the histories of other programs that are followed on this machine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Button, Label

from sterna import storage
from sterna.storage import GatherChoice, SourceChoice
from sterna.storage.text import one_line, size_text

from ..context import AppContext
from ..counts import counted
from ..dialogs.panels import Buttons, CheckField, Dialog, Panel, heading, sentence

if TYPE_CHECKING:
    from sterna.importers.gather.preview import SourcePreview

STAYS = "stays here"
"""Name of the switch for what is never synced."""
MOST_FOLDERS = 5


class GatherScreen(Dialog[None]):
    """Page with one switch for each program; nothing is read before it is saved."""

    BINDINGS = [Binding("escape", "dismiss", "Close"), Binding("ctrl+r", "save", "Save")]
    DEFAULT_CSS = """
    GatherScreen #sources { height: auto; }
    """

    def __init__(self, context: AppContext) -> None:
        super().__init__()
        self.context = context
        self._found: dict[str, SourcePreview] = {}

    def compose(self) -> ComposeResult:
        """Compose the switches and the buttons."""
        with Panel("Gather", keys="space choose   ctrl+r save   esc close", classes="-large"):
            yield sentence(
                "Coding agents keep their conversations on this machine, and some delete them after a while. What you"
                " choose is read now, and as it grows while Sterna is open. What was read stays."
            )
            yield heading("On this machine")
            yield Vertical(id="sources")
            yield sentence("Looking…", id="folders", classes="note")
            yield CheckField("Never sync what is chosen now: it stays on this machine", name=STAYS)
            yield Buttons(("close", "Close"), ("save", "Save", "primary"))
            yield sentence("", id="answer", classes="answer")

    def on_mount(self) -> None:
        """Look for histories; nothing is opened."""
        self._look()
        self.show_top()

    @work(group="gather.look", exclusive=True)
    async def _look(self) -> None:
        from sterna.importers.gather.places import Places
        from sterna.importers.gather.preview import preview
        from sterna.importers.gather.rounds import projects_for
        from sterna.importers.gather.work import available

        await self.context.ready.wait()
        store = self.context.store
        choice = await store.run(storage.Gathered.choice)
        counts = await store.run(storage.Gathered.conversations)
        for name in await asyncio.to_thread(available):
            projects = await store.run(projects_for, name)
            chosen = choice.sources.get(name, SourceChoice())
            found = await asyncio.to_thread(preview, name, Places(), chosen, projects)
            if found.files or name in choice.sources:
                self._found[name] = found
                label = _label(found, counts.get(name, 0))
                await self.query_one("#sources").mount(CheckField(label, name in choice.sources, name=name))
        switches = self.query("#sources CheckField")
        if switches:
            switches.first().focus()
        else:
            self._show_folders("No history of another program was found.")

    # Actions

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Show where the history of the program under the cursor is."""
        if (found := self._found.get(str(event.widget.name))) is not None:
            folders = sorted(found.folders, key=lambda folder: -folder.size)
            lines = [f"{one_line(each.path, 90)}  {counted(each.files, 'file')}" for each in folders[:MOST_FOLDERS]]
            more = len(folders) - MOST_FOLDERS
            self._show_folders("\n".join(lines + ([f"and {counted(more, 'more folder')}"] if more > 0 else [])))

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "save":
            self.action_save()
        else:
            self.dismiss()

    def action_save(self) -> None:
        """Follow what is chosen from now on."""
        fields = {str(field.name): field.value for field in self.query(CheckField)}
        stays = fields.pop(STAYS)
        self._save([name for name, is_on in fields.items() if is_on], stays)

    @work(group="gather.save", exclusive=True)
    async def _save(self, names: list[str], stays: bool) -> None:
        store = self.context.store
        try:
            old = (await store.run(storage.Gathered.choice)).sources
            unseen = {name: chosen for name, chosen in old.items() if name not in self._found}
            new = {name: old.get(name) or SourceChoice(stays_here=stays) for name in names}
            await store.run(storage.Gathered.choose, GatherChoice({**unseen, **new}))
        except storage.StoreError as error:
            self._answer(str(error), "$error")
            return
        self.context.gatherer.wake()
        followed = f"{counted(len(new), 'program')} followed. New conversations appear in the list."
        self._answer(followed if new else "Nothing is followed. What was read stays.", "$success")

    def _show_folders(self, text: str) -> None:
        self.query_one("#folders", Label).update(Content(text))

    def _answer(self, text: str, color: str) -> None:
        answer = self.query_one("#answer", Label)
        answer.display = True
        answer.update(Content.styled(one_line(text), color))


def _label(found: SourcePreview, conversations: int) -> str:
    here = f", {counted(conversations, 'conversation')} here" if conversations else ""
    return f"{one_line(found.label, 30)}: {counted(found.files, 'file')}, {size_text(found.size)}{here}"
