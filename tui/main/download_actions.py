"""Downloads of models: begun by a name, followed in the status line, and chosen at their end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sterna import storage
from sterna.storage.text import one_line

from .undoable_actions import UndoableActions

if TYPE_CHECKING:
    from ..services.model_download import ModelDownload


class DownloadActions(UndoableActions):
    """One download at a time; it belongs to the program, not to its page."""

    def open(self) -> None:
        """Show the download that runs, or ask for a model."""
        from ..screens.download_page import DownloadScreen

        self._layout.app.push_screen(DownloadScreen(lambda: self._context.download, self.begin))

    async def pull(self, name: str) -> bool:
        """Download a model and show how far it is; return whether that has begun."""
        await self._context.ready.wait()
        if problem := self.begin(name):
            self._layout.complain(problem)
            return False
        self.open()
        return True

    def begin(self, name: str) -> str:
        """Begin to download a model; return why that is not possible, else an empty text."""
        from sterna.chat import ref_to_download
        from sterna.providers import ProviderError

        from ..services.model_download import ModelDownload

        context = self._context
        if context.catalog is None:
            return "Sterna is still starting. Try again in a moment."
        if context.download is not None and context.download.state == "running":
            return f"{one_line(context.download.ref, 80)} is being downloaded. Wait for its end, or stop it."
        if not name:
            return "Enter the name of a model."
        try:
            ref = ref_to_download(context.catalog, name)
        except ProviderError as error:
            return str(error)
        download = context.download = ModelDownload(context.catalog, ref, self._show)
        context.spawn(self._download(download, self._conversation.id), "model.download")
        return ""

    def _show(self) -> None:
        if self._layout.is_alive:
            self._display.show_activity()

    async def _download(self, download: ModelDownload, conversation_id: str | None) -> None:
        await download.run()
        if not self._layout.is_alive or self._context.is_closing:
            return
        if download.state != "done":
            self._layout.notify(one_line(download.problem, 400), severity="error", timeout=12)
            return
        try:
            if self._conversation.id == conversation_id:
                await self._conversation.set_settings({"model": download.ref})
                await self._display.refresh()
                await self._display.show_welcome()
            elif conversation_id is not None:
                change = storage.SettingChanges.change
                await self._context.store.run(change, conversation_id, {"model": download.ref})
        except storage.StoreError as error:
            self._layout.complain(f"{one_line(download.ref, 80)} is downloaded, but not chosen. {error}")
            return
        self._offer_undo(f"Downloaded {one_line(download.ref, 80)}. It answers from the next message on.")
