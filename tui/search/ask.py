"""Screen for a question to the history: the passages that would be sent stand below it before anything is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import ClassVar, NamedTuple

from textual import on, work
from textual.binding import Binding, BindingType
from textual.widgets import Input
from textual.widgets.option_list import Option

from sterna.chat.history_questions import FindMeaning, find_passages
from sterna.providers.guide import NAME as GUIDE
from sterna.storage import Hit, Role, StoreError, StoreThread, utc_now
from sterna.storage.conversations.quotations import Passage, passages_subject
from sterna.storage.text import one_line

from ..dialogs.send_passages import Consent, SendPassages
from ..pickers.chooser import Chooser
from .drawing import result_lines

SHOWN = 200
"""Characters of a passage in the list."""


class Receiver(NamedTuple):
    """Model that would get the passages."""

    ref: str
    """``provider/model``."""
    context_length: int | None = None
    is_allowed: bool = False
    """True where its provider may get passages without being asked about."""
    is_own: bool = False
    """True where the open conversation has chosen it."""

    @property
    def is_guide(self) -> bool:
        """True where nothing is sent: the built-in guide searches by itself."""
        return self.ref.partition("/")[0] == GUIDE


class Asked(NamedTuple):
    """Question with the passages that go with it."""

    question: str
    passages: list[Passage]
    always: bool = False
    """True where the provider may get passages from now on without a question."""


class AskHistoryScreen(Chooser[Asked | None]):
    """Returns the question and the passages that may be sent with it, or None."""

    TITLE = "Ask your history"
    PLACEHOLDER = "What did I decide about …?"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r,f3", "toggle_private", "With private ones or without", id="ask.private"),
        Binding("shift+delete", "leave_out", "Leave this passage out", id="ask.leave_out"),
        Binding("ctrl+underscore,ctrl+z", "put_back", "Undo", id="ask.undo"),
    ]

    def __init__(
        self,
        store: StoreThread,
        receiver: Receiver,
        *,
        question: str = "",
        meaning: FindMeaning | None = None,
        clock: Callable[[], datetime] = utc_now,
        zone: tzinfo | None = None,
    ) -> None:
        super().__init__()
        self._store = store
        self._receiver = receiver
        self._question = question
        self._meaning = meaning
        self._clock = clock
        self._zone = zone
        self._passages: list[Passage] = []
        self._left_out: set[str] = set()
        """Messages that the person left out."""
        self._wanted = ("", False)
        """Question, and whether private conversations are searched too."""
        self._shown = ("", False)
        self._problem = ""
        self._is_searching = False
        self._sends_next = False
        """True where enter was pressed before the passages were there."""

    def on_mount(self) -> None:
        """Search for the question that was given."""
        self.field.value = self._question
        super().on_mount()
        self._show()

    def on_resize(self) -> None:
        """Fit the lines to the width."""
        self.call_after_refresh(self._show)

    @property
    def question(self) -> str:
        """Question as it was typed, also after the screen is gone."""
        return self._wanted[0]

    @on(Input.Changed)
    def question_typed(self, event: Input.Changed) -> None:
        """Search for what is typed."""
        self._sends_next = False
        self._search_for((event.value, self._wanted[1]))

    def action_toggle_private(self) -> None:
        """Search private conversations too, or leave them out again."""
        self._search_for((self._wanted[0], not self._wanted[1]))

    def action_leave_out(self) -> None:
        """Send the question without the highlighted passage."""
        if self.menu.highlighted is not None and self.menu.highlighted < len(self._passages):
            at = self.menu.highlighted
            self._left_out.add(self._passages.pop(at).message_id)
            self._show(at)

    def action_put_back(self) -> None:
        """Put back all that was left out."""
        self._left_out.clear()
        self._shown = ("", False)
        self._search_for(self._wanted)

    def _search_for(self, wanted: tuple[str, bool]) -> None:
        self._wanted = wanted
        if not self._is_searching:
            self._is_searching = True
            self._search()

    @work(group="ask.search")
    async def _search(self) -> None:
        """Search for the newest question; those that were typed over meanwhile are never run."""
        try:
            while True:
                wanted = self._wanted
                passages = await self._find(*wanted)
                if wanted == self._wanted:
                    break
            self._problem = ""
        except StoreError as error:
            wanted, passages, self._problem = self._wanted, [], str(error)
        finally:
            self._is_searching = False
        self._shown = wanted
        self._passages = [each for each in passages if each.message_id not in self._left_out]
        self._show()
        if self._sends_next:
            self._sends_next = False
            self.send()

    async def _find(self, question: str, include_private: bool) -> list[Passage]:
        if not question.strip() or not self._store.is_open:
            return []
        return await find_passages(
            self._store,
            question,
            context_length=self._receiver.context_length,
            include_private=include_private,
            meaning=self._meaning,
        )

    def _show(self, at: int = 0) -> None:
        if not self.is_there:
            return
        now = self._clock()
        options = [Option(result_lines(_hit(each), self.room, now, self._zone)) for each in self._passages]
        self.fill(options, min(at, len(options) - 1) if options else None)
        private = "ctrl+r without private" if self._shown[1] else "ctrl+r private too"
        if self._problem:
            self.say(self._problem, "esc close")
        elif not self._shown[0].strip():
            self.say(f"Ask about anything that you said. {self._goes('What is found goes')}", "esc close")
        elif not self._passages and self._left_out:
            self.say("You left out all that was found.", f"ctrl+_ undo   {private}   esc close")
        elif not self._passages:
            self.say("Your history has nothing about this. Try other words.", f"{private}   esc close")
        else:
            keys = f"enter {'list them' if self._receiver.is_guide else 'send'}   shift+del leave out   {private}"
            self.say(f"{passages_subject(self._passages)}. {self._goes('They go')}", f"{keys}   esc cancel")

    def _goes(self, subject: str) -> str:
        """Return the sentence that says who gets the passages, which begins with ``subject``."""
        if self._receiver.is_guide:
            return "The built-in guide lists them; nothing is sent."
        return f"{subject} to {one_line(self._receiver.ref.rstrip('/'), 60)}."

    @on(Input.Submitted)
    def send(self) -> None:
        """Send the question with the passages, after a question where the provider is not allowed yet."""
        if self._is_searching or self._shown != self._wanted:
            self._sends_next = True
        elif self._passages and self.is_there:
            self._send()

    @work(group="ask.send", exclusive=True)
    async def _send(self) -> None:
        question, passages = self._shown[0].strip(), list(self._passages)
        consent: Consent | None = "once"
        if not (self._receiver.is_guide or self._receiver.is_allowed):
            consent = await self.app.push_screen_wait(SendPassages(passages, self._receiver.ref))
        if consent is not None and self.is_active:
            self.dismiss(Asked(question, passages, consent == "always"))


def _hit(passage: Passage) -> Hit:
    role: Role = "user" if passage.role == "user" else "assistant"
    text = one_line(passage.text, SHOWN)
    title = f"{passage.title} (private)" if passage.is_private else passage.title
    return Hit(passage.session_id, title, passage.message_id, role, text, passage.at)
