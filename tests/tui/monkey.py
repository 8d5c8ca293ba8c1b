"""Somebody who presses anything, beside a model that bursts and drips and another program that writes to the file.

After each round the screen is compared with the file: what stands there, in which order, how high, under which title.
"""

from __future__ import annotations

import gc
import os
import random
from collections import Counter
from typing import Any

from home import Home, frame, no_reply_runs, opened, until
from textual import events
from textual.pilot import Pilot
from textual.screen import Screen

from sterna.storage import Invalid, NotFound, Settled, Store
from sterna.storage.text import one_line
from sterna.tui.actions.typeahead import typeahead
from sterna.tui.app import SternaApp
from sterna.tui.titles import UNTITLED
from sterna.tui.transcript.message_view import MessageView

KEY_NAMES = """
ctrl+n ctrl+r ctrl+o alt+down alt+up f2 f4 f8 ctrl+underscore shift+f8 shift+f4 escape escape f5
ctrl+l enter enter ctrl+j ctrl+g j k ctrl+d ctrl+u space g G c y v o r d n N i slash ctrl+t f1
shift+f2 shift+f3 shift+f6 shift+f7 ctrl+z ctrl+y backspace ctrl+w up down left pageup pagedown
ctrl+home ctrl+end home end tab shift+tab a b question_mark e e F C R V left right leader_v leader_e leader_C leader_F
leader_less_than_sign leader_greater_than_sign
"""
"""All that neither ends the program nor goes to the network."""
KEYS = KEY_NAMES.split()
MORE_KEY_NAMES = """
ctrl+f ctrl+p ctrl+backslash alt+h alt+p alt+t alt+q alt+r alt+o alt+s alt+i alt+n alt+l alt+c alt+j alt+k
leader_p leader_comma leader_K leader_percent_sign leader_equals_sign leader_number_sign leader_vertical_line
leader_semicolon leader_B leader_T leader_h equals_sign asterisk shift+down shift+up left_square_bracket
right_square_bracket f l delete ctrl+up ctrl+down
"""
"""Keys that open more dialogs, pressed by ``make monkey`` only: they take longer."""
MORE_KEYS = MORE_KEY_NAMES.split()
WORDS = ("tern", "naïve", "東京　タワー", "🧑‍🚀", "**bold**", "`code`", "x" * 90, "C++", "- item", "می‌خواهم", "[/x]")
SIZES = ((100, 30), (80, 24), (40, 14), (160, 48), (61, 11))
WINDOW = 160


