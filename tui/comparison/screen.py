"""Screen of a comparison: the replies in columns, or one at a time where there is no room for them."""

from __future__ import annotations

from time import process_time
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.getters import query_one
from textual.screen import Screen
from textual.style import Style
from textual.timer import Timer
from textual.widgets import Static

from sterna.storage.text import one_line

from ..context import AppContext
from ..transcript import MessageOptions
from .reply_column import LONGEST_NAME, ReplyColumn, mark

if TYPE_CHECKING:
    from sterna.chat import Comparison

NARROWEST = 36
"""Cells of a column below which one is shown at a time."""
FRAMES = 8
"""Drawings a second while replies arrive."""
REST = 4
"""Seconds without drawing after a drawing that took a second."""
GAP = "   "
SHORTEST_NAME = 4
"""Cells of a model's name below which only the current tab has one."""
TAB = Style.parse("bold reverse")


class Words(Static):
    """Line of words, some of which run an action of the screen when they are clicked."""

    ACTION = "action"

    def show(self, content: Content) -> None:
        """Show other words."""
        if not (isinstance(self.content, Content) and content.is_same(self.content)):
            self.update(content)

    async def on_click(self, event: events.Click) -> None:
        """Run the action of the word that was clicked."""
        if (action := event.style.meta.get(self.ACTION)) is not None:
            event.stop()
            await self.screen.run_action(action)

    @classmethod
    def word(cls, content: Content, action: str) -> Content:
        """Return content that runs an action."""
        return content.stylize(Style.from_meta({cls.ACTION: action}))


