"""Page that imports histories of other programs: what a path has is shown first, then imported in the background."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.content import Content
from textual.widgets import Button, Input, Label

from sterna.storage.text import one_line

from ..context import AppContext
from ..counts import counted
from ..dialogs.panels import Buttons, Dialog, Field, Panel, heading, sentence
from ..services.importing import ImportJob

SHOWN_REASONS = 5
STATES = (
    ("new", "new"), ("updated", "changed"), ("unchanged", "unchanged"), ("older", "older than here"),
    ("deleted", "deleted here"), ("skipped", "skipped"),
)  # fmt: skip


_BUSY = ("importing", "undoing")


class ImportScreen(Dialog[None]):
    """Page of an import. It shows the one that runs, if there is one."""

    BINDINGS = [Binding("escape", "dismiss", "Close"), Binding("ctrl+r", "take", "Import")]

    def __init__(self, context: AppContext, path: Path | None = None) -> None:
        super().__init__()
        self.context = context
        self._path = path

    @property
    def job(self) -> ImportJob:
        """The import of this program; the last one, when it has ended."""
        if self.context.import_job is None:
            self.context.import_job = ImportJob(self.context.store, self.context.clock)
        return self.context.import_job

    def compose(self) -> ComposeResult:
        """Compose the path, what is found, and the buttons."""
        job = self.job if self.context.has_store else None
        path = self._path or (job.path if job is not None and job.phase != "empty" else None)
        with Panel("Import", keys="enter look   ctrl+r import   esc close", classes="-large"):
            yield sentence(
                "Conversations of other programs, from a file, a folder or a zip archive that they export or keep."
                " It is recognized by its content. The same again adds nothing twice."
            )
            yield Field("File or folder", str(path) if path is not None else "", placeholder="~/Downloads/export.zip")
            yield sentence("", id="readers", classes="note")
            yield heading("")
            yield sentence("", id="state")
            yield sentence("", id="skipped", classes="note")
            yield Buttons(("close", "Close"), ("undo", "Take it back"), ("stop", "Stop"), ("take", "Import", "primary"))
            yield sentence("", id="answer", classes="answer")

    async def on_mount(self) -> None:
        """Show the import that runs, or look at the given path."""
        self._show_readers()
        if self.context.import_job is None:
            self.query_one(".section").display = False
            await self.context.ready.wait()
        self.job.changed = self._show
        self._show()
        if self._path is not None and not self.job.is_running:
            self._look()
        self.query_one(Input).focus()
        self.show_top()

    def on_unmount(self) -> None:
        """Leave the import to itself; its end is said in a notice."""
        if self.context.import_job is not None:
            app, job = self.app, self.context.import_job
            job.changed = lambda: _say_end(app.notify, job)

    @work(group="readers", exclusive=True)
    async def _show_readers(self) -> None:
        from sterna.importers.registry import readers

        found = await asyncio.to_thread(readers)
        labels = sorted((reader.label for reader in found.readers), key=str.lower)
        for label in self.query("#readers").results(Label):
            label.update(Content(one_line(f"It reads {', '.join(labels)}.", 2_000)))

    # Actions

    @on(Input.Submitted)
    def _submitted(self) -> None:
        """Look at a path, and import it when it has been looked at."""
        is_same = _path(self.query_one(Input).value.strip()) == self.job.path
        if self.job.phase == "found" and is_same:
            self.action_take()
        elif self.job.phase != "looking" or not is_same:
            self._look()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        match event.button.id:
            case "take":
                self.action_take()
            case "stop":
                self.job.stop()
            case "undo":
                self.context.spawn(self.job.undo(), "import.undo")
            case _:
                self.dismiss()

    def action_take(self) -> None:
        """Import what was found; look first, where nothing was looked at."""
        job = self.job
        if job.phase in ("looking", "found"):
            self.context.spawn(job.take(), "import.take")
        elif job.phase not in _BUSY:
            self._look()

    def _look(self) -> None:
        text = self.query_one(Input).value.strip()
        if self.job.phase in _BUSY:
            self._answer("An import is running, or is taken back. Wait for its end, or stop it.")
        elif not text:
            self._answer("Enter the path of a file or folder.")
        else:
            self._answer("")
            self.context.spawn(self.job.look(_path(text)), "import.look")

    # What is shown

    def _show(self) -> None:
        if not self.query("#state"):
            return
        job = self.job
        self.query_one("#readers", Label).display = job.phase in ("empty", "failed")
        section = self.query_one(".section", Label)
        section.display = job.phase != "empty"
        section.update(Content(_heading(job)))
        self.query_one("#state", Label).update(Content("\n".join(_lines(job))))
        self.query_one("#skipped", Label).update(Content("\n".join(_reasons(job))))
        self.query_one("#take", Button).display = job.phase in ("empty", "looking", "found", "failed")
        self.query_one("#stop", Button).display = job.phase in _BUSY
        self.query_one("#undo", Button).display = job.phase in ("done", "stopped") and _has_changed(job)
        keys = "" if job.phase in _BUSY else "enter import" if job.phase == "found" else "enter look   ctrl+r import"
        self.query_one(Panel).show_keys(f"{keys}   esc close".lstrip())
        if self.focused is None or not self.focused.display:  # a button that was pressed is gone
            self.query_one(Input).focus()

    def _answer(self, text: str) -> None:
        answer = self.query_one("#answer", Label)
        answer.display = bool(text)
        answer.update(Content.styled(one_line(text), "$error"))


def _path(text: str) -> Path:
    """Return a typed path; a dropped one may be quoted or escaped."""
    import shlex
    from urllib.parse import unquote, urlsplit

    path = Path(os.path.expanduser(text))
    if not os.path.exists(path):
        try:
            words = shlex.split(text)
            if len(words) == 1:
                word = unquote(urlsplit(words[0]).path) if words[0].startswith("file://") else words[0]
                return Path(os.path.expanduser(word))
        except ValueError:
            return path
    return path


def _heading(job: ImportJob) -> str:
    return {
        "looking": "Looking",
        "found": "Found",
        "importing": "Importing",
        "done": "Imported" if job.undone is None else "Partly taken back",
        "stopped": "Stopped" if job.undone is None else "Partly taken back",
        "undoing": "Taking it back",
        "undone": "Taken back",
        "failed": "Nothing to import",
    }.get(job.phase, "")


def _lines(job: ImportJob) -> list[str]:
    """Return what there is to say about an import."""
    if job.problem:
        return [one_line(job.problem, 400)]
    if job.undone is not None:
        undone = job.undone
        kept = f" {undone.kept:,} stay, because they changed since." if undone.kept else ""
        restored = f" {undone.restored:,} are as before." if undone.restored else ""
        removed = f"{counted(undone.removed, 'conversation')} moved to the trash"
        if job.phase == "undoing":
            return [f"{removed} so far.{restored}"]
        rest = "" if undone.after is None else " The others are still here."
        return [f"{removed} (undo brings them back).{restored}{kept}{rest}"]
    lines = []
    for count in job.account.sources.values() if job.account is not None else ():
        states = [f"{getattr(count, name):,} {word}" for name, word in STATES if getattr(count, name)]
        line = f"{one_line(count.label, 30)}: {counted(count.found, 'conversation')}"
        lines.append(line + (f" ({', '.join(states)})" if states else ""))
    if job.is_running and job.account is not None:
        left = job.seconds_left
        estimate = f", about {counted(max(1, round(left)), 'second')} left" if left is not None else ""
        lines.append(f"{job.done:.0%}, {job.rate:,.0f} a second{estimate}")
    elif job.phase in ("found", "done") and job.account is not None and job.account.total("deleted"):
        lines.append("What was deleted here stays so; sterna import --restore brings it back.")
    elif job.phase == "stopped":
        lines.append("What is imported stays. Importing the same again goes on.")
    return lines


def _reasons(job: ImportJob) -> list[str]:
    if job.account is None or job.undone is not None:
        return []
    reasons = [one_line(item.reason, 160) for _, item in job.account.skipped]
    notes = [one_line(note, 160) for note in job.account.notes]
    problems = [one_line(problem, 300) for problem in job.problems]
    lines = [*problems, *reasons, *notes]
    more = len(problems) + job.account.total("skipped") + len(notes) - SHOWN_REASONS
    return lines[:SHOWN_REASONS] + ([f"and {more:,} more; see sterna import --json"] if more > 0 else [])


def _has_changed(job: ImportJob) -> bool:
    return job.account is not None and job.account.total("new") + job.account.total("updated") > 0


def _say_end(notify: object, job: ImportJob) -> None:
    """Say in a notice how an import ended whose page was closed."""
    if job.phase in ("done", "stopped", "failed") and callable(notify) and job.undone is None:
        new, updated = (job.account.total(name) if job.account else 0 for name in ("new", "updated"))
        text = job.problem or f"Imported {counted(new, 'new conversation')}, {updated:,} changed."
        notify(one_line(text), markup=False, timeout=8)
    elif job.phase == "undone" and callable(notify) and job.undone is not None:
        text = f"Import taken back: {counted(job.undone.removed, 'conversation')} moved to the trash."
        notify(text, markup=False, timeout=8)