class Monkey:
    """One sitting. ``seed`` decides everything but time."""

    def __init__(self, home: Home, app: SternaApp, pilot: Pilot[int], seed: int) -> None:
        self.home, self.app, self.pilot = home, app, pilot
        self.chance = random.Random(seed)
        self.keys = KEYS + MORE_KEYS if "MONKEY_ROUNDS" in os.environ else KEYS
        self.other = home.open()
        self.done: list[str] = []

    def text(self, most: int = 40) -> str:
        """Words, lines, and blocks of code."""
        parts = [self.chance.choice(WORDS) for _ in range(self.chance.randrange(1, most))]
        return "".join(
            part + self.chance.choice((" ", " ", "\n", "\n\n", "\n```py\n", "\n| a | b |\n|---|---|\n"))
            for part in parts
        )

    async def round(self, steps: int) -> None:
        """Do so many things, then come to rest and compare."""
        for _ in range(steps):
            step = self.chance.choice(STEPS)
            self.done.append(step)
            await getattr(self, f"do_{step}")()
        await self.rest()
        await self.compare()

    # What is done

    async def do_key(self) -> None:
        key = self.chance.choice(self.keys)
        self.done[-1] = key
        self.app.post_message(events.Key(key, key if len(key) == 1 else None))

    async def do_keys(self) -> None:
        for key in self.chance.choices(self.keys, k=5):
            self.done.append(key)
            self.app.post_message(events.Key(key, key if len(key) == 1 else None))

    async def do_paste(self) -> None:
        self.app.post_message(events.Paste(self.text()))

    async def do_ask(self) -> None:
        """A prompt, whatever has the focus."""
        self.home.model.say(self.text(120))
        if self.app.screen is self.app.main:
            self.app.main.prompt.focus()
        self.app.post_message(events.Paste(self.text(6)))
        self.app.post_message(events.Key("enter", None))

    async def do_resize(self) -> None:
        await self.pilot.resize_terminal(*self.chance.choice(SIZES))

    async def do_click(self) -> None:
        size = self.app.size
        at = (self.chance.randrange(size.width), self.chance.randrange(size.height))
        for kind in (events.MouseMove, events.MouseDown, events.MouseUp):
            self.app.post_message(kind(None, *at, 0, 0, int(kind is not events.MouseMove), False, False, False, *at))

    async def do_wheel(self) -> None:
        kind = self.chance.choice((events.MouseScrollUp, events.MouseScrollDown))
        x, y = self.app.size.width * 2 // 3, self.app.size.height // 2
        self.app.post_message(kind(None, x, y, 0, 0, 0, False, False, False, x, y))

    async def do_hold(self) -> None:
        self.home.model.hold()

    async def do_release(self) -> None:
        self.home.model.release()

    async def do_wait(self) -> None:
        await self.pilot.pause(self.chance.choice((0, 0, 0.02, 0.1)))

    async def do_elsewhere(self) -> None:
        """A commit of another program."""
        self.home.clock.forward(seconds=1)
        rows = self.other.conversations.page(0, 20)
        open_now = self.app.main.conversation.id
        picked = (
            open_now if open_now and self.chance.random() < 0.6 else (self.chance.choice(rows).id if rows else None)
        )
        try:
            self.write_elsewhere(self.other, picked)
        except (NotFound, Invalid):
            return  # the person deleted it in this moment, or a reply to it is arriving

    def write_elsewhere(self, store: Store, session_id: str | None) -> None:
        what = self.chance.randrange(11)
        messages = store.messages.before(session_id, None, 5) if session_id else []
        if session_id is None or what < 3:
            begun = store.live_replies.begin_turn(session_id if what else None, self.text(5), model="test/small")
            store.live_replies.save(begun.reply.id, self.text(10), "")
            store.live_replies.settle(begun.reply.id, Settled("done", self.text(60), model="test/small"))
        elif what == 3:
            store.conversations.rename(session_id, one_line(self.text(4), 60) or "x")
        elif what == 4 and messages:
            store.messages.edit(self.chance.choice(messages).id, self.text(20))
        elif what == 5 and messages:
            store.trash.delete_message(self.chance.choice(messages).id)
        elif what == 6:
            store.trash.delete_conversation(session_id)
        elif what == 8 and messages:
            chosen = self.chance.choice(messages)
            if chosen.role == "user":
                turn = store.live_replies.begin_edit(chosen.id, self.text(5))
            else:
                turn = store.live_replies.begin_retry(chosen.id)
            store.live_replies.settle(turn.reply.id, Settled("done", self.text(30), model="test/small"))
        elif what == 9 and messages:
            store.branches.show(self.chance.choice(store.branch_overview.of(session_id)).end)
        elif what == 10 and messages:
            store.branch_changes.fork(self.chance.choice(messages).id)
        elif (trashed := store.trash.latest()) is not None:
            store.undo.undo(trashed.token)

    # Coming to rest

    async def rest(self) -> None:
        """Leave every dialog and field, let every reply end, and wait until nothing is pending."""
        app, pilot = self.app, self.pilot
        self.home.model.release()
        await pilot.resize_terminal(*self.chance.choice(SIZES[:2]))
        await until(pilot, lambda: no_reply_runs(app))

        def leave() -> bool:
            field = app.main.sidebar.title.is_open or app.main.sidebar.filter.value
            if app.screen is not app.main or field or app.focused is not app.main.prompt:
                if app.screen is app.main and not app.main.sidebar.title.has_focus:
                    app.main.sidebar.filter.value = ""
                    app.main.prompt.focus()
                else:
                    app.post_message(events.Key("escape", None))
                return False
            return True

        try:
            await until(pilot, leave)
            await until(pilot, lambda: leave() and self.is_quiet())
        except AssertionError as error:
            raise AssertionError(f"never at rest: {self.pending()} after {self.done}") from error

    def pending(self) -> str:
        """What keeps it from resting."""
        app, main = self.app, self.app.main
        queues = [node for node in main.walk_children() if node.message_queue_size]
        workers = [worker for worker in self.app.workers if not worker.is_finished]
        rows = [main.sidebar.rows.row(index) for index in range(12)]
        listed = [(row.id, row.title) for row in rows if row]
        shown = [(view.message_id, view.message and view.message.content[:20]) for view in main.transcript._views]
        file = [(row.id, row.title) for row in self.other.conversations.page(0, 12)]
        there = self.other.messages.before(main.conversation.id, None, 200) if main.conversation.id else []
        print(f"list {listed}\nfile {file}\nshown {shown}\nfile {[(m.id, m.content[:20]) for m in there]}")
        print(f"follow={main.transcript.messages.follow} newer={main.transcript._newer} older={main.transcript._older}")
        focus = f"screens={app.screen_stack} focused={app.focused} title={main.sidebar.title.is_open}"
        layout = f"layout={main._layout_required} same={self.same()}"
        return f"{focus} {queues=} {workers=} tasks={app.context.tasks} {layout}"

    def is_quiet(self) -> bool:
        """Nothing is being read, drawn or laid out."""
        store = self.app.context.store
        pending = [node for node in self.app.main.walk_children() if node.message_queue_size]
        busy = any(not worker.is_finished for worker in self.app.workers) or self.app.context.tasks or pending
        waiting = typeahead(self.app).waiting or self.app.screen is not self.app.main
        return not busy and not waiting and store.is_open and not self.app.main._layout_required and self.same()

    def same(self) -> bool:
        """What was read last is what the file has: another program's commit is noticed once a second."""
        session_id = self.app.main.conversation.id
        rows = [(row.id, row.title) for row in self.other.conversations.page(0, 12)]
        sidebar = self.app.main.sidebar
        shown = [sidebar.rows.row(index) for index in range(len(rows))]
        if sidebar.display and [(row.id, row.title) for row in shown if row] != rows:
            return False
        if sidebar.rows.lines.rows != self.other.conversations.count():  # a hidden list reads no rows, but counts them
            return False
        if session_id is None:
            return not self.app.main.transcript._views
        return self.contents(session_id) is not None

    def contents(self, session_id: str) -> list[MessageView] | None:
        """The mounted messages, if they are a part of what the file has, whole and in order."""
        try:
            self.other.conversations.get(session_id)
        except NotFound:  # deleted a moment ago
            return None
        file = self.other.messages.before(session_id, None, 10_000)
        views = self.app.main.transcript._views
        shown, ids = [view.message for view in views], [message.id for message in file]
        if not views or not file or shown[0] is None:
            return views if not file and not views else None
        if self.app.main.transcript.messages.follow and shown[-1] != file[-1]:
            return None
        first = ids.index(views[0].message_id) if views[0].message_id in ids else -1
        return views if first >= 0 and shown == file[first : first + len(shown)] else None

    # Comparing

    async def compare(self) -> None:
        """The screen and the file say the same."""
        app, main = self.app, self.app.main
        assert app._exception is None, self.done
        assert app.return_code in (None, 0), self.done
        for view in main.transcript._views:
            await until(self.pilot, lambda view=view: self.height(view))
        lines = frame(app).split("\n")
        for view in main.transcript.messages.on_screen():
            self.check_drawn(view, lines)
        if main.conversation.id is not None:
            title = self.title(main.conversation.id)
            try:
                await until(self.pilot, lambda: title in str(main.heading.content), 10)
            except AssertionError as error:
                raise AssertionError(f"{title=} {main.heading.content=} after {self.done}") from error
            if main.transcript.messages.follow:
                file = self.other.messages.before(main.conversation.id, None, 1)
                newest = [one.id for one in file]
                await until(self.pilot, lambda: [view.message_id for view in main.transcript._views[-1:]] == newest)
        assert len(main.transcript._views) <= WINDOW + 40
        self.check_list(lines)

    def title(self, conversation_id: str) -> str:
        """Return a conversation's title; one that has none goes by its newest message."""
        record = self.other.conversations.get(conversation_id)
        if self.other.conversations.is_untitled(conversation_id):
            return one_line(record.last_message_preview or "") or UNTITLED
        return one_line(record.title)

    def height(self, view: MessageView) -> bool:
        """A message is as high as its document at its width."""
        width = view.size.width
        return not width or view.size.height == view._document.height(view.text_width(width))

    def check_drawn(self, view: MessageView, lines: list[str]) -> None:
        """The rows of a message that are on the screen are what the terminal has."""
        region = view.region.intersection(self.app.main.transcript.messages.region)
        covered = {hint.region.y for hint in self.app.main.query("Hint").results() if hint.display}
        for y in range(region.y, region.bottom):
            if y in covered or any(toast.region.contains(region.x, y) for toast in self.app.main.query("ToastRack")):
                continue
            drawn = view.render_line(y - view.region.y).text.rstrip()
            shown = "".join(self.app.main._compositor.render_strips()[y].crop(region.x, region.right).text).rstrip()
            assert one_line(shown) == one_line(drawn), (self.done, lines)

    def check_list(self, lines: list[str]) -> None:
        """The list that is drawn is the one that was read last, and has every conversation."""
        rows = self.app.main.sidebar.rows
        hidden = self.app.main.query("ToastRack Toast")
        if hidden or not rows.display or not self.app.main.sidebar.display or self.app.main.has_class("-narrow"):
            return
        assert rows.view is not None
        assert rows.lines.rows == self.other.conversations.count()
        for y in range(rows.region.y, min(rows.region.bottom, self.app.size.height)):
            drawn = rows.render_line(y - rows.region.y).text
            assert one_line(drawn) in one_line(lines[y]), (self.done, lines)