class ComparisonScreen(Screen[str | None]):
    """Returns the id of the reply that is to be kept, or None. What arrives goes on when it is left."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", id="comparison.leave"),
        Binding("enter", "keep", "Keep", id="comparison.keep"),
        Binding("right,l", "step(1)", "Next column", id="comparison.next"),
        Binding("left,h", "step(-1)", "Column before", id="comparison.previous"),
        *(Binding(str(number), f"choose({number - 1})", show=False) for number in range(1, 10)),
        Binding("s", "stop", "Stop", id="comparison.stop"),
        Binding("S", "stop_all", "Stop all", id="comparison.stop_all"),
        Binding("r", "hurry", "Try now", id="comparison.hurry"),
        Binding("y", "answer", "Answer whether a tool may be called", id="comparison.answer"),
        Binding("o", "toggle_reasoning", "Reasoning", id="comparison.reasoning"),
        Binding("c", "copy", "Copy", id="comparison.copy"),
    ]

    DEFAULT_CSS = """
    ComparisonScreen {
        layout: vertical;
        & #question {
            height: auto;
            max-height: 2;
            padding: 0 2;
            color: $text-secondary;
        }
        & #tabs {
            height: 1;
            padding: 0 1;
            display: none;
        }
        & #keys {
            height: 1;
            padding: 0 2;
            background: $surface;
        }
        &.-single {
            & #tabs {
                display: block;
            }
            & #question {
                max-height: 1;
            }
            & ReplyColumn, & ReplyColumn:focus-within {
                border: none;
                border-top: solid $border-blurred;
                border-title-align: left;
                display: none;
            }
            & ReplyColumn.-shown {
                display: block;
            }
        }
    }
    """

    tabs = query_one("#tabs", Words)
    keys = query_one("#keys", Words)

    def __init__(self, context: AppContext, comparison: Comparison, options: MessageOptions) -> None:
        super().__init__()
        self.context = context
        self._comparison = comparison
        self._options = options
        self._columns: list[ReplyColumn] = []
        self._current = 0
        self._ticker: Timer | None = None
        self._frame = self._next_frame = 0

    def compose(self) -> ComposeResult:
        """Compose the question, the columns, and the keys."""
        now = self.context.clock()
        question = one_line(self._comparison.prompt.content, 400)
        self._columns = [
            ReplyColumn(number, reply, self._options, now) for number, reply in enumerate(self._comparison.replies, 1)
        ]
        yield Static(Content(f"❯ {question}"), id="question", markup=False)
        yield Words(id="tabs", markup=False)
        yield Horizontal(*self._columns, id="columns")
        yield Words(id="keys", markup=False)

    def on_mount(self) -> None:
        """Show the first reply, and follow all."""
        self._ticker = self.set_interval(1 / FRAMES, self._draw)
        self.action_choose(0)

    def on_resize(self, event: events.Resize) -> None:
        """Show the columns beside each other where there is room for all."""
        is_single = event.size.width // len(self._columns) < NARROWEST
        self.set_class(is_single, "-single")
        for column in self._columns:
            column.show_title(has_corners=not is_single)
        self._show_frame()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Take the column that was clicked for the current one."""
        for number, column in enumerate(self._columns):
            if column in event.widget.ancestors_with_self and number != self._current:
                self.action_choose(number)

    @property
    def current(self) -> ReplyColumn:
        """Column that the keys are about."""
        return self._columns[self._current]

    def _draw(self) -> None:
        self._frame += 1
        if self._frame < self._next_frame:
            return
        is_over = not self._comparison.running
        began = process_time()
        for column in self._columns:
            if column.display:
                column.draw()
        self._show_frame()
        # A reply that is one endless list costs more and more: it is drawn less often, so that keys are never delayed.
        self._next_frame = self._frame + 1 + int((process_time() - began) * FRAMES * REST)
        if is_over and self._ticker is not None:
            self._ticker.stop()

    def _show_frame(self) -> None:
        """Show the tabs and the keys as they are now."""
        if not self.is_attached or not self.query("#keys"):
            return
        width = (self.size.width - 2) // len(self._columns) - 5
        parts = []
        for number, column in enumerate(self._columns):
            name = one_line((column.reply.model or "").rpartition("/")[2], LONGEST_NAME)
            is_current = number == self._current
            text = Content(f" {number + 1} {name}").truncate(max(width, SHORTEST_NAME) + 2, ellipsis=True)
            if width < SHORTEST_NAME and not is_current:
                text = Content(f" {number + 1}")
            tab = Content.assemble(text, f" {mark(column.reply)} ").stylize(TAB if is_current else Style())
            parts.append(Words.word(tab, f"choose({number})"))
        self.tabs.show(Content.assemble(*parts))
        self.keys.show(self._keys(max(1, self.size.width - 4)))

    def _keys(self, width: int) -> Content:
        """Return the keys that make sense and fit, each with a click of its own."""
        running = self._comparison.running
        hints = [("enter", "keep this", "keep"), ("←→", "column", "step(1)")]
        hints += [("y", "answer", "answer")] if self.current.reply.asking is not None else []
        hints += [("r", "try now", "hurry")] if self.current.reply.waits_for else []
        hints += [("s", "stop", "stop")] if self.current.reply in running else []
        hints += [("S", "stop all", "stop_all")] if len(running) > 1 else []
        hints += [("c", "copy", "copy"), ("esc", "keep all", "leave")]
        while len(hints) > 2 and sum(len(f"{key} {word}{GAP}") for key, word, _ in hints) - len(GAP) > width:
            hints.pop(-2)
        shown = []
        for key, word, action in hints:
            hint = Content.assemble((key, "$primary"), " ", (word, "$foreground 80%"))
            shown.append(Words.word(hint, action))
        return Content(GAP).join(shown)

    # Actions

    def action_choose(self, number: int) -> None:
        """Go to a column."""
        if number >= len(self._columns):
            return
        self._current = number
        for at, column in enumerate(self._columns):
            column.set_class(at == number, "-shown")
        self.current.draw()
        self.current.scroll.focus()
        self._show_frame()

    def action_step(self, by: int) -> None:
        """Go to the next column, or to the one before, in a ring."""
        self.action_choose((self._current + by) % len(self._columns))

    def action_keep(self) -> None:
        """Return the reply of this column."""
        if self.current.reply.content.strip():
            self.dismiss(self.current.reply.id)
        else:
            self.notify("This reply has no text to keep.")

    def action_leave(self) -> None:
        """Leave without choosing."""
        self.dismiss(None)

    def action_stop(self) -> None:
        """Stop this reply."""
        if not self.current.reply.stop():
            self.notify("This reply has ended.")

    def action_stop_all(self) -> None:
        """Stop all that are arriving."""
        if not self._comparison.stop():
            self.notify("All replies have ended.")

    def action_hurry(self) -> None:
        """Look at once whether the providers that replies wait for are back."""
        if self.context.turns is not None:
            self.context.turns.waiting.hurry()

    def action_answer(self) -> None:
        """Open the question of this reply whether a tool may be called, else one of another reply."""
        questions = self.context.tools.questions.of(self._comparison.session_id)
        own = [question for question in questions if question.ask.reply_id == self.current.reply.id]
        if not questions:
            self.notify("No tool waits for your answer.")
            return
        from ..dialogs.tool_question import ToolQuestion

        self.app.push_screen(ToolQuestion((own or questions)[0]))

    def action_toggle_reasoning(self) -> None:
        """Show or hide reasoning and tool calls of this reply."""
        self.current.view.toggle_folds()

    def action_copy(self) -> None:
        """Copy what has arrived of this reply."""
        text = self.current.reply.content
        if text:
            self.app.copy_to_clipboard(text)
            self.context.spawn(self._say_copied(), "copied")

    async def _say_copied(self) -> None:
        self.notify(f"Copied the reply{await self.context.copied_to()}.")
