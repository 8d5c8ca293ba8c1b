"""Page of a download: the model that a server fetches, and how far it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Button, Input, Label

from sterna.storage.text import one_line

from ..dialogs.panels import Buttons, Dialog, Field, Panel, heading, sentence

if TYPE_CHECKING:
    from ..services.model_download import ModelDownload

BAR = 40
"""Cells of the bar."""


class DownloadScreen(Dialog[None]):
    """Asks for a model, and shows the download that runs or ran last. Closing it leaves the download to itself."""

    BINDINGS = [("escape", "dismiss", "Close")]

    def __init__(
        self, current: Callable[[], ModelDownload | None], begin: Callable[[str], str], seconds: float = 0.25
    ) -> None:
        """Create the page. ``begin`` starts a download, or returns why it cannot."""
        super().__init__()
        self._current = current
        self._begin = begin
        self._seconds = seconds

    def compose(self) -> ComposeResult:
        """Compose the field, the progress, and the buttons."""
        with Panel("Download a model", keys="enter download   esc close"):
            yield sentence("Ollama downloads a model by its name, as ollama.com/library lists it. It is chosen then.")
            yield Field("Model", placeholder="llama3.2, qwen3:8b, …")
            yield heading("")
            yield sentence("", id="state")
            yield Buttons(("close", "Close"), ("stop", "Stop"), ("pull", "Download", "primary"))
            yield sentence("", id="answer", classes="answer")

    def on_mount(self) -> None:
        """Show the download that runs, and follow it."""
        self.set_interval(self._seconds, self._show)
        self._show()
        self.query_one(Input).focus()
        self.show_top()

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self._start()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        download = self._current()
        if event.button.id == "pull":
            self._start()
        elif event.button.id == "stop" and download is not None:
            download.stop()
        else:
            self.dismiss()

    def _start(self) -> None:
        problem = self._begin(self.query_one(Input).value.strip())
        answer = self.query_one("#answer", Label)
        answer.display = bool(problem)
        answer.update(Content.styled(one_line(problem, 400), "$error"))
        self._show()

    def _show(self) -> None:
        download = self._current()
        section, state = self.query_one(".section", Label), self.query_one("#state", Label)
        section.display = state.display = download is not None
        is_running = download is not None and download.state == "running"
        self.query_one("#stop", Button).display = is_running
        self.query_one("#pull", Button).display = not is_running
        if self.focused is None or not self.focused.display:  # a button that was pressed is gone
            self.query_one(Input).focus()
        if download is not None:
            section.update(Content(one_line(download.ref, 100)))
            state.update(Content("\n".join(_lines(download))))


def _lines(download: ModelDownload) -> list[str]:
    from sterna.chat import download_text

    done = round(download.share * BAR)
    bar = f"{'━' * done}{'─' * (BAR - done)}"
    match download.state:
        case "done":
            return ["Downloaded. It is chosen for the conversation."]
        case "stopped":
            return [bar, "Stopped. The same download continues where it stopped."]
        case "failed":
            return [one_line(download.problem, 400)]
    return [bar, download_text(download.progress) if download.progress is not None else "asking the server"]