STEPS = (
    ["key"] * 8 + ["keys"] * 2 + ["paste", "ask", "ask", "ask", "resize", "click", "click", "wheel", "hold", "release"]
    + ["wait"] * 4 + ["elsewhere"] * 4
)  # fmt: skip


def widgets() -> list[MessageView | Screen[Any]]:
    """Every object of the kinds that could pile up."""
    return [thing for thing in gc.get_objects() if isinstance(thing, MessageView | Screen)]


async def sitting(home: Home, seed: int, rounds: int, steps: int) -> Counter[str]:
    """Run a monkey; return how many objects of the kinds that could pile up are there after each round."""
    gc.collect()
    gc.freeze()  # what other tests left in this process is neither counted nor walked through
    home.seed(("one", "text"), ("two", "text\n\n" * 30), ("three", "a"))
    app, most = home.app(), Counter[str]()
    async with app.run_test(size=SIZES[0]) as pilot:
        await opened(pilot, app)
        monkey = Monkey(home, app, pilot, seed)
        try:
            for number in range(rounds):
                await monkey.round(steps)
                gc.collect()
                kinds = Counter(type(widget).__name__ for widget in widgets())
                assert kinds["MessageView"] <= len(app.main.transcript._views) + WINDOW, (number, monkey.done)
                most |= kinds
        finally:
            monkey.other.close()
    return most
