"""Saved and recent searches, which the search screen offers while its field is empty."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets.option_list import Option

from sterna.storage import Hit, SavedSearches, SearchHistory, StoreError, StoreThread
from sterna.storage.text import one_line

from ..dialogs.name_search import NameSearch
from ..pickers.chooser import Chooser
from .drawing import saved_line

MOST_RECENT = 8
"""Recent searches that are offered."""
UNDO_HINT = "ctrl+_ takes it back."


class OfferingChooser(Chooser[Hit | None]):
    """Chooser with offers. What is about the field and the list is left to the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("shift+delete", "forget", "Forget this search", id="search.forget"),
        Binding("ctrl+l,f4", "save", "Save this search", id="search.save"),
        Binding("f2", "rename", "Rename this search", id="search.rename"),
        Binding("ctrl+underscore,ctrl+z", "undo", "Undo", id="search.undo"),
    ]

    def __init__(self, store: StoreThread) -> None:
        super().__init__()
        self._store = store
        self._saved: dict[str, str] = {}
        """Saved searches by name; they stand above the recent ones."""
        self._recent: list[str] = []

    @property
    def typed(self) -> str:
        """Text of the search as it is typed."""
        raise NotImplementedError

    @property
    def shows_offers(self) -> bool:
        """True while the list shows them."""
        raise NotImplementedError

    def offer_at(self, line: int) -> int:
        """Return the number of the offer on a line of the list."""
        raise NotImplementedError

    def search_again(self) -> None:
        """Read results and offers again."""
        raise NotImplementedError

    async def read_offers(self) -> tuple[list[str], dict[str, str]]:
        """Return recent searches and saved ones. Raises StoreError."""
        if not self._store.is_open:
            return [], {}
        recent = await self._store.run(SearchHistory.recent, MOST_RECENT)
        return recent, await self._store.run(SavedSearches.all)

    @property
    def offers(self) -> list[str]:
        """Texts of the offers, in the order of the list."""
        return [*self._saved.values(), *self._recent]

    def offer_options(self) -> list[Option]:
        """Return the lines of the offers."""
        saved = [Option(saved_line(name, text, self.room)) for name, text in self._saved.items()]
        return [*saved, *(Option(Content(one_line(text, self.room))) for text in self._recent)]

    def say_offers(self) -> None:
        """Say what the list shows."""
        kinds = " and ".join(kind for kind, some in (("saved", self._saved), ("recent", self._recent)) if some)
        rename = "f2 rename   " if self._saved else ""
        self.say(f"{kinds.capitalize()} searches.", f"enter search   shift+del forget   {rename}esc close")

    def action_forget(self) -> None:
        """Delete the highlighted search from the saved ones, which can be undone, or from the recent ones."""
        if (name := self._highlighted_name) is not None:
            self._change_stored(lambda _: f"Deleted @{name}. ctrl+_ brings it back.", SavedSearches.delete, name)
        elif self.shows_offers and self.menu.highlighted is not None:
            text = self.offers[self.offer_at(self.menu.highlighted)]
            self._change_stored(lambda _: "", SearchHistory.forget, text)

    @work(group="search.save", exclusive=True)
    async def action_save(self) -> None:
        """Save the search under a name."""
        text = self.typed.strip()
        if not text:
            self.notify("Type a search first, then save it.", markup=False)
            return

        async def save(name: str) -> str:
            saved = await self._store.run(SavedSearches.save, name, text)
            before = f" It was “{one_line(saved.before, 40)}”; {UNDO_HINT}" if saved.before else ""
            return f"Saved as @{saved.name}.{before}"

        await self._use_name(NameSearch("Save this search", text, save))

    @work(group="search.save", exclusive=True)
    async def action_rename(self) -> None:
        """Give the highlighted saved search another name."""
        if (old := self._highlighted_name) is None:
            self.notify("Empty the field and select a saved search to rename it.", markup=False)
            return

        async def rename(new: str) -> str:
            return f"Renamed to @{await self._store.run(SavedSearches.rename, old, new)}. {UNDO_HINT}"

        await self._use_name(NameSearch("Rename this search", self._saved[old], rename, name=old))

    async def _use_name(self, dialog: NameSearch) -> None:
        """Let a name be entered, and say what became of it."""
        if said := await self.app.push_screen_wait(dialog):
            self.notify(said, markup=False)
            self.search_again()

    def action_undo(self) -> None:
        """Take back the last change of saved searches."""
        self._change_stored(_undone, SavedSearches.undo)

    @work(group="search.save", exclusive=True)
    async def _change_stored(self, sentence: Callable[[Any], str], method: Callable[..., Any], *arguments: str) -> None:
        """Change something in the history, and say what the sentence for its result is."""
        try:
            said = sentence(await self._store.run(method, *arguments))
        except StoreError as error:
            said = str(error)
        if said:
            self.notify(said, markup=False)
        self.search_again()

    @property
    def _highlighted_name(self) -> str | None:
        """Name of the highlighted saved search; None for anything else."""
        if not self.shows_offers or self.menu.highlighted is None:
            return None
        number = self.offer_at(self.menu.highlighted)
        return list(self._saved)[number] if number < len(self._saved) else None


def _undone(names: list[str]) -> str:
    return f"As before: {', '.join(f'@{name}' for name in names)}." if names else "Nothing to undo."
