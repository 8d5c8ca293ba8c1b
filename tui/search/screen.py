"""The search screen: results while one types, in everything or in the open conversation; before that, what was looked
for last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

from textual import on, work
from textual.app import App
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.timer import Timer
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from sterna.storage import Hit, Search, SearchHistory, StoreError, StoreThread, utc_now
from sterna.storage.text import one_line

from ..counts import counted
from ..pickers.chooser import Chooser
from .drawing import shown

MOST = 50
"""Results at most; more words find fewer."""
PATIENCE = 0.15
"""Seconds without an answer after which the screen says that it searches."""

READ = 2.0
"""Seconds after which results that stand there were what a person looked for, and not a word on the way to another."""

RECENT = 8
"""Searches of before that are offered."""

ROOMY = 32
"""Lines of a terminal in which results stand apart."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One search."""

    text: str = ""
    here: bool = False
    """In the open conversation only."""


_last: WeakKeyDictionary[App[Any], Asked] = WeakKeyDictionary()
"""The last search of each running application."""


class SearchScreen(Chooser[Hit | None]):
    """Returns the result that was chosen, or None."""

    TITLE = "Search"
    PLACEHOLDER = "Search all titles and messages"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r,f3", "toggle_scope", "Here or everywhere", id="search.scope"),
        Binding("shift+delete", "forget", "Forget this search", id="search.forget"),
    ]

    def __init__(
        self,
        store: StoreThread,
        *,
        session_id: str | None = None,
        clock: Callable[[], datetime] = utc_now,
        zone: tzinfo | None = None,
    ) -> None:
        super().__init__()
        self._store = store
        self._session_id = session_id
        self._clock = clock
        self._zone = zone
        self._asked = Asked()
        self._answered = Asked()
        self._hits: list[Hit] = []
        self._recent: list[str] = []
        self._noted = Asked()
        """The search that was noted last."""
        self._reading: Timer | None = None
        self._trouble = ""
        self._apart = False
        self._busy = False
        self._choose = False
        self._patience: Timer | None = None

    @property
    def words(self) -> str:
        """What is searched for, or was when the screen closed."""
        return self._asked.text

    def on_mount(self) -> None:
        """Come back to the last search, its words ready to be typed over."""
        last = _last.get(self.app, Asked())
        self._asked = Asked(last.text, last.here and self._session_id is not None)
        self.field.value = last.text
        super().on_mount()
        self._show()
        self._start_search()

    def on_resize(self) -> None:
        """Fit the lines."""
        self.call_after_refresh(self._show)

    # Searching

    @on(Input.Changed)
    def ask(self, event: Input.Changed) -> None:
        """Search for what is typed now."""
        self._change(Asked(event.value, self._asked.here))

    def action_toggle_scope(self) -> None:
        """Search in the open conversation, or in everything."""
        self._change(Asked(self._asked.text, not self._asked.here))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without an open conversation there is one scope."""
        return self._session_id is not None if action == "toggle_scope" else True

    def _change(self, asked: Asked) -> None:
        if asked == self._asked:
            return
        self._asked = asked
        self._choose = False
        if self._reading is not None:
            self._reading.stop()
        _last[self.app] = asked
        self._start_search()

    def _start_search(self) -> None:
        """Answer what is asked now, unless a search is under way, which will do so at its end.

        A burst of keys comes here many times before a worker begins, so what says that there is one is set here.
        """
        if not self._busy:
            self._busy = True
            self._search()

    @work(group="search")
    async def _search(self) -> None:
        """Answer the newest question; those that were typed over meanwhile are never asked."""
        self._patience = self.set_timer(PATIENCE, self._say_state)
        try:
            while True:
                asked = self._asked
                hits = await self._read(asked)
                recent = await self._store.run(SearchHistory.recent, RECENT) if self._store.is_open else []
                if asked == self._asked:
                    break
            self._trouble = ""
        except StoreError as error:
            hits, asked, recent, self._trouble = [], self._asked, [], str(error)
        finally:
            self._busy = False
            self._patience.stop()
        self._hits, self._answered, self._recent = hits, asked, recent
        self._show()
        self._reading = self.set_timer(READ, self._was_read)
        if self._choose:
            self._choose = False
            self.choose_highlighted()

    async def _read(self, asked: Asked) -> list[Hit]:
        if not asked.text.strip() or not self._store.is_open:
            return []
        session_id = self._session_id if asked.here else None
        return await self._store.run(Search.search, asked.text, limit=MOST, session_id=session_id)

    @work(group="search.note")
    async def _was_read(self) -> None:
        await self._note()

    @work(group="search.open", exclusive=True)
    async def _open(self, hit: Hit) -> None:
        await self._note()
        if self.is_active:
            self.dismiss(hit)

    async def _note(self) -> None:
        """What is searched for now was looked for: it is offered the next time."""
        asked, hits, failed = self._answered, self._hits, bool(self._trouble)
        if asked == self._noted or not asked.text.strip() or not self._store.is_open:
            return
        self._noted = asked
        session_id = self._session_id if asked.here else None
        try:
            await self._store.run(SearchHistory.record, asked.text.strip(), hits, session_id=session_id, failed=failed)
        except StoreError as error:
            self._trouble = str(error)

    def action_forget(self) -> None:
        """Take the highlighted one out of what was looked for."""
        if self._offers and self.menu.highlighted is not None:
            self._forget(self._recent[self._index(self.menu.highlighted)])

    @work(group="search.forget")
    async def _forget(self, query: str) -> None:
        await self._store.run(SearchHistory.forget, query)
        self._recent = [one for one in self._recent if one != query]
        self._show()

    @property
    def _offers(self) -> bool:
        """Whether the list shows what was looked for before, because nothing is looked for now."""
        return bool(self._recent) and not self._asked.text.strip() and self._asked == self._answered

    # The list

    def _show(self) -> None:
        """Draw the results; the highlight stays where it is if they are the same."""
        if not self.is_there:
            return
        now = self._clock()
        if self._offers:
            options = [Option(Content(one_line(query, self.room))) for query in self._recent]
        else:
            options = [Option(shown(hit, self.room, now, self._zone)) for hit in self._hits]
        self._apart = self.size.height >= ROOMY
        if self._apart:
            options = [each for option in options for each in (option, Option("", disabled=True))]
        self.fill(options, 0 if options else None)
        self._say_state()

    def _say_state(self) -> None:
        where = " in this conversation" if self._asked.here else ""
        other = "everywhere" if self._asked.here else "this conversation only"
        switch = f"   ctrl+r {other}" if self._session_id is not None else ""
        count = len(self._hits)
        if self._asked != self._answered:
            self.say(f"Searching{where}…", "esc cancel")
        elif self._trouble:
            self.say(self._trouble, "esc close")
        elif self._offers:
            self.say("Recent searches.", "enter search   shift+del forget   esc close")
        elif not self._asked.text.strip():
            self.say(f"Type to search{where or ' everything'}.", f"{switch}   esc close".strip())
        elif not count:
            self.say(f"No matches for “{one_line(self._asked.text, 40)}”{where}.", f"{switch}   esc close".strip())
        else:
            many = counted(count, "result") if count < MOST else f"First {MOST} results"
            self.say(f"{many}{where}.", f"enter open{switch}   esc close")

    # Choosing

    @on(Input.Submitted)
    def choose_highlighted(self) -> None:
        """Return the highlighted result of what is typed by now."""
        if self._busy or self._asked != self._answered:
            self._choose = True
        elif self.is_there and self.menu.highlighted is not None:
            self._choose_at(self.menu.highlighted)

    @on(OptionList.OptionSelected)
    def choose_option(self, event: OptionList.OptionSelected) -> None:
        """Return what was clicked."""
        self._choose_at(event.option_index)

    def _choose_at(self, line: int) -> None:
        """Return the result of that line; or search again for what was looked for before."""
        if self._offers:
            self.field.value = self._recent[self._index(line)]
            self.field.action_end()
        else:
            self._open(self._hits[self._index(line)])

    def _index(self, line: int) -> int:
        """Which one stands on a line of the list, in which empty ones may stand between."""
        return line // 2 if self._apart else line
