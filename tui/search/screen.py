"""Search screen: recent searches, then results as the user types, everywhere or in the open conversation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakKeyDictionary

from textual import on, work
from textual.app import App
from textual.binding import Binding, BindingType
from textual.timer import Timer
from textual.widgets import Input
from textual.widgets.option_list import Option

from sterna.storage import Hit, Search, SearchHistory, SearchProblems, StoreError, StoreThread, utc_now
from sterna.storage.conversations.saved_names import with_saved
from sterna.storage.text import one_line

from ..counts import counted
from ..sidebar.conditions import ConditionSuggester
from .drawing import result_lines
from .offers import OfferingChooser

if TYPE_CHECKING:
    from sterna.chat.meaning.ways import Way

    from ..services.meaning import MeaningService

MOST_RESULTS = 50
"""Most results; more words find fewer."""
SLOW_SECONDS = 0.15
"""Time without results after which the screen says that it searches."""

SETTLED_SECONDS = 2.0
"""Time for which results must be shown before their search is recorded: before that, the word may be incomplete."""

MOST_MEANT = 20
"""Results by meaning that follow those with all the words."""
MEANING_OFF = "The search by meaning is off. Turn it on in the settings."
HOW: dict[Way, str] = {"both": "", "words": " by words", "meaning": " by meaning"}
NEXT_WAY: dict[Way, str] = {"both": "words only", "words": "meaning only", "meaning": "both"}

SPACED_HEIGHT = 32
"""Lines of a terminal from which on there are blank lines between results."""


@dataclass(frozen=True, slots=True)
class Query:
    """Text and scope of a search."""

    text: str = ""
    in_conversation: bool = False
    """Search in the open conversation only."""
    way: Way = "both"
    """By the words, by the meaning or by both, where the meaning can be searched for."""


_last: WeakKeyDictionary[App[Any], Query] = WeakKeyDictionary()
"""Last search of each running application."""


class SearchScreen(OfferingChooser):
    """Returns the result that was chosen, or None."""

    TITLE = "Search"
    PLACEHOLDER = "Search all titles and messages"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r,f3", "toggle_scope", "Here or everywhere", id="search.scope"),
        Binding("ctrl+t", "change_way", "Words, meaning or both", id="search.way"),
    ]

    def __init__(
        self,
        store: StoreThread,
        *,
        conversation_id: str | None = None,
        text: str = "",
        meaning: MeaningService | None = None,
        clock: Callable[[], datetime] = utc_now,
        zone: tzinfo | None = None,
    ) -> None:
        super().__init__(store)
        self._meaning = meaning if meaning is not None and meaning.is_on else None
        """Search by meaning, where it is on."""
        self._awaits_meaning = False
        self._meaning_problem = ""
        self._conversation_id = conversation_id
        self._text = text
        self._clock = clock
        self._zone = zone
        self._query = Query()
        self._shown_query = Query()
        self._hits: list[Hit] = []
        self._recorded = Query()
        """Search that was recorded last."""
        self._record_timer: Timer | None = None
        self._problem = ""
        self._mistake = ""
        """Sentence about a condition that means nothing, such as ``has:foo``."""
        self._is_spaced = False
        self._is_searching = False
        self._choose_first = False
        self._slow_timer: Timer | None = None

    @property
    def words(self) -> str:
        """Text of the search, saved ones in place of their names; of the last search when the screen closed."""
        return with_saved(self._query.text, self._saved)

    def on_mount(self) -> None:
        """Show the last search again, its text ready to be typed over."""
        last = Query(self._text) if self._text else _last.get(self.app, Query())
        self._query = Query(last.text, last.in_conversation and self._conversation_id is not None, last.way)
        self.field.suggester = ConditionSuggester(self._store, operators=True)
        self.field.value = last.text
        super().on_mount()
        self._show()
        self._start_search()

    def on_resize(self) -> None:
        """Fit the lines to the width."""
        self.call_after_refresh(self._show)

    # Searching

    @on(Input.Changed)
    def search_typed(self, event: Input.Changed) -> None:
        """Search for the text of the field."""
        self._change(replace(self._query, text=event.value))

    def action_toggle_scope(self) -> None:
        """Search in the open conversation, or everywhere."""
        self._change(replace(self._query, in_conversation=not self._query.in_conversation))

    def action_change_way(self) -> None:
        """Search by words alone, by meaning alone, or by both."""
        from sterna.chat.meaning.ways import WAYS

        if self._meaning is None:
            self.notify(MEANING_OFF, markup=False)
            return
        self._change(replace(self._query, way=WAYS[(WAYS.index(self._query.way) + 1) % len(WAYS)]))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Allow another scope only while a conversation is open."""
        return self._conversation_id is not None if action == "toggle_scope" else True

    def _change(self, query: Query) -> None:
        if query == self._query:
            return
        self._query = query
        self._choose_first = False
        if self._record_timer is not None:
            self._record_timer.stop()
        _last[self.app] = query
        self._start_search()

    def _start_search(self) -> None:
        """Search, unless a search is in progress, which repeats itself at its end.

        A burst of keys comes here many times before a worker begins, so the flag is set here.
        """
        if not self._is_searching:
            self._is_searching = True
            self._search()

    @work(group="search")
    async def _search(self) -> None:
        """Run the newest query; those that were typed over meanwhile are never run."""
        self._slow_timer = self.set_timer(SLOW_SECONDS, self._show_status)
        try:
            while True:
                query = self._query
                hits = await self._read(query)
                recent, saved = await self.read_offers()
                mistake = await self._read_mistake(query.text)
                if query == self._query:
                    break
            self._problem = ""
        except StoreError as error:
            hits, query, recent, saved, mistake, self._problem = [], self._query, [], {}, "", str(error)
        finally:
            self._is_searching = False
            self._slow_timer.stop()
        self._hits, self._shown_query, self._recent, self._saved = hits, query, recent, saved
        self._mistake = mistake
        self._awaits_meaning = self._looks_for_meaning(query) and not self._problem
        self._show()
        if self._awaits_meaning:
            self._add_meaning(query, hits)
            if not hits:
                return  # enter waits for what is found by meaning
        self._settle()

    def _settle(self) -> None:
        """Record the search once it has been shown for a while; choose where enter was pressed before there was one."""
        self._record_timer = self.set_timer(SETTLED_SECONDS, self._record_settled)
        if self._choose_first:
            self._choose_first = False
            self.choose_highlighted()

    def _looks_for_meaning(self, query: Query) -> bool:
        return self._meaning is not None and query.way != "words" and bool(query.text.strip()) and self._store.is_open

    @work(group="search.meaning", exclusive=True)
    async def _add_meaning(self, query: Query, hits: list[Hit]) -> None:
        """Show what is found by meaning behind what has all the words, which is on the screen already."""
        from sterna.chat.meaning.ways import one_list, room_for_meaning, way_of
        from sterna.storage import MeaningQuery

        meaning = self._meaning
        assert meaning is not None
        more: list[Hit] = []
        problem = ""
        way, text = way_of(with_saved(query.text, self._saved), query.way)
        try:
            limit = MOST_RESULTS if way == "meaning" else min(room_for_meaning(len(hits), MOST_RESULTS), MOST_MEANT)
            conversation_id = self._conversation_id if query.in_conversation else None
            more = await meaning.find(MeaningQuery(text, limit, conversation_id, hits, also_words=way == "both"))
        except StoreError as error:
            problem = str(error)
        if query != self._query or not self.is_there:
            return
        self._awaits_meaning, self._meaning_problem = False, problem
        row = self.menu.highlighted
        self._hits = one_list(hits, more, MOST_RESULTS)
        self._show(row)
        if not hits:
            self._settle()

    async def _read(self, query: Query) -> list[Hit]:
        if not query.text.strip() or not self._store.is_open:
            return []
        if self._meaning is not None:
            from sterna.chat.meaning.ways import way_of

            if way_of(with_saved(query.text, self._saved), query.way)[0] == "meaning":
                return []
        conversation_id = self._conversation_id if query.in_conversation else None
        return await self._store.run(Search.search, query.text, limit=MOST_RESULTS, session_id=conversation_id)

    async def _read_mistake(self, text: str) -> str:
        if not text.strip() or not self._store.is_open:
            return ""
        return await self._store.run(SearchProblems.of_search, text, is_typed=True)

    @work(group="search.record")
    async def _record_settled(self) -> None:
        await self._record()

    @work(group="search.open", exclusive=True)
    async def _open(self, hit: Hit) -> None:
        await self._record()
        if self.is_active:
            self.dismiss(hit)

    async def _record(self) -> None:
        """Record the search on the screen, so that it is offered the next time."""
        query, hits, has_failed = self._shown_query, self._hits, bool(self._problem)
        if query == self._recorded or not query.text.strip() or not self._store.is_open:
            return
        self._recorded = query
        conversation_id = self._conversation_id if query.in_conversation else None
        try:
            await self._store.run(
                SearchHistory.record, query.text.strip(), hits, session_id=conversation_id, failed=has_failed
            )
        except StoreError as error:
            self._problem = str(error)

    @property
    def typed(self) -> str:
        return self._query.text

    @property
    def shows_offers(self) -> bool:
        is_empty = not self._query.text.strip() and self._query == self._shown_query
        return is_empty and bool(self._recent or self._saved)

    def offer_at(self, line: int) -> int:
        return self._index(line)

    def search_again(self) -> None:
        self._start_search()

    # The list

    def _show(self, row: int | None = None) -> None:
        """Draw the results, one of them highlighted."""
        if not self.is_there:
            return
        now = self._clock()
        if self.shows_offers:
            options = self.offer_options()
        else:
            options = [Option(result_lines(hit, self.room, now, self._zone)) for hit in self._hits]
        self._is_spaced = self.size.height >= SPACED_HEIGHT
        if self._is_spaced:
            options = [each for option in options for each in (option, Option("", disabled=True))]
        self.fill(options, (row or 0) if options else None)
        self._show_status()

    def _show_status(self) -> None:
        where = " in this conversation" if self._query.in_conversation else ""
        other = "everywhere" if self._query.in_conversation else "this conversation only"
        switch = f"   ctrl+r {other}" if self._conversation_id is not None else ""
        how = HOW[self._query.way] if self._meaning is not None else ""
        if self._meaning is not None:
            switch += f"   ctrl+t {NEXT_WAY[self._query.way]}"
        count = len(self._hits)
        if self._query != self._shown_query or (self._awaits_meaning and not count):
            self.say(f"Searching{where}…", "esc cancel")
        elif self._problem:
            self.say(self._problem, "esc close")
        elif self.shows_offers:
            self.say_offers()
        elif not self._query.text.strip():
            self.say(f"Type to search{where or ' everything'}.", f"{switch}   esc close".strip())
        elif self._mistake:
            self.say(self._mistake, f"{'enter open   ' if count else ''}esc close")
        elif not count:
            none = f"No matches for “{one_line(self._query.text, 40)}”{how}{where}."
            self.say(f"{none}{self._about_meaning()}", f"{switch}   esc close".strip())
        else:
            results = counted(count, "result") if count < MOST_RESULTS else f"First {MOST_RESULTS} results"
            keys = f"enter open{switch}   ctrl+l save   esc close"
            self.say(f"{results}{how}{where}.{self._about_meaning()}", keys)

    def _about_meaning(self) -> str:
        """Return how the search by meaning stands, behind another sentence; empty where there is nothing to say."""
        if self._meaning is None:
            return f" {MEANING_OFF}" if self.words.lstrip().startswith("~") and not self._hits else ""
        if self._query.way == "words":
            return ""
        sentence = self._meaning_problem or self._meaning.sentence
        return f" {one_line(sentence, 160)}" if sentence else ""

    # Choosing

    @on(Input.Submitted)
    def choose_highlighted(self) -> None:
        """Return the highlighted result of the current text."""
        if self._is_searching or self._query != self._shown_query or (self._awaits_meaning and not self._hits):
            self._choose_first = True
        elif self.is_there and self.menu.highlighted is not None:
            self._choose(self.menu.highlighted)

    def choose_line(self, line: int) -> None:
        """Return the result that was clicked."""
        self._choose(line)

    def _choose(self, line: int) -> None:
        """Return the result of a line, or repeat the saved or recent search of that line."""
        if self.shows_offers:
            self.field.value = self.offers[self._index(line)]
            self.field.action_end()
        else:
            self._open(self._hits[self._index(line)])

    def _index(self, line: int) -> int:
        """Return the index of the item on a line of the list, which may have blank lines between items."""
        return line // 2 if self._is_spaced else line
